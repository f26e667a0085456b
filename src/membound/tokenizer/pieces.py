r"""Cut text into pieces before any merging: words, numbers, punctuation, white space.

Merges never cross a cut, so "dog" and "dog!" share a token. GPT-2 published its cuts as

    's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+

SmolLM first makes each digit a piece of its own. Python's `re` has no \p{L}; so each character is
replaced by a letter for its class, the pattern runs over the classes, and its spans cut the text.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from types import MappingProxyType

# "L" letter, "N" number, "S" white space, "O" other. The space, the apostrophe and the letters of
# 's 't 're 've 'm 'll 'd stay themselves.
THEMSELVES = frozenset(" 'delmrstv")
GPT2 = re.compile(r"'(?:s|t|re|ve|m|ll|d)| ?[Ldelmrstv]+| ?N+| ?[O']+|[S ]+(?![^S ])|[S ]+")
DIGIT_OR_REST = re.compile(r"N|[^N]+")
NOT_WHITE_SPACE = "\x1c\x1d\x1e\x1f"  # to `str.isspace` they are, to Unicode and llama.cpp not


@lru_cache(maxsize=1 << 16)
def char_class(char: str) -> str:
    """The letter that stands for `char` in the pattern."""
    if char in THEMSELVES:
        return char
    if char.isspace() and char not in NOT_WHITE_SPACE:
        return "S"
    category = unicodedata.category(char)[0]
    return category if category in "LN" else "O"


def classes_of(text: str) -> str:
    """`text` with each character replaced by its class: "I'm 12!" reads "L'm NNO"."""
    return "".join(map(char_class, text))


def gpt2_pieces(text: str) -> Iterator[str]:
    """GPT-2's pieces; together they are `text`."""
    for match in GPT2.finditer(classes_of(text)):
        yield text[match.start() : match.end()]


def smollm_pieces(text: str) -> Iterator[str]:
    """SmolLM's pieces: each digit alone, GPT-2's pieces between the digits."""
    for match in DIGIT_OR_REST.finditer(classes_of(text)):
        yield from gpt2_pieces(text[match.start() : match.end()])


# By the names that GGUF's `tokenizer.ggml.pre` gives them.
PIECES: MappingProxyType[str, Callable[[str], Iterator[str]]] = MappingProxyType(
    {"gpt-2": gpt2_pieces, "smollm": smollm_pieces}
)


def cut_out(text: str, special: Mapping[str, int]) -> list[str | int]:
    """`text` with each special token in it replaced by its id, looked for in order."""
    parts: list[str | int] = [text]
    for token, token_id in special.items():
        if token in text:
            before, parts = parts, []
            for part in before:
                for piece in [part] if isinstance(part, int) else part.split(token):
                    parts += [piece, token_id]
                parts.pop()
    return parts
