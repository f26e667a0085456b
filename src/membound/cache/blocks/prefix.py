"""Finding the blocks of a text that somebody has processed before.

Keys and values depend on all tokens up to their own, so a block can be used again only where
everything before it is the same too. A chained hash says so in one number:

    digest_i = hash(digest_{i-1}, tokens of block i)

Two texts share a digest where they agree from the first token to the end of that block. This is
vLLM's automatic prefix caching; SGLang keeps a radix tree of tokens to the same end (Zheng et al.,
arXiv 2312.07104, section 3).
"""

import hashlib
from collections import OrderedDict
from collections.abc import Iterator, Sequence

import numpy as np

ROOT = b""  # what comes before a first block


def block_digest(parent: bytes, token_ids: Sequence[int]) -> bytes:
    """Return the digest of a block with these tokens behind the text that `parent` stands for.

    A cryptographic hash: with a weak one a user could craft a prompt that is served another's keys.
    """
    tokens = np.asarray(token_ids, np.int64).tobytes()
    return hashlib.blake2b(parent + tokens, digest_size=16).digest()


def prefix_digests(token_ids: Sequence[int], block_size: int) -> Iterator[bytes]:
    """Yield the digest of each full block of a text, from its first token on."""
    digest = ROOT
    for end in range(block_size, len(token_ids) + 1, block_size):
        digest = block_digest(digest, token_ids[end - block_size : end])
        yield digest


class PrefixIndex:
    """Which block has which content, and in what order unused ones are given up."""

    def __init__(self):
        self._digest_to_block: dict[bytes, int] = {}
        self._block_to_digest: dict[int, bytes] = {}
        self._idle: OrderedDict[int, None] = OrderedDict()  # the first has waited longest

    @property
    def num_idle(self) -> int:
        """How many known blocks nobody holds."""
        return len(self._idle)

    def get(self, digest: bytes) -> int | None:
        """Return the block with this content, or None."""
        return self._digest_to_block.get(digest)

    def knows(self, block_id: int) -> bool:
        """Whether the block can be found by its content."""
        return block_id in self._block_to_digest

    def add(self, block_id: int, digest: bytes) -> None:
        """Let `digest` lead to the block; whichever of two equal blocks came first stays."""
        if digest not in self._digest_to_block:
            assert block_id not in self._block_to_digest
            self._digest_to_block[digest] = block_id
            self._block_to_digest[block_id] = digest

    def remove(self, block_id: int) -> None:
        """Let nothing lead to the block any more."""
        digest = self._block_to_digest.pop(block_id, None)
        if digest is not None:
            del self._digest_to_block[digest]

    def rest(self, block_id: int) -> None:
        """Put a known block that nobody holds any more at the end of the queue."""
        assert self.knows(block_id)
        self._idle[block_id] = None

    def wake(self, block_id: int) -> None:
        """Take a block that is held again out of the queue."""
        del self._idle[block_id]

    def evict(self) -> int:
        """Give up the block that has waited longest, and return it."""
        block_id, _ = self._idle.popitem(last=False)
        self.remove(block_id)
        return block_id
