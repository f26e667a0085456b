"""Paged attention: keys and values that lie in blocks, anywhere, found through a table.

A store is (num_kv_heads, num_blocks, block_size, head_dim), and a sequence's token t lies in block
`block_table[t // block_size]` at place t % block_size: the page table of virtual memory. Kwon et
al., "Efficient Memory Management for Large Language Model Serving with PagedAttention" (arXiv
2309.06180), section 4.1. These functions take the table as an array and know no cache. The head
comes first so that blocks which happen to lie side by side are one piece of memory per head;
another order of the axes is a `transpose` away.
"""

from functools import reduce

import numpy as np

from membound.arrays import Array, Float32
from membound.attention.plain import attention
from membound.attention.shapes import group_size
from membound.attention.split import partial_attention
from membound.maths.online_softmax import finish, merge


def check_stores(q: Float32, k_store: Float32, v_store: Float32) -> None:
    """Refuse stores that do not fit each other or the queries `q` (num_heads, num_queries, ...)."""
    shapes = k_store.shape, v_store.shape
    if {len(shape) for shape in shapes} != {4} or min(shapes[0]) < 1:
        raise ValueError(
            f"stores must be (num_kv_heads, num_blocks, block_size, head_dim) and not empty, "
            f"got {shapes[0]} and {shapes[1]}"
        )
    if shapes[0][:3] != shapes[1][:3]:
        raise ValueError(
            f"k_store and v_store must share (num_kv_heads, num_blocks, block_size), "
            f"got {shapes[0][:3]} and {shapes[1][:3]}"
        )
    group_size(q, k_store[:, 0], v_store[:, 0])


def check_block_table(store: Array, block_table: Array, num_tokens: int) -> Array:
    """Return the entries of `block_table` that `num_tokens` tokens need, or say what is wrong."""
    num_blocks, block_size = store.shape[-3:-1]
    if num_tokens < 1:
        raise ValueError(f"num_tokens must be at least 1, got {num_tokens}")
    needed = -(-num_tokens // block_size)
    table = np.asarray(block_table)
    if table.ndim != 1 or table.dtype.kind not in "iu":
        raise ValueError(
            f"block_table must be one row of whole numbers, got {table.dtype} of {table.shape}"
        )
    if len(table) < needed:
        raise ValueError(
            f"block_table is too short: {num_tokens} tokens in blocks of {block_size} need "
            f"{needed} entries, got {len(table)}"
        )
    table = table[:needed]
    if table.min() < 0 or table.max() >= num_blocks:
        raise ValueError(f"block ids go from 0 to {num_blocks - 1}, got {table.tolist()}")
    return table


def gather(store: Float32, block_table: Array, num_tokens: int) -> Float32:
    """Copy a sequence's tokens together: (num_kv_heads, num_tokens, head_dim)."""
    num_kv_heads, _, _, head_dim = store.shape
    blocks = store.take(check_block_table(store, block_table, num_tokens), axis=1)
    return blocks.reshape(num_kv_heads, -1, head_dim)[:, :num_tokens]


def paged_attention(
    q: Float32, k_store: Float32, v_store: Float32, block_table: Array, num_tokens: int
) -> Float32:
    """Attend causally with `q` (num_heads, num_queries, head_dim), a sequence's last tokens.

    Equal to `plain.attention` over contiguous keys bit for bit: after `gather` it is that.
    """
    check_stores(q, k_store, v_store)
    k = gather(k_store, block_table, num_tokens)
    v = gather(v_store, block_table, num_tokens)
    return attention(q, k, v)


def paged_attention_in_place(
    q: Float32, k_store: Float32, v_store: Float32, block_table: Array, num_tokens: int
) -> Float32:
    """Attend with one query per head, `q` (num_heads, 1, head_dim), block by block, copying none.

    What a GPU kernel does: each block is read where it lies, and the partial softmaxes are merged.
    Sums run in another order than over contiguous keys, so the two agree to within rounding.
    """
    check_stores(q, k_store, v_store)
    if q.shape[1] != 1:
        raise ValueError(f"paged attention in place serves one query per head, got {q.shape[1]}")
    block_size = k_store.shape[2]
    pieces = []
    for index, block in enumerate(check_block_table(k_store, block_table, num_tokens)):
        filled = min(block_size, num_tokens - index * block_size)
        pieces.append(partial_attention(q, k_store[:, block, :filled], v_store[:, block, :filled]))
    return finish(reduce(merge, pieces)).reshape(q.shape[0], 1, -1)
