"""The command line: `python -m membound generate "..."`, `quantize in.gguf out.gguf Q4_K`, `size`.

A subcommand is a function that takes the parsed arguments, and one that says which there are. What
a user got wrong is one line on stderr: exit status 2 for the arguments, 1 for what they lead to.
"""

import argparse
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from membound.decode.generate import generate
from membound.gguf.convert import FILE_TYPES, Progress, quantize_file
from membound.model.load import load_model
from membound.model.local import default_model_path
from membound.sampling.sampler import Sampler
from membound.size_command import add_size
from membound.tokenizer.bpe import StreamDecoder, Tokenizer
from membound.tokenizer.chat import SMOLLM2_SYSTEM, chat_prompt
from membound.units import format_s


def add_generate(subcommands) -> None:
    """Say what `generate` takes."""
    parser = subcommands.add_parser(
        "generate",
        help="continue a prompt, token by token",
        description="Continues a prompt on stdout, and says on stderr how long that took.",
    )
    parser.set_defaults(run=run_generate, parser=parser)
    parser.add_argument("prompt", help="what to say to the model")
    parser.add_argument(
        "--model",
        type=Path,
        metavar="PATH",
        help="a Llama-family GGUF file (default: SmolLM2-135M-Instruct)",
    )
    parser.add_argument("--max-new-tokens", type=positive, default=128, metavar="N")
    parser.add_argument(
        "--temperature", type=float, default=0.0, metavar="T", help="0 (default): the likeliest"
    )
    parser.add_argument("--top-k", type=int, metavar="K", help="draw from the K likeliest tokens")
    parser.add_argument("--top-p", type=float, metavar="P", help="draw from the likeliest P")
    parser.add_argument("--seed", type=int, metavar="S", help="the same draws every time")
    parser.add_argument(
        "--raw", action="store_true", help="continue the prompt's text; do not answer it in a chat"
    )


def run_generate(args: argparse.Namespace) -> None:
    """Stream a continuation, then its times: first token (TTFT), and per token after it (TPOT)."""
    choices = (args.top_k, args.top_p, args.seed)
    if args.temperature == 0 and any(choice is not None for choice in choices):
        args.parser.error("--top-k, --top-p and --seed need a --temperature above 0")
    try:
        sampler = Sampler(args.temperature, *choices)
    except ValueError as error:
        args.parser.error(str(error))

    model = load_model(args.model or default_model_path())
    stop_ids = [model.tokenizer.eos_id]
    prompt_ids = encode_prompt(model.tokenizer, args)
    stream, clock = StreamDecoder(model.tokenizer), [time.perf_counter()]
    with np.errstate(all="ignore"):  # of damaged weights the sampler tells, in one line
        for token_id in generate(
            model,
            prompt_ids,
            max_new_tokens=args.max_new_tokens,
            sampler=sampler,
            stop_ids=stop_ids,
        ):
            clock.append(time.perf_counter())
            print(stream.push(token_id), end="", flush=True)
    print(stream.finish(), flush=True)
    print(times(len(prompt_ids), clock), file=sys.stderr)


def encode_prompt(tokenizer: Tokenizer, args: argparse.Namespace) -> list[int]:
    """The prompt's tokens: as a user's message in a chat, or as they are."""
    if args.raw:
        token_ids = tokenizer.encode(args.prompt)
        if not token_ids:
            raise ValueError("the prompt is empty: give at least one token to continue")
        return token_ids
    if len(tokenizer.encode("<|im_start|>")) != 1:
        raise ValueError("this model has no tokens for a ChatML chat: use --raw")
    system = None if args.model else SMOLLM2_SYSTEM  # its own template's; not another model's
    return tokenizer.encode(chat_prompt([{"role": "user", "content": args.prompt}], system=system))


