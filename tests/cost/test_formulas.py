"""Published figures, brute-force loops, and what llama.cpp printed."""

import ast
import inspect
from itertools import combinations, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from membound.cost import formulas as f
from membound.units import GB, GIB, KIB, MIB

COUNT = st.integers(1, 300)


def test_llama_2_7b_takes_512_kib_per_token_as_llama_cpp_allocates_it():
    layer = f.kv_layer_bytes(32.0, 128.0, 128.0, 16.0, 16.0)
    assert f.kv_bytes(layer, 32.0, 0.0, 0.0, 1.0) == 512 * KIB
    for tokens, mib in ((512, 256), (2048, 1024), (4096, 2048)):
        assert f.kv_bytes(layer, 32.0, 0.0, 0.0, tokens) == mib * MIB


def test_opt_13b_takes_819200_bytes_per_token_as_the_pagedattention_paper_counts():
    layer = f.kv_layer_bytes(40.0, 128.0, 128.0, 16.0, 16.0)
    assert f.kv_bytes(layer, 40.0, 0.0, 0.0, 1.0) == 819_200


def test_deepseek_v3_takes_70272_bytes_per_token_as_arxiv_2505_09343_counts():
    assert 61 * f.latent_layer_bytes(512.0, 64.0, 16.0) == 70_272


def test_the_scaling_book_s_kv_caches():
    llama_3_70b = 80 * f.kv_layer_bytes(8.0, 128.0, 128.0, 8.0, 8.0)
    assert llama_3_70b == 163_840
    assert llama_3_70b * 8192 * 32 == pytest.approx(41.9e9, rel=0.03)  # the book multiplies 160e3
    llama_2_13b = 40 * f.kv_layer_bytes(40.0, 128.0, 128.0, 16.0, 16.0)
    assert llama_2_13b * 8192 == pytest.approx(6.7 * GB, rel=0.01)
    assert llama_2_13b * 8192 == 6.25 * GIB


def test_the_scaling_book_s_least_step_takes_2_5_ms():
    num_bytes = 4 * 819e6 + 30e9  # a batch of 4, 30B int8 weights, 16 chips of 8.1e11 B/s
    assert f.memory_s(num_bytes, 16 * 8.1e11, 1.0) == pytest.approx(2.5e-3, rel=0.03)


def test_a_70b_model_in_16_bits_decodes_at_most_24_tokens_per_second_on_an_h100():
    assert 1 / f.memory_s(140e9, 3.35e12, 1.0) == pytest.approx(24, rel=0.01)


LLAMA_CPP = {  # what llama.cpp@0c1e57098 allocated: MiB, then layer bytes, layers and n_ctx
    "llama-2-7b": (1024, (32, 128, 16), (32, 0, 0), 2048),
    "llama-3.1-8b": (1024, (8, 128, 16), (32, 0, 0), 8192),
    "llama-3.1-8b long": (16_384, (8, 128, 16), (32, 0, 0), 131_072),
    "llama-3.1-8b q8_0": (8704, (8, 128, 8.5), (32, 0, 0), 131_072),
    "llama-3.1-70b": (40_960, (8, 128, 16), (80, 0, 0), 131_072),
    "gemma-3-27b": (10_864, (16, 128, 16), (10, 52, 1024), 131_072),
    "gpt-oss-20b": (3090, (8, 64, 16), (12, 12, 128), 131_072),
    "qwen2.5-0.5b": (48, (2, 64, 16), (24, 0, 0), 4096),
    "smollm2-135m": (180, (3, 64, 16), (30, 0, 0), 8192),
}


@pytest.mark.parametrize("name", LLAMA_CPP)
def test_llama_cpp_allocated_as_many_bytes(name):
    mib, (heads, dim, bits), (full, windowed, window), n_ctx = LLAMA_CPP[name]
    layer = f.kv_layer_bytes(heads, dim, dim, bits, bits)
    args = (layer, full, windowed, window, n_ctx, 1.0, True, 2048.0, 512.0)
    assert f.llamacpp_kv_bytes(*args, False) == mib * MIB
    if name == "gemma-3-27b":
        assert f.llamacpp_kv_bytes(*args, True) == 63_488 * MIB


