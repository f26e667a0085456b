"""Commands that are known to be dead, refused wherever a reader could copy them.

They live on in countless tutorials, so they come back with the next edit. A page that has to speak
of one describes it in words. Each rule looks at one piece of text: a fence, a line of prose, a
sheet of the deployment guide, a client.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sitebuild.problems import Problem
from sitebuild.source.fences import read_fences


@dataclass(frozen=True)
class Dead:
    """A pattern that fails, and what to write. With `unless`, only where that does not follow."""

    pattern: re.Pattern[str]
    instead: str
    unless: re.Pattern[str] | None = None
    within: re.Pattern[str] | None = None

    def find(self, text: str) -> int | None:
        """Where the pattern stands in `text`, if it does and nothing excuses it."""
        if self.within and not self.within.search(text):
            return None
        if self.unless and self.unless.search(text):
            return None
        match = self.pattern.search(text)
        return match.start() if match else None


def _dead(pattern: str, instead: str, *, unless: str = "", within: str = "") -> Dead:
    excuse, place = (re.compile(p, re.I) if p else None for p in (unless, within))
    return Dead(re.compile(pattern, re.M), instead, excuse, place)


DEAD = (
    _dead(
        r"(?:^|&&|;)\s*make\b(?=\s*(?:$|&&|[;'\"-]|\w+=))",
        "llama.cpp is built with cmake -B build && cmake --build build --config Release",
        within=r"llama\.cpp",
    ),
    _dead(
        r"(?<![\w/])\./(?:llama-\w+|main)\b", "programs are in ./build/bin, or installed as llama"
    ),
    _dead(r"ggerganov/llama\.cpp", "the repository is ggml-org/llama.cpp"),
    _dead(r"\btrtllm-build\b", "there is no engine to build: trtllm-serve MODEL"),
    _dead(r"\bconvert_checkpoint\b", "there is nothing to convert: trtllm-serve MODEL"),
    _dead(
        r"/api/(?:generate|chat)\b[\s\S]*?(?:-d\b|json=|\"model\"|data=)",
        'Ollama streams unless the request says "stream": false',
        unless=r"[\"']stream[\"']\s*:\s*(?:false|true)|iter_lines",
    ),
    _dead(
        r"\bOpenAI\((?![^)]*api_key)[^)]*\)",
        'OpenAI(…) raises without a key: api_key="EMPTY"',
    ),
    _dead(r"vllm\.entrypoints\.openai\.api_server", "the command is vllm serve MODEL"),
    _dead(r"(?<!\w)--draft(?:-max|-min|-n)?(?![\w-])", "the flag is --spec-draft-n-max"),
    _dead(r"\bguided_(?:json|regex|choice|grammar)\b", "the field is structured_outputs"),
    _dead(
        r"\bWSL\s?2?\b",
        "Ollama and llama.cpp run on Windows itself",
        within=r"ollama|llama\.cpp|macOS",
    ),
    _dead(r"\bTheBloke\b", "take the files of the model's publisher or of ggml-org"),
)


def find_dead(text: str) -> Iterator[tuple[int, str]]:
    """Each dead command in a piece of text: the line it stands on, from 0, and what to write."""
    for dead in DEAD:
        at = dead.find(text)
        if at is not None:
            start = at + len(text[at:]) - len(text[at:].lstrip())
            found = text[start:].split("\n", 1)[0].strip()
            yield text[:start].count("\n"), f'dead command "{found[:60]}": {dead.instead}'


def find_dead_commands(root: Path) -> list[Problem]:
    """Every dead command in the pages, the README, and the deployment guide's data."""
    pages = sorted((root / "docs").glob("*/**/*.md"))
    tools = sorted((root / "docs" / "tools").glob("**/*.*"))
    return [
        Problem(file.relative_to(root), first + line, message)
        for file in (*pages, root / "README.md", *tools)
        if file.is_file() and file.suffix in (".md", ".toml", ".py")
        for first, piece in _pieces(file)
        for line, message in find_dead(piece)
    ]


def _pieces(file: Path) -> Iterator[tuple[int, str]]:
    """The pieces of a file, each with the number of its first line."""
    text = file.read_text(encoding="utf-8")
    lines = text.splitlines()
    if file.suffix == ".py":
        yield 1, text
    elif file.suffix == ".toml":
        yield from _blocks_of(lines)
    else:
        fences = read_fences(lines, lambda _line, _message: None)
        fenced: set[int] = set()
        for fence in fences:
            fenced.update(range(fence.line, (fence.end or len(lines)) + 1))
            yield fence.line + 1, "\n".join(fence.body)
        yield from ((n, line) for n, line in enumerate(lines, 1) if n not in fenced)


def _blocks_of(lines: list[str]) -> Iterator[tuple[int, str]]:
    """The entries of a TOML file: what stands between two empty lines."""
    start, held = 1, list[str]()
    for number, line in enumerate([*lines, ""], 1):
        if line.strip():
            start = start if held else number
            held.append(line)
        elif held:
            yield start, "\n".join(held)
            held = []
