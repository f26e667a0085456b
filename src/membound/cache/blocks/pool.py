"""Blocks counted out: which are free, who holds which, and which could be found again.

A block is a number here. Each is in one of three states: *held* by one or more tables, *idle*
(nobody holds it, but its tokens are known and may be asked for again) or *free*. Kwon et al.,
"Efficient Memory Management for Large Language Model Serving with PagedAttention" (arXiv
2309.06180), sections 4.2 to 4.4; the idle blocks are vLLM's automatic prefix caching.
"""

from membound.cache.blocks.errors import (
    BlockError,
    DoubleFreeError,
    OutOfBlocksError,
    SharedBlockError,
)
from membound.cache.blocks.prefix import PrefixIndex


class BlockPool:
    """`num_blocks` blocks, numbered from 0."""

    def __init__(self, num_blocks: int):
        if num_blocks < 0:
            raise ValueError(f"num_blocks must not be negative, got {num_blocks}")
        self._num_holders = [0] * num_blocks
        # A stack: the block given back last is taken first, while the processor's caches may still
        # have it; and a text freed from its end leaves its blocks in order for the next text.
        self._free = list(reversed(range(num_blocks)))
        self._index = PrefixIndex()

    @property
    def num_blocks(self) -> int:
        """How many blocks there are."""
        return len(self._num_holders)

    @property
    def num_available(self) -> int:
        """How many blocks could be taken now: the free ones and the idle ones."""
        return len(self._free) + self._index.num_idle

    @property
    def num_idle(self) -> int:
        """How many blocks nobody holds, though their content could still be found."""
        return self._index.num_idle

    def num_holders(self, block_id: int) -> int:
        """Return how many tables hold the block."""
        if not 0 <= block_id < self.num_blocks:
            raise BlockError(f"block ids go from 0 to {self.num_blocks - 1}, got {block_id}")
        return self._num_holders[block_id]

    def check_available(self, num_blocks: int) -> None:
        """Refuse what could not be taken."""
        if num_blocks > self.num_available:
            raise OutOfBlocksError(
                f"{num_blocks} blocks are needed, {self.num_available} of {self.num_blocks} "
                f"are free or idle"
            )

    def take(self) -> int:
        """Return a block with one holder: a free one, else the idle one that waited longest."""
        self.check_available(1)
        block_id = self._free.pop() if self._free else self._index.evict()
        self._num_holders[block_id] = 1
        return block_id

    def share(self, block_id: int) -> None:
        """Count one more holder of a block that somebody holds."""
        self._check_held(block_id)
        self._num_holders[block_id] += 1

    def release(self, block_id: int) -> None:
        """Count one holder less; the last one leaves the block idle if it can be found, or free."""
        self._check_held(block_id)
        self._num_holders[block_id] -= 1
        if self._num_holders[block_id]:
            return
        if self._index.knows(block_id):
            self._index.rest(block_id)
        else:
            self._free.append(block_id)

    def check_writable(self, block_id: int) -> None:
        """Refuse a block whose content somebody else reads, or may come back for."""
        if self.num_holders(block_id) != 1:
            raise SharedBlockError(
                f"block {block_id} has {self._num_holders[block_id]} holders: "
                f"only a block with one may be written to"
            )
        if self._index.knows(block_id):
            raise SharedBlockError(f"block {block_id} can be found by its content: reserve first")

    def remember(self, block_id: int, digest: bytes) -> None:
        """Let the held, full block be found by `digest`, unless another one is already."""
        self._check_held(block_id)
        self._index.add(block_id, digest)

    def forget(self, block_id: int) -> None:
        """Let the held block no longer be found: its one holder is about to write to it."""
        assert self.num_holders(block_id) == 1
        self._index.remove(block_id)

    def reuse(self, digest: bytes) -> int | None:
        """Return the block with this content, with one holder more; None if there is none."""
        block_id = self._index.get(digest)
        if block_id is not None:
            if not self._num_holders[block_id]:
                self._index.wake(block_id)
            self._num_holders[block_id] += 1
        return block_id

    def _check_held(self, block_id: int) -> None:
        if not self.num_holders(block_id):
            raise DoubleFreeError(f"block {block_id} is held by nobody")
