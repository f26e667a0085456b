"""Each test is one sentence that `membound.attention.flash` says of itself."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from membound.attention.flash import flash_attention
from membound.attention.plain import attention
from membound.attention.tiling.key_outer import query_outer_elements
from membound.attention.tiling.tiles import Tiles, Traffic


def random_qkv(num_heads, num_kv_heads, num_queries, num_keys, head_dim, seed=0):
    rng = np.random.default_rng(seed)
    q = rng.normal(size=(num_heads, num_queries, head_dim)).astype(np.float32)
    k, v = rng.normal(size=(2, num_kv_heads, num_keys, head_dim)).astype(np.float32)
    return q, k, v


@settings(deadline=None, max_examples=100)
@given(
    num_kv_heads=st.integers(1, 3),
    group=st.integers(1, 3),
    num_queries=st.integers(1, 20),
    num_past=st.integers(0, 20),
    head_dim=st.sampled_from([1, 2, 8]),
    tiles=st.builds(Tiles, st.integers(1, 24), st.integers(1, 24)),
    causal=st.booleans(),
    scale=st.sampled_from([1, 30]),
)
def test_it_equals_plain_attention_for_every_grouping_and_every_tile(
    num_kv_heads, group, num_queries, num_past, head_dim, tiles, causal, scale
):
    num_keys = num_past + num_queries
    q, k, v = random_qkv(group * num_kv_heads, num_kv_heads, num_queries, num_keys, head_dim)
    q *= scale
    visible = None if causal else np.ones((num_queries, num_keys), bool)
    out = flash_attention(q, k, v, causal=causal, tiles=tiles)
    assert out.dtype == np.float32
    # A score's rounding error grows with the score, and its weight's with it.
    assert np.allclose(out, attention(q, k, v, visible=visible), atol=1e-5 * scale)


@pytest.mark.parametrize("causal", [False, True])
def test_long_texts_agree_with_the_default_tiles(causal):
    q, k, v = random_qkv(2, 1, 1300, 1300, 16)  # 1024 positions of two heads, then the rest
    visible = None if causal else np.ones((1300, 1300), bool)
    expected = attention(q, k, v, visible=visible)
    assert np.allclose(flash_attention(q, k, v, causal=causal), expected, atol=1e-5)


def peak_bytes(num_tokens):
    q, k, v = random_qkv(1, 1, num_tokens, num_tokens, 8)
    tracemalloc.start()
    out = flash_attention(q, k, v, tiles=Tiles(64, 64))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak - out.nbytes


def test_memory_beyond_the_result_does_not_grow_with_the_text():
    short, long = peak_bytes(512), peak_bytes(4096)
    assert short < 256 * 1024
    assert long < short + 8 * 1024


def test_the_traffic_it_counts_is_the_closed_form():
    q, k, v = random_qkv(1, 1, 100, 100, 8)
    for tiles in (Tiles(10, 25), Tiles(7, 30), Tiles(500, 1)):
        traffic = Traffic()
        flash_attention(q, k, v, causal=False, tiles=tiles, traffic=traffic)
        assert traffic.elements == query_outer_elements(100, 8, tiles)
        assert traffic.stored == q.size


def test_a_causal_pass_skips_the_tiles_above_the_diagonal():
    q, k, v = random_qkv(1, 1, 80, 80, 8)
    traffic = Traffic()
    flash_attention(q, k, v, tiles=Tiles(20, 10), traffic=traffic)
    # Four tiles of queries see the first 20, 40, 60 and 80 keys and values.
    assert traffic.loaded == q.size + 2 * (20 + 40 + 60 + 80) * 8


def test_query_heads_that_share_a_key_head_load_it_once():
    q, k, v = random_qkv(4, 1, 16, 16, 8)
    traffic = Traffic()
    flash_attention(q, k, v, causal=False, tiles=Tiles(64, 16), traffic=traffic)
    assert traffic.loaded == q.size + k.size + v.size


def test_their_rows_count_together_towards_a_tile():
    q, k, v = random_qkv(4, 1, 16, 16, 8)
    traffic = Traffic()
    flash_attention(q, k, v, causal=False, tiles=Tiles(8, 16), traffic=traffic)
    assert traffic.loaded == q.size + 8 * (k.size + v.size)  # two queries of four heads at a time


def test_what_cannot_attend_is_refused():
    q, k, v = random_qkv(3, 2, 1, 1, 4)
    with pytest.raises(ValueError, match="num_heads 3 is not a multiple of num_kv_heads 2"):
        flash_attention(q, k, v)
    q, k, v = random_qkv(1, 1, 3, 2, 4)
    with pytest.raises(ValueError, match="3 queries need at least as many keys, got 2"):
        flash_attention(q, k, v)
    with pytest.raises(ValueError, match="at least one key"):
        flash_attention(q, k[:, :0], v[:, :0], causal=False)
    with pytest.raises(ValueError, match="at least one row"):
        Tiles(0, 1)
