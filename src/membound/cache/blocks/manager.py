"""Block tables: which blocks hold which sequence, and what may happen to them.

A sequence's life: `start` it (blocks that hold its first tokens already are shared); before each
forward pass `reserve` room for the new tokens, write them where `slots` says, and `commit` them
when all layers are written. `fork` it for a second continuation, `truncate` it to take tokens back,
`swap_out` and `swap_in` to lend its room to others, `free` it in the end.

Preemption by recomputing needs no function of its own: `free` the sequence, and later `start` it
with all its tokens; what has not been evicted in between is found again. Kwon et al., arXiv
2309.06180, sections 4.3 to 4.5.
"""

from collections.abc import Hashable, Sequence
from typing import NamedTuple

import numpy as np

from membound.arrays import Array
from membound.cache.blocks.errors import (
    KnownSequenceError,
    SwappedOutError,
    UnknownSequenceError,
)
from membound.cache.blocks.pool import BlockPool
from membound.cache.blocks.prefix import prefix_digests
from membound.cache.blocks.table import BlockTable, num_blocks_for


class BlockCopy(NamedTuple):
    """The content of block `source` must be copied to block `target` before anything else."""

    source: int
    target: int


class BlockManager:
    """`num_blocks` blocks of `block_size` tokens, shared out among sequences.

    A sequence's id is whatever its owner likes. `pool` and `swap_pool` are for looking at: how
    many blocks are available, who holds one.
    """

    def __init__(
        self,
        num_blocks: int,
        block_size: int,
        *,
        num_swap_blocks: int = 0,
        prefix_caching: bool = True,
    ):
        if num_blocks < 1 or block_size < 1:
            raise ValueError(
                f"num_blocks and block_size must be positive, got {num_blocks} and {block_size}"
            )
        self.block_size = block_size
        self.pool = BlockPool(num_blocks)
        self.swap_pool = BlockPool(num_swap_blocks)
        self._prefix_caching = prefix_caching
        self._tables: dict[Hashable, BlockTable] = {}

    @property
    def sequence_ids(self) -> tuple[Hashable, ...]:
        """The sequences that are started and not freed."""
        return tuple(self._tables)

    def num_tokens(self, sequence_id: Hashable) -> int:
        """Return how many tokens of the sequence are committed."""
        return self._any_table(sequence_id).num_tokens

    def block_table(self, sequence_id: Hashable) -> Array:
        """Return the sequence's block ids in the order of its text, reserved ones last."""
        return np.array(self._table(sequence_id).block_ids, np.intp)

    def start(self, sequence_id: Hashable, token_ids: Sequence[int] = ()) -> int:
        """Begin a sequence of these tokens; return how many of them are there already.

        Those are whole blocks, and never all tokens: the last one's logits have to be computed.
        """
        self._check_new(sequence_id)
        table = BlockTable(self.block_size)
        if self._prefix_caching:
            for digest in prefix_digests(token_ids[:-1], self.block_size):
                block_id = self.pool.reuse(digest)
                if block_id is None:
                    break
                table.block_ids.append(block_id)
                table.digests.append(digest)
        num_cached = len(table.block_ids) * self.block_size
        table.learn(token_ids[:num_cached])
        table.num_tokens = num_cached
        self._tables[sequence_id] = table
        return num_cached

    def fork(self, sequence_id: Hashable, new_id: Hashable) -> None:
        """Begin `new_id` with the committed tokens of `sequence_id`, copying no block."""
        table = self._table(sequence_id)
        self._check_new(new_id)
        self._tables[new_id] = table.copy()
        for block_id in self._tables[new_id].block_ids:
            self.pool.share(block_id)

    def reserve(self, sequence_id: Hashable, num_new: int) -> list[BlockCopy]:
        """Make room for `num_new` tokens behind the committed ones; perform the copies returned.

        A last block that others hold too is replaced by a copy (copy on write): what comes now is
        this sequence's alone.
        """
        table = self._table(sequence_id)
        if num_new < 0:
            raise ValueError(f"num_new must not be negative, got {num_new}")
        num_needed = num_blocks_for(table.num_tokens + num_new, self.block_size)
        num_missing = max(0, num_needed - len(table.block_ids))
        place = table.num_tokens // self.block_size  # where the next token goes
        next_block = table.block_ids[place] if num_new and place < len(table.block_ids) else None
        shared = next_block is not None and self.pool.num_holders(next_block) > 1
        self.pool.check_available(num_missing + shared)

        copies = []
        if shared:
            copies.append(BlockCopy(next_block, self.pool.take()))
            table.block_ids[place] = copies[0].target
            self.pool.release(next_block)
        elif next_block is not None:
            self.pool.forget(next_block)  # full once, truncated since
        table.block_ids += [self.pool.take() for _ in range(num_missing)]
        return copies

    def slots(self, sequence_id: Hashable, num_new: int) -> tuple[Array, Array]:
        """Return the block, and the place in it, to write each of the next `num_new` tokens to."""
        table = self._table(sequence_id)
        self._check_writable(table, num_new)
        positions = np.arange(table.num_tokens, table.num_tokens + num_new)
        block_ids = np.array(table.block_ids, np.intp)[positions // self.block_size]
        return block_ids, positions % self.block_size

    def commit(self, sequence_id: Hashable, num_new: int, token_ids: Sequence[int] = ()) -> None:
        """Count `num_new` tokens whose keys and values are written in every layer.

        `token_ids` says which the first of them are, as far as anybody knows: full blocks of known
        tokens can then be found by others.
        """
        table = self._table(sequence_id)
        self._check_writable(table, num_new)
        if len(token_ids) > num_new:
            raise ValueError(f"{num_new} tokens cannot have {len(token_ids)} token ids")
        table.learn(token_ids)
        table.num_tokens += num_new
        self._remember_full_blocks(table)

    def truncate(self, sequence_id: Hashable, num_tokens: int) -> None:
        """Take back all but the first `num_tokens` tokens, and whatever was reserved."""
        table = self._table(sequence_id)
        if not 0 <= num_tokens <= table.num_tokens:
            raise ValueError(f"can keep 0 to {table.num_tokens} tokens, got {num_tokens}")
        self._release(table.cut(num_tokens), self.pool)

    def free(self, sequence_id: Hashable) -> None:
        """End a sequence, swapped out or not; its blocks are released."""
        table = self._any_table(sequence_id)
        del self._tables[sequence_id]
        self._release(table.block_ids, self.swap_pool if table.swapped_out else self.pool)

    def swap_out(self, sequence_id: Hashable) -> list[BlockCopy]:
        """Move a sequence to the swap blocks: perform the copies, from `pool` to `swap_pool`."""
        table = self._table(sequence_id)
        self.swap_pool.check_available(table.num_filled)
        self._release(table.cut(table.num_tokens), self.pool)
        return self._move(table, self.pool, self.swap_pool)

    def swap_in(self, sequence_id: Hashable) -> list[BlockCopy]:
        """Bring a sequence back: perform the copies, from `swap_pool` to `pool`."""
        table = self._any_table(sequence_id)
        if not table.swapped_out:
            raise SwappedOutError(f"sequence {sequence_id!r} is not swapped out")
        self.pool.check_available(len(table.block_ids))
        copies = self._move(table, self.swap_pool, self.pool)
        self._remember_full_blocks(table)
        return copies

    def _move(self, table: BlockTable, source: BlockPool, target: BlockPool) -> list[BlockCopy]:
        copies = [BlockCopy(block_id, target.take()) for block_id in table.block_ids]
        self._release(table.block_ids, source)
        table.block_ids = [copy.target for copy in copies]
        table.digests.clear()  # in `source` they led to other blocks
        table.swapped_out = not table.swapped_out
        return copies

    def _any_table(self, sequence_id: Hashable) -> BlockTable:
        if sequence_id not in self._tables:
            raise UnknownSequenceError(f"there is no sequence {sequence_id!r}")
        return self._tables[sequence_id]

    def _table(self, sequence_id: Hashable) -> BlockTable:
        table = self._any_table(sequence_id)
        if table.swapped_out:
            raise SwappedOutError(f"sequence {sequence_id!r} is swapped out")
        return table

    def _check_new(self, sequence_id: Hashable) -> None:
        if sequence_id in self._tables:
            raise KnownSequenceError(f"sequence {sequence_id!r} is started already")

    def _check_writable(self, table: BlockTable, num_new: int) -> None:
        table.check_reserved(num_new)
        first = table.num_tokens // self.block_size
        last = num_blocks_for(table.num_tokens + num_new, self.block_size)
        for block_id in table.block_ids[first:last] if num_new else ():
            self.pool.check_writable(block_id)

    def _release(self, block_ids: list[int], pool: BlockPool) -> None:
        # The end of a text first: it is of less use to others than its beginning, and goes first
        # when blocks run out.
        for block_id in reversed(block_ids):
            pool.release(block_id)

    def _remember_full_blocks(self, table: BlockTable) -> None:
        if self._prefix_caching:
            for index in table.hash_full_blocks():
                self.pool.remember(table.block_ids[index], table.digests[index])