def times(num_prompt: int, clock: Sequence[float]) -> str:
    """`clock` is when the prompt went in, then when each token came out."""
    num_new = len(clock) - 1
    if num_new == 0:
        return f"{num_prompt} prompt tokens; the model had nothing to add"
    total_s = clock[-1] - clock[0]
    text = (
        f"{num_prompt} prompt tokens, {num_new} new in {format_s(total_s)} "
        f"({num_new / total_s:.1f} tokens/s): TTFT {format_s(clock[1] - clock[0])}"
    )
    if num_new > 1:
        text += f", TPOT {format_s((clock[-1] - clock[1]) / (num_new - 1))}"
    return text


def add_quantize(subcommands) -> None:
    """Say what `quantize` takes."""
    parser = subcommands.add_parser(
        "quantize",
        help="write a GGUF file in another format",
        description="Writes the model of one GGUF file to another, its matrices in FORMAT: the "
        "whole file or none of it. A row that is no whole number of blocks falls back to a format "
        "that fits.",
    )
    parser.set_defaults(run=run_quantize, parser=parser)
    parser.add_argument("source", type=Path, metavar="IN.gguf")
    parser.add_argument("target", type=Path, metavar="OUT.gguf")
    parser.add_argument("format", metavar="FORMAT", choices=FILE_TYPES, help=", ".join(FILE_TYPES))


def run_quantize(args: argparse.Namespace) -> None:
    """Convert tensor by tensor, with a bar on a terminal, and say what became of the size."""
    if args.target.exists() and args.target.samefile(args.source):
        raise ValueError(f"{args.target} is the file to read: write to another one")
    bar = draw_bar if sys.stderr.isatty() else None
    terminated = signal.signal(signal.SIGTERM, signal.default_int_handler)  # or a part would stay
    try:
        quantize_file(args.source, args.target, args.format, progress=bar)
    except (OSError, ValueError):
        if bar:
            print(file=sys.stderr)  # the message gets a line of its own
        raise
    finally:
        signal.signal(signal.SIGTERM, terminated)
    before, after = args.source.stat().st_size, args.target.stat().st_size
    print(f"{args.target}: {after:,} bytes, from {before:,}", file=sys.stderr)


def draw_bar(done: Progress) -> None:
    """Redraw one line: how far it is, and which tensor became what."""
    share = done.num_done / done.num_tensors
    bar = "#" * int(30 * share)
    text = f"[{bar:<30}] {share:4.0%} {done.name} {done.source_type} -> {done.target_type}"
    end = "\n" if done.num_done == done.num_tensors else ""
    print(f"\r{text[:79]:<79}", end=end, file=sys.stderr, flush=True)


def positive(text: str) -> int:
    """A whole number from 1, for argparse."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, got {value}")
    return value


def main(argv: Sequence[str] | None = None) -> int:
    """Run one subcommand and return the exit status."""
    parser = argparse.ArgumentParser(prog="membound", description="LLM inference in plain NumPy.")
    subcommands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    add_generate(subcommands)
    add_quantize(subcommands)
    add_size(subcommands)
    args = parser.parse_args(argv)
    sys.stdout.reconfigure(errors="replace")  # a terminal without emoji is no reason to stop
    try:
        args.run(args)
    except KeyboardInterrupt:
        print(file=sys.stderr)
        return 130  # as a shell reports it
    except BrokenPipeError:  # `| head` has read enough; the interpreter would complain at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        print(f"membound: {describe(error)}", file=sys.stderr)
        return 1
    except (ValueError, OverflowError) as error:
        print(f"membound: {error}", file=sys.stderr)
        return 1
    except MemoryError as error:
        print(f"membound: not enough memory: {error}", file=sys.stderr)
        return 1
    return 0


def describe(error: OSError) -> str:
    """`no such file: x`, not `[Errno 2] No such file or directory: 'x'`."""
    return f"{error.filename}: {error.strerror}" if error.filename else str(error)


if __name__ == "__main__":
    sys.exit(main())
