"""GPT-2's alphabet: one printable character for each of the 256 bytes.

Byte-level BPE merges bytes, but its vocabulary is stored as text. Bytes that print (in Latin-1)
stand for themselves; the other 68, among them the space, take the characters from U+0100 on. So
a space reads "Ġ". (`bytes_to_unicode` in encoder.py of openai/gpt-2)
"""

from types import MappingProxyType

from membound.quoted import quote

PRINTABLE = (*range(33, 127), *range(161, 173), *range(174, 256))
HIDDEN = tuple(byte for byte in range(256) if byte not in PRINTABLE)

# Both tables map code points, as `str.translate` wants them: bytes as Latin-1 text, and back.
BYTE_TO_CHAR = MappingProxyType(
    {byte: byte for byte in PRINTABLE} | {byte: 256 + index for index, byte in enumerate(HIDDEN)}
)
CHAR_TO_BYTE = MappingProxyType({char: byte for byte, char in BYTE_TO_CHAR.items()})


def to_alphabet(data: bytes) -> str:
    """One character of the alphabet per byte."""
    return data.decode("latin-1").translate(BYTE_TO_CHAR)


def from_alphabet(text: str) -> bytes:
    """The bytes that `text` spells; `ValueError` for a character outside the alphabet."""
    strangers = [char for char in text if ord(char) not in CHAR_TO_BYTE]
    if strangers:
        raise ValueError(f"{strangers[0]!r} in {quote(text)} stands for no byte")
    return text.translate(CHAR_TO_BYTE).encode("latin-1")
