"""Multi-head latent attention (MLA): one short vector per token instead of all its heads.

Kept for each token j are a latent c_j and one rotated key k_j^R that all heads share. A head i has
its own matrices to unfold the latent, and its query has a part for each of the two:

    k_j = W_i^UK c_j    v_j = W_i^UV c_j    score = (q^C · k_j + q^R · k_j^R) / sqrt(d_h + d_h^R)

DeepSeek-AI, "DeepSeek-V2" (arXiv 2405.04434), section 2.1, equations 9 to 18. The rotated part is
apart because a rotation between W^UQ and W^UK would keep the two from being absorbed. The model
also normalises its latents (section 3.1.2); that happens before they arrive here.
"""

import numpy as np

from membound.arrays import Complex64, Float32
from membound.attention.grouped import grouped_attention
from membound.attention.plain import attention
from membound.maths.rotary import rotate


def compress(
    h: Float32, kv_down: Float32, k_rope_down: Float32, rotations: Complex64
) -> tuple[Float32, Float32]:
    """Return what is cached of tokens `h` (seq_len, hidden_size): latents and rotated keys.

    `kv_down` is W^DKV (latent_dim, hidden_size), `k_rope_down` W^KR (rope_dim, hidden_size);
    `rotations` (seq_len, rope_dim / 2) are those of the tokens' positions. Equations 9 and 15.
    """
    return h @ kv_down.T, rotate(h @ k_rope_down.T, rotations)


def expanded_attention(
    q_content: Float32,
    q_rope: Float32,
    latents: Float32,
    k_rope: Float32,
    k_up: Float32,
    v_up: Float32,
) -> Float32:
    """Unfold every token's keys and values, then attend as ever: (num_heads, num_queries, v_dim).

    `q_content` is (num_heads, num_queries, nope_dim), `q_rope` (num_heads, num_queries, rope_dim)
    and rotated; `latents` (num_keys, latent_dim) and `k_rope` (num_keys, rope_dim) come from
    `compress`; `k_up` is (num_heads, nope_dim, latent_dim), `v_up` (num_heads, v_dim, latent_dim).
    Causal. Equations 10, 11 and 16 to 18.
    """
    _check_fit(q_content, q_rope, latents, k_rope, k_up, v_up)
    k_content = latents @ k_up.swapaxes(-1, -2)  # -> [num_heads, num_keys, nope_dim]
    shared = np.broadcast_to(k_rope, (len(k_up), *k_rope.shape))
    return attention(
        np.concatenate([q_content, q_rope], axis=-1),
        np.concatenate([k_content, shared], axis=-1),
        latents @ v_up.swapaxes(-1, -2),
    )


def absorbed_attention(
    q_content: Float32,
    q_rope: Float32,
    latents: Float32,
    k_rope: Float32,
    k_up: Float32,
    v_up: Float32,
) -> Float32:
    """Return `expanded_attention` of the same arguments, without unfolding a single token.

    q · (W^UK c) = (W^UKᵀ q) · c, and a weighted sum of W^UV c is W^UV of the weighted sum: so the
    latents themselves are the keys and values of one head that all query heads share (section
    2.1.2, last paragraph). A decode step then reads latent_dim + rope_dim numbers per token.
    """
    _check_fit(q_content, q_rope, latents, k_rope, k_up, v_up)
    nope_dim, latent_dim = k_up.shape[1:]
    q = np.concatenate([q_content @ k_up, q_rope], axis=-1)
    # `grouped_attention` divides by the square root of a head_dim that is another here.
    q *= np.float32(((latent_dim + q_rope.shape[-1]) / (nope_dim + q_rope.shape[-1])) ** 0.5)
    k = np.concatenate([latents, k_rope], axis=-1)
    return grouped_attention(q, k[None], latents[None]) @ v_up.swapaxes(-1, -2)


def _check_fit(q_content, q_rope, latents, k_rope, k_up, v_up) -> None:
    """Refuse shapes that do not belong to one layer: some would be broadcast and come out wrong."""
    arrays = {
        "q_content": (q_content, ("num_heads", "num_queries", "nope_dim")),
        "q_rope": (q_rope, ("num_heads", "num_queries", "rope_dim")),
        "latents": (latents, ("num_keys", "latent_dim")),
        "k_rope": (k_rope, ("num_keys", "rope_dim")),
        "k_up": (k_up, ("num_heads", "nope_dim", "latent_dim")),
        "v_up": (v_up, ("num_heads", "v_dim", "latent_dim")),
    }
    sizes: dict[str, int] = {}
    for name, (array, axes) in arrays.items():
        fits = array.ndim == len(axes) and all(
            sizes.setdefault(axis, size) == size
            for axis, size in zip(axes, array.shape, strict=True)
        )
        if not fits:
            raise ValueError(
                f"{name} must be ({', '.join(axes)}), got {array.shape} beside {sizes}"
            )
