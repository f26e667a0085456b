"""Logs of llama.cpp and vLLM, and caches that this library really allocates."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from membound.attention.latent import compress
from membound.cache.contiguous import ContiguousCache
from membound.cache.window import WindowCache
from membound.cost.kv import KV_BITS, KVPolicy
from membound.cost.tables import find_model
from membound.maths.rotary import rotary_table
from membound.units import GIB, MIB

LLAMA_CPP = KVPolicy("llama.cpp")


def test_true_bits_include_the_scales():
    assert KV_BITS["q8_0"] == 34 * 8 / 32
    assert KV_BITS["q4_0"] == KV_BITS["iq4_nl"] == 18 * 8 / 32
    assert KV_BITS["q5_1"] == 24 * 8 / 32


@settings(max_examples=20)
@given(
    layers=st.integers(1, 4), heads=st.integers(1, 4), dim=st.integers(1, 8), n=st.integers(1, 9)
)
def test_an_exact_cache_is_as_big_as_one_really_allocated(layers, heads, dim, n):
    spec = replace(
        find_model("llama-2-7b"), num_layers=layers, num_kv_heads=heads, num_heads=heads,
        head_dim=dim, value_dim=dim,
    )  # fmt: skip
    for kind in ("f32", "f16"):
        cache = ContiguousCache(layers, heads, dim, n, dtype=kind.replace("f", "float"))
        assert KVPolicy(key_type=kind, value_type=kind).num_bytes(spec, n, 1) == cache.nbytes
    spec = replace(spec, num_window_layers=layers, window=n)
    cache = WindowCache(layers, heads, dim, window=n)
    assert KVPolicy(key_type="f32", value_type="f32").num_bytes(spec, 3 * n, 1) == cache.nbytes


def test_an_mla_cache_is_as_big_as_what_compress_returns():
    rank, rope, hidden, n = 16, 8, 12, 5
    h = np.ones((n, hidden), np.float32)
    rotations = rotary_table(n, rope, 10_000.0)
    kept = compress(h, np.ones((rank, hidden), np.float32), np.ones((rope, hidden), np.float32),
                    rotations)  # fmt: skip
    spec = replace(find_model("deepseek-v3"), num_layers=1, kv_lora_rank=rank, rope_head_dim=rope)
    policy = KVPolicy(key_type="f32", value_type="f32")
    assert policy.num_bytes(spec, n, 1) == sum(part.nbytes for part in kept)


@pytest.mark.parametrize(
    ("name", "n_ctx", "sequences", "changed", "mib"),
    [
        # measured with llama-fit-params, llama.cpp@0c1e57098
        ("llama-2-7b", 2048, 1, {}, 1024),
        ("llama-3.1-8b", 131_072, 1, {}, 16_384),
        ("llama-3.1-8b", 131_072, 1, {"key_type": "q8_0", "value_type": "q8_0"}, 8704),
        ("llama-3.1-70b", 131_072, 1, {}, 40_960),
        ("gemma-3-27b", 131_072, 1, {}, 10_864),
        ("gemma-3-27b", 131_072, 1, {"swa_full": True}, 63_488),
        ("gpt-oss-20b", 131_072, 1, {}, 3090),
        ("qwen2.5-0.5b", 4096, 1, {}, 48),
        ("smollm2-135m", 8192, 1, {}, 180),
        # published logs: their sizes of the full and of the window layers
        ("gpt-oss-20b", 131_072, 1, {"n_ubatch": 2048}, 3072 + 54),
        ("gpt-oss-120b", 65_535, 4, {"unified": True}, 2304 + 36),
        ("llama-3.1-8b", 8192, 4, {}, 1024),
        # Mistral 7B is a llama to llama.cpp, and keeps every token
        ("mistral-7b-v0.1", 32_768, 1, {}, 4096),
    ],
)
def test_llama_cpp_allocated_as_much(name, n_ctx, sequences, changed, mib):
    policy = replace(LLAMA_CPP, **changed)
    assert policy.llamacpp_bytes(find_model(name), n_ctx, sequences) == mib * MIB


def test_llama_cpp_s_gpt_oss_in_q8_0_with_a_batch_of_128_took_102_and_3_19_mib():
    policy = replace(LLAMA_CPP, key_type="q8_0", value_type="q8_0", n_batch=128)
    found = policy.llamacpp_bytes(find_model("gpt-oss-20b"), 8192) / MIB
    assert found == pytest.approx(102.00 + 3.19, abs=0.005)


def test_llama_cpp_keeps_of_mla_the_keys_alone():
    # A published log of GLM-5: 78 layers of 576 numbers, 768000 cells, 65812.50 MiB of K, 0 of V
    spec = replace(find_model("deepseek-v3"), num_layers=78, context_length=10**6)
    assert LLAMA_CPP.llamacpp_bytes(spec, 768_000) == 65_812.5 * MIB


def test_llama_cpp_keeps_whole_keys_and_values_of_an_older_deepseek_file():
    # A published log of DeepSeek-V2-Lite without MLA's keys, 4096 cells: K 648 MiB, V 432 MiB
    spec = find_model("deepseek-v2-lite")
    assert LLAMA_CPP.llamacpp_bytes(replace(spec, kv_lora_rank=0), 4096) == (648 + 432) * MIB
    assert LLAMA_CPP.llamacpp_bytes(spec, 4096) == 27 * 576 * 2 * 4096


def test_keys_and_values_may_differ_in_type():
    # A published log: 62 layers of 8 heads, 65536 cells, K (q8_0) 4216 MiB, V (q4_0) 2232 MiB
    spec = replace(find_model("llama-3.1-8b"), num_layers=62)
    policy = replace(LLAMA_CPP, key_type="q8_0", value_type="q4_0")
    assert policy.llamacpp_bytes(spec, 65_536) == (4216 + 2232) * MIB


def test_split_streams_have_a_window_each_and_a_pool_has_all_of_them():
    spec = find_model("gemma-3-27b")
    full, windowed, cell = 10, 52, 8192
    split = LLAMA_CPP.llamacpp_bytes(spec, 4 * 8192, 4)
    assert split == cell * 4 * (full * 8192 + windowed * 1536)
    pool = replace(LLAMA_CPP, unified=True).llamacpp_bytes(spec, 4 * 8192, 4)
    assert pool == cell * (full * 32_768 + windowed * 4608)


KV_BYTES = {  # 2 x layers x KV heads x head_dim x 2, by hand; MLA: 61 x (512 + 64) x 2
    "llama-2-7b": 524_288, "llama-2-13b": 819_200, "llama-3.1-8b": 131_072,
    "llama-3.1-70b": 327_680, "llama-3.1-405b": 516_096, "mistral-7b-v0.1": 131_072,
    "mixtral-8x7b": 131_072, "qwen2.5-0.5b": 12_288, "qwen2.5-7b": 57_344, "qwen3-8b": 147_456,
    "qwen3-32b": 262_144, "qwen3-30b-a3b": 98_304, "qwen3-235b-a22b": 192_512,
    "smollm2-135m": 23_040, "smollm2-360m": 40_960, "deepseek-v3": 70_272,
}  # fmt: skip


@pytest.mark.parametrize("name", KV_BYTES)
def test_a_token_takes_as_many_bytes_as_published(name):
    assert KVPolicy().num_bytes(find_model(name), 1, 1) == KV_BYTES[name]


def test_the_table_of_the_llama_3_1_announcement():
    # huggingface/blog, llama31: GiB at 1024, 16,000 and 128,000 tokens. Its 405B row is double.
    table = {"llama-3.1-8b": (0.125, 1.95, 15.62), "llama-3.1-70b": (0.313, 4.88, 39.06)}
    for name, row in table.items():
        for tokens, gib in zip((1024, 16_000, 128_000), row, strict=True):
            found = KVPolicy().num_bytes(find_model(name), tokens, 1) / GIB
            assert found == pytest.approx(gib, abs=0.006)


def test_vllm_s_log_of_ministral_3_14b_on_two_gpus():
    # 52.36 GiB per GPU: "686,320 tokens", 6.86x at 100,000 (40 layers, 8 KV heads of 128: assumed)
    spec = replace(find_model("llama-3.1-8b"), num_layers=40)
    per_block = 40 * 16 * KVPolicy("vllm").layer_bytes(spec, tensor_parallel=2)
    tokens = 52.36 * GIB // per_block * 16
    assert tokens == pytest.approx(686_320, rel=1e-4)  # of 52.36 GiB to two decimals
    assert tokens / 100_000 == pytest.approx(6.86, abs=0.005)


def test_vllm_s_documented_concurrency():
    # docs/serving/parallelism_scaling.md: 643,232 tokens, 40,960 per request, 15.70x
    spec = find_model("llama-3.1-8b")
    room = 643_232 * 32 * KVPolicy("vllm").layer_bytes(spec)
    per_request = KVPolicy("vllm").num_bytes(spec, 40_960, 1)
    assert room / per_request == pytest.approx(15.70, abs=0.005)


def test_every_sequence_has_blocks_of_its_own_in_vllm():
    spec, policy = find_model("gemma-3-27b"), KVPolicy("vllm", batched_tokens=2048)
    # 4097 tokens are 257 blocks; a window of 1024 and a chunk of 2048 are 192, and one more
    blocks = 10 * 257 + 52 * 193
    assert policy.num_bytes(spec, 4097, 3) == 3 * blocks * 16 * 8192


def test_kv_heads_are_shared_out_and_the_latent_of_mla_is_copied():
    llama = find_model("llama-3.1-8b")
    whole = KVPolicy().layer_bytes(llama)
    assert [whole / KVPolicy().layer_bytes(llama, n) for n in (2, 8, 16)] == [2, 8, 8]
    deepseek = find_model("deepseek-v3")
    assert KVPolicy().layer_bytes(deepseek, 8) == KVPolicy().layer_bytes(deepseek)


@pytest.mark.parametrize(
    ("make", "rule"),
    [
        (lambda: KVPolicy("sglang"), "engine must be one of exact, vllm, llama.cpp; got 'sglang'"),
        (lambda: KVPolicy("vllm", "q8_0", "q8_0"), "vllm must be one of f32.*got 'q8_0'"),
        (lambda: KVPolicy("llama.cpp", "fp8", "fp8"), "llama.cpp must be one of.*got 'fp8'"),
        (lambda: KVPolicy(n_ubatch=0), "n_ubatch must be at least 1, got 0"),
        (
            lambda: KVPolicy("llama.cpp").llamacpp_bytes(find_model("llama-2-7b"), 4096, 257),
            "at most 256 sequences, got 257",
        ),
        (
            lambda: KVPolicy("llama.cpp", "q8_0", "f16").layer_bytes(find_model("deepseek-v3")),
            "keys and values of MLA in one type: got q8_0 and f16",
        ),
        (
            lambda: KVPolicy(key_type="q8_0").layer_bytes(
                replace(find_model("llama-2-7b"), head_dim=80)
            ),
            "a head in q8_0 must be whole blocks of 32 numbers, got 80",
        ),
    ],
)
def test_what_an_engine_cannot_keep_is_refused(make, rule):
    with pytest.raises(ValueError, match=rule):
        make()
