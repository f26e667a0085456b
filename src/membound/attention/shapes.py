"""What every attention here asks of its arguments, asked once."""

from membound.arrays import Bool, Float32


def group_size(q: Float32, k: Float32, v: Float32) -> int:
    """Return how many query heads share one key and value head.

    `q` (num_heads, num_queries, head_dim), `k` (num_kv_heads, num_keys, head_dim) and
    `v` (num_kv_heads, num_keys, value_dim), or `ValueError`. `value_dim` is head_dim in all models
    but those with latent attention.
    """
    if q.ndim != 3 or k.ndim != 3 or v.ndim != 3:
        raise ValueError(
            f"q, k, v must be (heads, tokens, head_dim), got {q.shape}, {k.shape}, {v.shape}"
        )
    if any(array.dtype.kind != "f" for array in (q, k, v)):
        raise ValueError(
            f"q, k, v must be floating-point numbers, got {q.dtype}, {k.dtype}, {v.dtype}"
        )
    if q.shape[2] != k.shape[2]:
        raise ValueError(f"q and k must share head_dim, got {q.shape[2]} and {k.shape[2]}")
    if k.shape[:2] != v.shape[:2]:
        raise ValueError(
            f"k and v must share (num_kv_heads, num_keys), got {k.shape[:2]} and {v.shape[:2]}"
        )
    if k.shape[0] == 0 or q.shape[0] % k.shape[0]:
        raise ValueError(f"num_heads {q.shape[0]} is not a multiple of num_kv_heads {k.shape[0]}")
    if min(q.shape) < 1:
        raise ValueError(f"q must have at least one head, token and channel, got {q.shape}")
    return q.shape[0] // k.shape[0]


def check_visible(visible: Bool, num_queries: int, num_keys: int) -> None:
    """Refuse a mask that is not bool of (num_queries, num_keys), or hides every key of a row."""
    if visible.dtype != bool or visible.shape != (num_queries, num_keys):
        raise ValueError(
            f"visible must be bool of {(num_queries, num_keys)}, "
            f"got {visible.dtype} of {visible.shape}"
        )
    if not visible.any(axis=-1).all():
        raise ValueError("each query must see at least one key, got a row of `visible` without one")


def first_position(num_queries: int, num_keys: int, *, causal: bool) -> int:
    """Return the position of query 0 among the keys: causal queries are the last tokens.

    Where attention is not causal, every query stands behind every key and so sees them all.
    """
    if num_keys == 0:
        raise ValueError("each query must see at least one key, got none")
    if not causal:
        return num_keys
    if num_queries > num_keys:
        raise ValueError(f"{num_queries} queries need at least as many keys, got {num_keys}")
    return num_keys - num_queries
