"""Keys and values of many sequences in one memory of blocks, found through block tables.

A `PagedMemory` holds the arrays and the `BlockManager` that says which block is whose; a
`PagedCache` is one sequence in it, behind the interface that every decoder knows. Unlike
`contiguous` no room is set aside for tokens that may not come, beginnings are shared, and what is
shared is copied when it is written to. Kwon et al., arXiv 2309.06180, section 4.
"""

import math
from collections.abc import Sequence
from itertools import count

import numpy as np

from membound.arrays import Array, Float32
from membound.cache.blocks.manager import BlockCopy, BlockManager


class PagedMemory:
    """`num_blocks` blocks of `block_size` tokens' keys and values, in every layer.

    `store` is (num_layers, 2, num_kv_heads, num_blocks, block_size, head_dim), keys before values;
    `swap_store` has the same shape with `num_swap_blocks` blocks. In a server it would lie in the
    host's memory and `store` in the GPU's.
    """

    def __init__(
        self,
        num_layers: int,
        num_kv_heads: int,
        head_dim: int,
        *,
        num_blocks: int,
        block_size: int = 16,
        num_swap_blocks: int = 0,
        prefix_caching: bool = True,
    ):
        if min(num_layers, num_kv_heads, head_dim) < 1:
            raise ValueError(
                f"num_layers, num_kv_heads and head_dim must be positive, got {num_layers}, "
                f"{num_kv_heads} and {head_dim}"
            )
        self.manager = BlockManager(
            num_blocks, block_size, num_swap_blocks=num_swap_blocks, prefix_caching=prefix_caching
        )
        shape = (num_layers, 2, num_kv_heads, num_blocks, block_size, head_dim)
        self.store = np.zeros(shape, np.float32)
        self.swap_store = np.zeros((*shape[:3], num_swap_blocks, *shape[4:]), np.float32)
        self._gathered = np.zeros(0, np.float32)
        self._ids = count()

    @property
    def block_bytes(self) -> int:
        """The bytes of one block: block_size tokens' keys and values in all layers."""
        return self.store.nbytes // self.store.shape[3]

    def start(self, token_ids: Sequence[int] = ()) -> "PagedCache":
        """Begin a sequence of these tokens; those that the cache counts already need no computing.

        Pass the rest, `token_ids[cache.num_tokens:]`, through the model. Others will find the
        tokens named here, and those that `expect` names later.
        """
        sequence_id = self.new_id()
        num_cached = self.manager.start(sequence_id, token_ids)
        return PagedCache(self, sequence_id, token_ids[num_cached:])

    def new_id(self) -> int:
        """Return a name for a sequence that no other has had."""
        return next(self._ids)

    def write(self, layer: int, blocks: Array, places: Array, k: Float32, v: Float32) -> None:
        """Write tokens' `k`, `v` (num_kv_heads, T, head_dim) to places (T,) in blocks (T,)."""
        keys, values = self.store[layer]
        keys[:, blocks, places] = k
        values[:, blocks, places] = v

    def locate(self, block_table: Array) -> Array | slice:
        """Return where a table's blocks are: a slice if they lie side by side, else the table."""
        if not len(block_table):
            return slice(0, 0)
        first, num_blocks = int(block_table[0]), len(block_table)
        if (block_table == np.arange(first, first + num_blocks)).all():
            return slice(first, first + num_blocks)
        return block_table

    def read(self, layer: int, where: Array | slice, num_tokens: int) -> tuple[Float32, Float32]:
        """Return the keys and values, (num_kv_heads, num_tokens, head_dim), of blocks `where`.

        Blocks side by side are returned where they lie. Others are copied together, into one
        buffer for the whole memory: what it held is gone with the next `read`.
        """
        store = self.store[layer]
        if isinstance(where, slice):
            blocks = store[:, :, where]
        else:
            shape = (*store.shape[:2], len(where), *store.shape[3:])
            size = math.prod(shape)
            if self._gathered.size < size:
                # Room for twice as many: fresh memory at each new block costs more than the copy.
                self._gathered = np.zeros(2 * size, np.float32)
            blocks = self._gathered[:size].reshape(shape)
            # mode="clip" spares `take` a copy of its own; the manager's ids are in range.
            store.take(where, axis=2, out=blocks, mode="clip")
        shape = (*store.shape[:2], blocks.shape[2] * blocks.shape[3], store.shape[-1])
        keys, values = blocks.reshape(shape)[:, :, :num_tokens]
        return keys, values

    def copy(self, copies: list[BlockCopy], source: Array, target: Array) -> None:
        """Copy whole blocks, in all layers, from one store to another or the same."""
        if copies:
            sources, targets = np.array(copies).T
            target[:, :, :, targets] = source[:, :, :, sources]