def test_llama_cpp_pads_shares_out_and_pads_again():
    assert f.llamacpp_cells(1000.0, 1.0, False) == 1024
    assert f.llamacpp_cells(4096.0, 4.0, False) == 1024
    assert f.llamacpp_cells(4096.0, 3.0, False) == 1536  # 1365, padded
    assert f.llamacpp_cells(4096.0, 3.0, True) == 4096
    # one pool of 4 windows, or 4 streams of one window each
    assert f.llamacpp_window_cells(131_072.0, 4.0, True, 1024.0, 2048.0, 512.0) == 4608
    assert f.llamacpp_window_cells(131_072.0, 4.0, False, 1024.0, 2048.0, 512.0) == 1536
    # a context below the window; a micro-batch is never longer than the context
    assert f.llamacpp_window_cells(512.0, 1.0, True, 1024.0, 2048.0, 512.0) == 512
    assert f.llamacpp_window_cells(300.0, 1.0, True, 128.0, 2048.0, 512.0) == 512


@given(tokens=COUNT, before=st.integers(0, 300), window=st.integers(0, 300))
def test_the_positions_seen_are_those_of_a_loop(tokens, before, window):
    seen = [before + i + 1 for i in range(tokens)]
    if window:
        seen = [min(number, window) for number in seen]
    assert f.attended_positions(tokens, before, window) == sum(seen)


@settings(max_examples=15)
@given(num_experts=st.integers(2, 5), used=st.integers(1, 2), tokens=st.integers(1, 3))
def test_the_experts_touched_are_the_mean_over_every_draw(num_experts, used, tokens):
    used = min(used, num_experts)
    draws = list(product(combinations(range(num_experts), used), repeat=tokens))
    mean = sum(len(set().union(*draw)) for draw in draws) / len(draws)
    assert f.experts_touched(num_experts, used, tokens) == pytest.approx(mean)


@given(base=st.floats(0, 1), exponent=st.integers(0, 2000))
def test_a_power_is_a_power(base, exponent):
    assert f.power(base, exponent) == pytest.approx(base**exponent, rel=1e-12)


def test_kv_heads_are_copied_past_their_number():
    assert [f.kv_heads_per_gpu(8.0, n) for n in (1.0, 2.0, 8.0, 16.0)] == [8, 4, 1, 1]


def test_vllm_takes_whole_blocks_and_one_more_for_a_window():
    assert f.vllm_kv_bytes(1.0, 1.0, 0.0, 0.0, 33, 16.0, 2048.0) == 48
    # 128 - 1 + 64 tokens are 12 blocks of 16, and one more
    assert f.vllm_kv_bytes(1.0, 0.0, 1.0, 128.0, 10_000, 16.0, 64.0) == 13 * 16


def test_two_gpus_send_half_of_twice_the_bytes():
    assert f.all_reduce_s(100.0, 1.0, 50.0, 1.0) == 0
    assert f.all_reduce_s(100.0, 2.0, 50.0, 1.0) == 1 + 100 / 50
    assert f.tensor_parallel_s(1.0, 3.0, 50.0, 2.0, 100.0, 0.5) == 6 * (0.5 + 100 / 100)
    assert f.tensor_parallel_s(1.0, 3.0, 50.0, 2.0, 0.0, 0.5) == 0


def test_a_million_tokens_cost_the_hours_they_take():
    hours = 1e6 / 2000 / 3600
    assert f.cost_per_million_tokens(3.0, 2.0, 2000.0) == pytest.approx(3 * 2 * hours)


def test_the_formulas_stay_in_the_part_of_python_that_is_javascript():
    allowed = (
        ast.Module, ast.Import, ast.alias, ast.FunctionDef, ast.arguments, ast.arg, ast.Expr,
        ast.Constant, ast.Return, ast.Assign, ast.If, ast.IfExp, ast.Name, ast.Load, ast.Store,
        ast.BinOp, ast.Add, ast.Sub, ast.Mult, ast.Div, ast.Compare, ast.Lt, ast.LtE, ast.Gt,
        ast.GtE, ast.Eq, ast.NotEq, ast.BoolOp, ast.And, ast.Or, ast.Not, ast.UnaryOp, ast.USub,
        ast.Call, ast.Attribute, ast.Dict, ast.Tuple,
    )  # fmt: skip
    tree = ast.parse(inspect.getsource(f))
    for node in ast.walk(tree):
        assert isinstance(node, allowed), ast.unparse(node)
        if isinstance(node, ast.Attribute):
            assert ast.unparse(node) in ("math.floor", "math.ceil", "math.sqrt")
