"""One sequence's blocks, and what is known of its tokens."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from membound.cache.blocks.errors import BlockTableTooShortError
from membound.cache.blocks.prefix import ROOT, block_digest


def num_blocks_for(num_tokens: int, block_size: int) -> int:
    """Return how many blocks of `block_size` tokens hold `num_tokens`: the quotient, rounded up."""
    return -(-num_tokens // block_size)


@dataclass
class BlockTable:
    """The block ids of a sequence in the order of its text; reserved ones come last."""

    block_size: int
    block_ids: list[int] = field(default_factory=list)
    num_tokens: int = 0
    token_ids: list[int] = field(default_factory=list)  # known from the first on, without a gap
    digests: list[bytes] = field(default_factory=list)  # of the full blocks among them
    swapped_out: bool = False

    @property
    def num_filled(self) -> int:
        """How many of the blocks hold committed tokens; the others are reserved."""
        return num_blocks_for(self.num_tokens, self.block_size)

    def copy(self) -> "BlockTable":
        """Return a table of the committed tokens, with lists of its own."""
        filled = self.block_ids[: self.num_filled]
        return BlockTable(
            self.block_size, filled, self.num_tokens, list(self.token_ids), list(self.digests)
        )

    def check_reserved(self, num_new: int) -> None:
        """Refuse tokens that no block is reserved for."""
        if num_new < 0:
            raise ValueError(f"num_new must not be negative, got {num_new}")
        if self.num_tokens + num_new > len(self.block_ids) * self.block_size:
            raise BlockTableTooShortError(
                f"{num_new} tokens after {self.num_tokens} do not fit {len(self.block_ids)} "
                f"blocks of {self.block_size}: reserve them first"
            )

    def learn(self, token_ids: Sequence[int]) -> None:
        """Note which tokens stand behind the committed ones, unless there is a gap before them."""
        if len(self.token_ids) == self.num_tokens:
            self.token_ids += [int(token_id) for token_id in token_ids]

    def hash_full_blocks(self) -> range:
        """Extend `digests` to all full blocks of known tokens; return which of them are new."""
        size = self.block_size
        new = range(len(self.digests), len(self.token_ids) // size)
        for index in new:
            parent = self.digests[-1] if self.digests else ROOT
            tokens = self.token_ids[index * size : (index + 1) * size]
            self.digests.append(block_digest(parent, tokens))
        return new

    def cut(self, num_tokens: int) -> list[int]:
        """Keep the first `num_tokens` tokens; return the blocks that are no longer needed."""
        self.num_tokens = num_tokens
        dropped = self.block_ids[self.num_filled :]
        del self.block_ids[self.num_filled :]
        del self.token_ids[num_tokens:]
        del self.digests[num_tokens // self.block_size :]
        return dropped