class PagedCache:
    """One sequence in a `PagedMemory`; `PagedMemory.start` makes it, `free` ends it."""

    def __init__(self, memory: PagedMemory, sequence_id: int, expected: Sequence[int]):
        self._memory = memory
        self._manager = memory.manager
        self._sequence_id = sequence_id
        self._expected = list(expected)
        self._forget_pass()

    @property
    def num_tokens(self) -> int:
        """How many tokens have passed, here or in a sequence that began alike."""
        return self._manager.num_tokens(self._sequence_id)

    @property
    def capacity(self) -> int:
        """How many tokens fit into all blocks; other sequences may hold some of them."""
        return self._manager.pool.num_blocks * self._manager.block_size

    @property
    def nbytes(self) -> int:
        """The bytes of the blocks in the table, shared ones among them."""
        return len(self.block_table) * self._memory.block_bytes

    @property
    def block_table(self) -> Array:
        """The blocks of this sequence, in the order of its text."""
        return self._manager.block_table(self._sequence_id)

    def expect(self, token_ids: Sequence[int]) -> None:
        """Say which tokens will pass next, so that other sequences can find them."""
        self._expected += token_ids

    def append(self, layer: int, k: Float32, v: Float32) -> tuple[Float32, Float32]:
        """Write `k`, `v` (num_kv_heads, T, head_dim) into blocks; return the whole sequence's.

        What comes back is to be read before the next `append` to any cache of the memory.
        """
        num_new = k.shape[1]
        if num_new != self._num_new:
            self._prepare(num_new)
        self._memory.write(layer, *self._slots, k, v)
        return self._memory.read(layer, self._where, self._num_past + num_new)

    def visible(self, num_new: int) -> None:
        """None: attention is causal."""

    def advance(self, num_new: int) -> None:
        """Count tokens that every layer has appended."""
        self._manager.commit(self._sequence_id, num_new, self._expected[:num_new])
        del self._expected[:num_new]
        self._forget_pass()

    def truncate(self, num_tokens: int) -> None:
        """Forget all but the first `num_tokens` tokens; blocks without a token are given back."""
        self._manager.truncate(self._sequence_id, num_tokens)
        self._expected.clear()
        self._forget_pass()

    def fork(self) -> "PagedCache":
        """Return a second continuation of the same text; it shares every block with this one."""
        new_id = self._memory.new_id()
        self._manager.fork(self._sequence_id, new_id)
        self._forget_pass()
        return PagedCache(self._memory, new_id, ())

    def swap_out(self) -> None:
        """Move this sequence's blocks to the swap store; until `swap_in` nothing can pass."""
        copies = self._manager.swap_out(self._sequence_id)
        self._memory.copy(copies, self._memory.store, self._memory.swap_store)
        self._forget_pass()

    def swap_in(self) -> None:
        """Bring the blocks back, to whichever are free now."""
        copies = self._manager.swap_in(self._sequence_id)
        self._memory.copy(copies, self._memory.swap_store, self._memory.store)

    def free(self) -> None:
        """Give all blocks back; the cache is not to be used again."""
        self._manager.free(self._sequence_id)
        self._forget_pass()

    def _prepare(self, num_new: int) -> None:
        """Make room for a pass, once for all its layers."""
        copies = self._manager.reserve(self._sequence_id, num_new)
        self._memory.copy(copies, self._memory.store, self._memory.store)
        self._slots = self._manager.slots(self._sequence_id, num_new)
        self._where = self._memory.locate(self.block_table)
        self._num_past = self.num_tokens
        self._num_new = num_new

    def _forget_pass(self) -> None:
        self._num_new: int | None = None
