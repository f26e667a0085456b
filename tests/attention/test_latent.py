"""Each test is one sentence that `membound.attention.latent` says of itself."""

import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from membound.attention.latent import absorbed_attention, compress, expanded_attention
from membound.maths.rotary import rotary_table


def random_layer(num_heads, num_queries, num_keys, nope_dim, rope_dim, v_dim, latent_dim):
    rng = np.random.default_rng(0)
    shapes = {
        "q_content": (num_heads, num_queries, nope_dim),
        "q_rope": (num_heads, num_queries, rope_dim),
        "latents": (num_keys, latent_dim),
        "k_rope": (num_keys, rope_dim),
        "k_up": (num_heads, nope_dim, latent_dim),
        "v_up": (num_heads, v_dim, latent_dim),
    }
    return {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}


@settings(deadline=None, max_examples=40)
@given(
    num_heads=st.integers(1, 4),
    num_queries=st.integers(1, 5),
    num_past=st.integers(0, 5),
    nope_dim=st.integers(1, 6),
    rope_dim=st.integers(1, 4),
    v_dim=st.integers(1, 6),
    latent_dim=st.integers(1, 9),
)
def test_the_absorbed_form_equals_the_expanded_one(num_queries, num_past, **sizes):
    layer = random_layer(num_queries=num_queries, num_keys=num_past + num_queries, **sizes)
    expanded, absorbed = expanded_attention(**layer), absorbed_attention(**layer)
    assert absorbed.dtype == np.float32
    assert absorbed.shape == expanded.shape
    assert np.allclose(absorbed, expanded, rtol=1e-4, atol=1e-5)


def test_the_expanded_form_is_equation_18_term_by_term():
    layer = random_layer(2, 1, 3, nope_dim=2, rope_dim=2, v_dim=3, latent_dim=4)
    out = expanded_attention(**layer)
    for head in range(2):
        unfold_k, unfold_v = layer["k_up"][head], layer["v_up"][head]
        scores = [
            (layer["q_content"][head, 0] @ (unfold_k @ latent) + layer["q_rope"][head, 0] @ rotated)
            / math.sqrt(2 + 2)
            for latent, rotated in zip(layer["latents"], layer["k_rope"], strict=True)
        ]
        weights = np.exp(scores) / np.exp(scores).sum()
        expected = sum(
            w * (unfold_v @ latent) for w, latent in zip(weights, layer["latents"], strict=True)
        )
        assert np.allclose(out[head, 0], expected, atol=1e-5)


def test_the_absorbed_form_unfolds_no_token():
    """Its extra memory stays far below that of the unfolded keys and values."""
    layer = random_layer(32, 1, 2000, nope_dim=16, rope_dim=2, v_dim=16, latent_dim=4)
    unfolded_bytes = 32 * 2000 * (16 + 16) * 4

    def peak_bytes(attend):
        tracemalloc.start()
        attend(**layer)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    assert peak_bytes(expanded_attention) > unfolded_bytes
    assert peak_bytes(absorbed_attention) < unfolded_bytes / 5


def test_what_is_cached_is_a_latent_and_one_rotated_key_per_token():
    rng = np.random.default_rng(0)
    h = rng.normal(size=(5, 16)).astype(np.float32)
    kv_down = rng.normal(size=(6, 16)).astype(np.float32)
    k_rope_down = rng.normal(size=(4, 16)).astype(np.float32)
    table = rotary_table(8, 4, 10_000.0)
    latents, k_rope = compress(h, kv_down, k_rope_down, table[3:8])
    assert np.allclose(latents, [kv_down @ token for token in h], atol=1e-5)
    assert k_rope.shape == (5, 4)
    # A rotation by position 3 keeps the length and turns the first pair by 3 radians.
    plain = k_rope_down @ h[0]
    assert np.isclose(np.linalg.norm(k_rope[0]), np.linalg.norm(plain), rtol=1e-5)
    turned = (plain[0] + 1j * plain[1]) * np.exp(3j)
    assert np.allclose(k_rope[0, :2], [turned.real, turned.imag], atol=1e-5)


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("v_up", (1, 3, 4)),  # would be broadcast to both heads
        ("k_rope", (2, 2)),
        ("q_rope", (2, 1, 4)),
        ("latents", (3, 5)),
        ("k_up", (2, 4)),
    ],
)
def test_shapes_of_another_layer_are_refused_by_name(name, shape):
    layer = random_layer(2, 1, 3, nope_dim=2, rope_dim=2, v_dim=3, latent_dim=4)
    layer[name] = np.zeros(shape, np.float32)
    for attend in (expanded_attention, absorbed_attention):
        with pytest.raises(ValueError, match=r"must be .num_.*, got"):
            attend(**layer)
