"""Byte-level BPE from the vocabulary, the merges and the token types that a GGUF file carries.

Text becomes bytes, so any text has tokens; merges make frequent runs of bytes one token. Where the
idea leaves a choice, ids follow llama.cpp:

- SmolLM2 has no token for 21 of the 256 bytes (control characters, and bytes that are rare or
  impossible in UTF-8). They are dropped, so such text does not come back from `decode`;
  `strict=True` raises `ValueError` instead.
- Special tokens are looked for longest first, each in the whole text.
"""

import codecs
import operator
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Self

import numpy as np

from membound.quoted import quote
from membound.tokenizer.alphabet import from_alphabet, to_alphabet
from membound.tokenizer.merges import merge, read_merges
from membound.tokenizer.pieces import PIECES, cut_out

# Values of `tokenizer.ggml.token_type`. User-defined tokens are found in any text; control tokens
# and the unknown token only where special tokens are asked for.
NORMAL, UNKNOWN, CONTROL, USER_DEFINED = 1, 2, 3, 4

NEEDED = (
    ("tokenizer.ggml.tokens", list),
    ("tokenizer.ggml.merges", list),
    ("tokenizer.ggml.token_type", np.ndarray),
    ("tokenizer.ggml.pre", str),
)


class Tokenizer:
    """Encodes text to token ids and decodes them; adds no BOS or EOS token by itself.

    `bos_id` and `eos_id` are None where the file names none.
    """

    def __init__(
        self,
        vocabulary: Sequence[str],
        merges: Sequence[str],
        token_types: Sequence[int],
        *,
        pre: str,
        bos_id: int | None = None,
        eos_id: int | None = None,
    ):
        if pre not in PIECES:
            raise ValueError(
                f"the pre-tokeniser must be one of {', '.join(PIECES)}, not {quote(pre)}"
            )
        if not all(isinstance(token, str) for token in (*vocabulary, *merges)):
            raise ValueError("tokens and merges must be strings")
        if len(token_types) != len(vocabulary):
            raise ValueError(f"{len(vocabulary)} tokens need as many types, not {len(token_types)}")
        if np.asarray(token_types).dtype.kind not in "iu":
            raise ValueError(f"token types must be whole numbers, not {quote(token_types)}")
        for name, token_id in (("bos_id", bos_id), ("eos_id", eos_id)):
            whole = isinstance(token_id, int) and not isinstance(token_id, bool)
            if token_id is not None and not (whole and 0 <= token_id < len(vocabulary)):
                raise ValueError(
                    f"{name} must be an id from 0 to {len(vocabulary) - 1}, not {quote(token_id)}"
                )
        self.vocabulary = vocabulary
        self.bos_id = bos_id
        self.eos_id = eos_id
        self._pieces = PIECES[pre]
        self._types = [int(token_type) for token_type in token_types]
        self._ids = {token: token_id for token_id, token in enumerate(vocabulary)}
        self._byte_ids = [self._ids.get(to_alphabet(bytes([byte]))) for byte in range(256)]
        self._merges = read_merges(merges, self._ids)
        self._special = self._longest_first(UNKNOWN, CONTROL, USER_DEFINED)
        self._user_defined = self._longest_first(USER_DEFINED)

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, Any]) -> Self:
        """The tokenizer that a GGUF file's metadata describes; `ValueError` for another kind."""
        model = metadata.get("tokenizer.ggml.model")
        if not (isinstance(model, str) and model == "gpt2"):
            raise ValueError(
                f"tokenizer.ggml.model must be 'gpt2' (byte-level BPE), not {quote(model)}"
            )
        for key, kind in NEEDED:
            if not isinstance(metadata.get(key), kind):
                raise ValueError(f"the metadata need {key} as {kind.__name__}")
        *lists, pre = (metadata[key] for key, _ in NEEDED)
        return cls(
            *lists,
            pre=pre,
            bos_id=metadata.get("tokenizer.ggml.bos_token_id"),
            eos_id=metadata.get("tokenizer.ggml.eos_token_id"),
        )

    def encode(self, text: str, *, parse_special: bool = True, strict: bool = False) -> list[int]:
        """The token ids of `text`.

        With `parse_special`, "<|im_end|>" in the text is that token; without, it is ten characters.
        Bytes without a token are dropped, or with `strict` raise `ValueError`.
        """
        token_ids: list[int] = []
        known: dict[str, list[int]] = {}  # a text repeats its words
        special = self._special if parse_special else self._user_defined
        for part in cut_out(text, special):
            if isinstance(part, int):
                token_ids.append(part)
                continue
            for piece in self._pieces(part):
                if piece not in known:
                    known[piece] = self._encode_piece(piece, strict)
                token_ids += known[piece]
        return token_ids

    def decode_bytes(self, token_ids: Iterable[int]) -> bytes:
        """The bytes that the tokens stand for, one after the other."""
        return b"".join(map(self.token_bytes, token_ids))

    def decode(self, token_ids: Iterable[int]) -> str:
        """The text of the tokens; bytes that are not UTF-8 become "\\ufffd"."""
        return self.decode_bytes(token_ids).decode("utf-8", errors="replace")

    def token_bytes(self, token_id: int) -> bytes:
        """The bytes of one token: a normal one spells them in GPT-2's alphabet."""
        token_id = operator.index(token_id)
        if not 0 <= token_id < len(self.vocabulary):
            raise ValueError(f"token ids go from 0 to {len(self.vocabulary) - 1}, not {token_id}")
        token = self.vocabulary[token_id]
        return from_alphabet(token) if self._types[token_id] == NORMAL else token.encode()

    def _encode_piece(self, piece: str, strict: bool) -> list[int]:
        data = piece.encode()
        tokens = [self._byte_ids[byte] for byte in data]
        if strict and None in tokens:
            missing = data[tokens.index(None)]
            raise ValueError(f"the vocabulary has no token for byte 0x{missing:02x} in {piece!r}")
        return [token for token in merge(tokens, self._merges) if token is not None]

    def _longest_first(self, *types: int) -> dict[str, int]:
        tokens = zip(self.vocabulary, self._types, strict=True)
        found = [token for token, token_type in tokens if token_type in types and token]
        return {token: self._ids[token] for token in sorted(found, key=len, reverse=True)}


class StreamDecoder:
    """Decodes token by token, and holds back a character until its last byte has come."""

    def __init__(self, tokenizer: Tokenizer):
        self._tokenizer = tokenizer
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")

    def push(self, token_id: int) -> str:
        """The text that this token completes; "" while a character is unfinished."""
        return self._decoder.decode(self._tokenizer.token_bytes(token_id))

    def finish(self) -> str:
        """What is left: "\\ufffd" for a character that never ended, else ""."""
        return self._decoder.decode(b"", final=True)
