"""Each test is one sentence that `membound.attention.tiling.key_outer` says of itself."""

import numpy as np
import pytest

from membound.attention.plain import attention
from membound.attention.tiling.key_outer import (
    key_outer_attention,
    key_outer_elements,
    query_outer_elements,
    standard_attention,
    standard_elements,
)
from membound.attention.tiling.tiles import Tiles, Traffic, tile_sizes


def random_head(num_tokens, head_dim, seed=0):
    return np.random.default_rng(seed).normal(size=(3, num_tokens, head_dim)).astype(np.float32)


def unmasked(q, k, v):
    return attention(q[None], k[None], v[None], visible=np.ones((len(q), len(k)), bool))[0]


def test_standard_attention_moves_4nd_plus_4nn_elements():
    for num_tokens, head_dim in ((5, 3), (64, 8)):
        q, k, v = random_head(num_tokens, head_dim)
        traffic = Traffic()
        out = standard_attention(q, k, v, traffic=traffic)
        assert np.allclose(out, unmasked(q, k, v), atol=1e-6)
        assert traffic.elements == standard_elements(num_tokens, head_dim)


@pytest.mark.parametrize("tiles", [Tiles(1, 1), Tiles(8, 16), Tiles(7, 30), Tiles(100, 100)])
def test_algorithm_1_is_exact_and_moves_what_its_closed_form_says(tiles):
    q, k, v = random_head(64, 8)
    traffic = Traffic()
    out = key_outer_attention(q, k, v, tiles, traffic=traffic)
    assert np.allclose(out, unmasked(q, k, v), atol=1e-5)
    assert traffic.elements == key_outer_elements(64, 8, tiles)


def exponent(x, y):
    return np.polyfit(np.log(x), np.log(y), 1)[0]


def test_flash_traffic_follows_nn_dd_over_m_and_standard_traffic_does_not_know_m():
    sizes = np.array([8192, 16_384, 32_768, 65_536])
    for law in (
        lambda n, d, m: key_outer_elements(n, d, tile_sizes(m, d)),
        lambda n, d, m: query_outer_elements(n, d, tile_sizes(m, d).swapped),
    ):
        assert np.isclose(exponent(sizes, [law(n, 64, 25_600) for n in sizes]), 2, atol=0.05)
        assert np.isclose(exponent(sizes, [law(65_536, 64, m) for m in sizes]), -1, atol=0.05)
        dims = [32, 64, 128, 256]
        assert np.isclose(exponent(dims, [law(65_536, d, 65_536) for d in dims]), 2, atol=0.05)
    assert np.isclose(exponent(sizes, [standard_elements(n, 64) for n in sizes]), 2, atol=0.05)


def test_leading_constants_are_12_with_keys_outside_and_8_with_queries_outside():
    n, d, m = 1 << 20, 128, 1 << 16
    unit = n**2 * d**2 / m
    assert np.isclose(key_outer_elements(n, d, tile_sizes(m, d)) / unit, 12, rtol=0.02)
    assert np.isclose(query_outer_elements(n, d, tile_sizes(m, d).swapped) / unit, 8, rtol=0.02)
