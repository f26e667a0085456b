"""What scripts/measure-decode runs: a decode step against the time to read its weights.

The bound is bytes / speed. The bytes are all weights but the embedding, of which a token reads one
row; keys and values come to less than 1 % of them here. The speed is that of the best of the ways
in `membound.bench.read_probes` to read 512 MiB, in the same run, with as many threads. Each ratio
is taken between neighbours, turn by turn: a host that is faster in some seconds than in others
then speeds up both.
"""

import sys

import numpy as np

from membound.arrays import aligned_empty, off_the_line
from membound.bench import interleave, machine_line, paired_ratio, read_probes
from membound.cache.concatenated import ConcatenatedCache
from membound.model.layouts import MATRICES, own_arrays
from membound.model.load import Model, load_model
from membound.model.local import default_model_path
from membound.model.transformer import forward
from membound.units import GB, format_bytes, format_s

CHOSEN = {"qkv": "vecdot", "o": "vecdot", "down": "dot", "gate_up": "in, out", "head": "in, out"}
WALK_VALUES = 1 << 26  # 256 MiB
PROMPT = "<|im_start|>user\nWhy is the sky blue?<|im_end|>\n<|im_start|>assistant\n"


class Step:
    """One way to decode: each call processes one token and chooses the next, greedily."""

    def __init__(self, decode, cache, first_id: int):
        self.decode, self.cache = decode, cache
        self.token_ids = [first_id]

    def __call__(self) -> None:
        logits = self.decode(self.token_ids[-1], self.cache)
        self.token_ids.append(int(logits.argmax()))


def steps(model: Model, num_tokens: int) -> dict[str, Step]:
    """The ways to compare, after one prompt."""
    prompt_ids, config = model.tokenizer.encode(PROMPT), model.config
    growing = ConcatenatedCache(config.num_layers, config.num_kv_heads, config.head_dim)
    in_place = model.new_cache(len(prompt_ids) + num_tokens)
    first_id = int(model.prefill(prompt_ids, growing).argmax())
    model.prefill(prompt_ids, in_place)

    plain = own_arrays(model.weights, MATRICES, order="C")  # as tutorials store them

    def textbook(token_id: int, cache: ConcatenatedCache) -> np.ndarray:
        return forward(plain, [token_id], cache)[0]

    return {
        "textbook": Step(textbook, growing, first_id),
        "fast": Step(model.decode, in_place, first_id),
    }


def measure_steps(num_tokens: int) -> None:
    """Time a token, check that the tokens are equal, print."""
    warmup = 2
    model = load_model(default_model_path())
    decoders = steps(model, num_tokens + warmup)
    array, probes = read_probes()
    timings = interleave(decoders | probes, warmup=warmup, repeats=num_tokens)
    tokens = decoders["fast"].token_ids
    if tokens != decoders["textbook"].token_ids:
        sys.exit("measure-decode: the two decoders chose different tokens")

    nbytes = model.weights.bytes_read_per_token
    best = min(probes, key=lambda name: timings[name].median_s)
    bound_s = timings[best].median_s * nbytes / array.nbytes
    fast = timings["fast"]
    of_textbook = paired_ratio(timings["textbook"], fast)
    of_bound = paired_ratio(timings[best], fast) * nbytes / array.nbytes

    print(f"medians of {num_tokens} tokens, taken in turns; all {len(tokens)} tokens are equal")
    print(f"\nreading {format_bytes(array.nbytes)}:")
    for name in probes:
        speed = array.nbytes / timings[name].median_s
        print(f"  {name:<10}{format_bytes(speed) + '/s':>12}{spread(timings[name])}")
    print(f"\none token, {format_bytes(nbytes)} of weights:")
    for name in decoders:
        line = f"  {name:<10}{format_s(timings[name].median_s):>12}{spread(timings[name])}"
        print(f"{line}  {1 / timings[name].median_s:6.1f} tokens/s")
    print(f"  {'bound':<10}{format_s(bound_s):>12}{'':>15}  {1 / bound_s:6.1f} tokens/s")
    print("\nmedians of the ratios within a turn:")
    print(f"  fast / textbook   {of_textbook:.2f} times the speed")
    print(f"  fast / bound      {of_bound:.2f} of the speed")
    if max(timing.spread for timing in timings.values()) > 0.3:
        print("\nThe spread says that something else is using this machine: trust none of these.")


def measure_ways(num_rounds: int) -> None:
    """Time every way to multiply by each kind of matrix, on walks that are larger than caches."""
    weights = load_model(default_model_path()).weights
    print(f"medians of {num_rounds} walks, taken in turns, in GB/s; * is what the library does\n")
    heads = f"{'vecdot':>10}{'vecdot, x on a line':>23}{'dot':>8}{'dot (in, out)':>17}"
    print(f"  {'':<9}{'(out, in)':>14}{heads}")
    for kind, chosen in CHOSEN.items():
        shape = (weights.head if kind == "head" else getattr(weights.layers[0], kind)).shape
        count = -(-WALK_VALUES // (shape[0] * shape[1]))
        walk = aligned_empty(count * shape[0] * shape[1]).reshape(count, *shape)
        walk[:] = 1
        turned = walk.reshape(count, shape[1], shape[0])
        x, on_line = off_the_line(shape[1]), aligned_empty(shape[1])
        x[:] = on_line[:] = 1
        out = np.empty(shape[0], np.float32)
        runs = {
            "vecdot": lambda w=walk, x=x, out=out: [np.vecdot(m, x, out=out) for m in w],
            "on a line": lambda w=walk, x=on_line, out=out: [np.vecdot(m, x, out=out) for m in w],
            "dot": lambda w=walk, x=x, out=out: [np.dot(m, x, out=out) for m in w],
            "in, out": lambda w=turned, x=x, out=out: [np.dot(m.T, x, out=out) for m in w],
        }
        timings = interleave(runs, repeats=num_rounds)
        speeds = [
            f"{walk.nbytes / timings[way].median_s / GB:.1f}{'*' if way == chosen else ' '}"
            for way in runs
        ]
        cells = f"{speeds[0]:>11}{speeds[1]:>23}{speeds[2]:>8}{speeds[3]:>17}"
        print(f"  {kind:<9}{shape!s:>14}{cells}")


def spread(timing) -> str:
    """The middle half of the times, as a share of their median."""
    return f"  (spread {timing.spread:4.0%})"


if __name__ == "__main__":
    print(machine_line())
    measure = {"steps": measure_steps, "ways": measure_ways}[sys.argv[1]]
    measure(int(sys.argv[2]))
