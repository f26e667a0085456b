"""Headers written by the gguf package, and the real model's."""

from pathlib import Path

import numpy as np
import pytest

import gguf
from membound.cost.gguf_header import header_spec, read_gguf_header
from membound.cost.kv import KVPolicy
from membound.cost.tables import find_model
from membound.gguf.reader import read_gguf

SIZES = {
    "block_count": 4, "context_length": 4096, "embedding_length": 64, "feed_forward_length": 96,
    "attention.head_count": 4, "attention.head_count_kv": 2,
}  # fmt: skip


SLIDING = SIZES | {"attention.sliding_window": 512}


def write(path: Path, architecture: str, keys=None, *, tensors=(), tied=False, extra=None) -> Path:
    writer = gguf.GGUFWriter(path, architecture)
    for key, value in ({} if keys is None else keys).items():
        name = f"{architecture}.{key}"
        if isinstance(value, list):
            writer.add_array(name, value)
        else:
            writer.add_uint32(name, value)
    for key, value in (extra or {}).items():
        writer.add_uint16(key, value)
    names = ["token_embd.weight", *tensors, *([] if tied else ["output.weight"])]
    for name in names:
        writer.add_tensor(name, np.zeros((8, 64), np.float16))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


@pytest.mark.model
def test_the_real_file_is_sized_to_the_byte(model_path):
    spec, weights = read_gguf_header(model_path)
    known = find_model("smollm2-135m")
    for key in ("num_layers", "num_kv_heads", "head_dim", "vocab_size", "tied_embeddings"):
        assert getattr(spec, key) == getattr(known, key)
    with read_gguf(model_path) as file:
        *front, padding, _ = file.layout()
        header = (padding or front[-1]).end
    assert weights.total_bytes + header == model_path.stat().st_size == 98_362_432
    assert weights.num_params == 134_515_008
    assert weights.format == "Q4_1 file"
    assert KVPolicy("llama.cpp").llamacpp_bytes(spec, 8192) == 180 * 2**20


def test_the_head_s_width_is_read_or_shared_out(tmp_path):
    spec, _ = read_gguf_header(write(tmp_path / "a.gguf", "llama", SIZES))
    assert (spec.head_dim, spec.value_dim, spec.tied_embeddings) == (16, 16, False)
    keys = SIZES | {"attention.key_length": 32, "attention.value_length": 8}
    spec, _ = read_gguf_header(write(tmp_path / "b.gguf", "qwen3", keys, tied=True))
    assert (spec.head_dim, spec.value_dim, spec.tied_embeddings) == (32, 8, True)


def test_windows_come_by_the_pattern_of_the_file_or_of_the_architecture(tmp_path):
    keys = SIZES | {"block_count": 13, "attention.sliding_window": 512}
    by_code, _ = read_gguf_header(write(tmp_path / "a.gguf", "gemma3", keys))
    assert (by_code.num_window_layers, by_code.window) == (11, 512)
    period = keys | {"attention.sliding_window_pattern": 2}
    assert read_gguf_header(write(tmp_path / "b.gguf", "gemma3", period))[0].num_window_layers == 7
    flags = keys | {"attention.sliding_window_pattern": [True] * 3 + [False] * 10}
    assert read_gguf_header(write(tmp_path / "c.gguf", "gemma3", flags))[0].num_window_layers == 3
    # to llama.cpp a llama has none, whatever its file says
    assert read_gguf_header(write(tmp_path / "d.gguf", "llama", keys))[0].num_window_layers == 0


def test_a_latent_cache_is_read_where_the_file_has_its_keys(tmp_path):
    old = SIZES | {
        "attention.head_count_kv": 4, "attention.key_length": 192, "attention.value_length": 128,
        "attention.kv_lora_rank": 512, "rope.dimension_count": 64, "expert_count": 8,
        "expert_used_count": 2, "expert_feed_forward_length": 32, "expert_shared_count": 1,
        "leading_dense_block_count": 1,
    }  # fmt: skip
    spec, _ = read_gguf_header(write(tmp_path / "old.gguf", "deepseek2", old))
    assert KVPolicy().layer_bytes(spec) == 4 * (192 + 128) * 2
    new = old | {
        "attention.head_count_kv": 1, "attention.key_length": 576, "attention.value_length": 512,
        "attention.key_length_mla": 192, "attention.value_length_mla": 128,
    }  # fmt: skip
    spec, _ = read_gguf_header(write(tmp_path / "new.gguf", "deepseek2", new))
    assert KVPolicy().layer_bytes(spec) == (512 + 64) * 2
    assert (spec.num_experts, spec.num_shared_experts, spec.num_dense_layers) == (8, 1, 1)


def test_layers_that_only_draft_are_not_counted(tmp_path):
    keys = SIZES | {"nextn_predict_layers": 1}
    assert read_gguf_header(write(tmp_path / "a.gguf", "llama", keys))[0].num_layers == 3


def test_routed_experts_are_told_from_the_rest(tmp_path):
    keys = SIZES | {"expert_count": 8, "expert_used_count": 2}
    path = write(tmp_path / "a.gguf", "llama", keys, tensors=["blk.0.ffn_up_exps.weight"])
    _, weights = read_gguf_header(path)
    assert (weights.total_bytes, weights.expert_bytes) == (3 * 1024, 1024)
    assert weights.active_params == 2 * 512 + 512 // 4


@pytest.mark.parametrize(
    ("architecture", "keys", "extra", "rule"),
    [
        ("mamba", SIZES, {}, "general.architecture must be one of llama.*got 'mamba'"),
        ("llama", {}, {}, "attention.head_count must be a whole number from 1, got None"),
        ("llama", SIZES, {"split.count": 3}, "one of 3"),
        (
            "llama",
            SIZES | {"nextn_predict_layers": [1]},
            {},
            "nextn_predict_layers must be a whole",
        ),
        (
            "llama",
            SIZES | {"feed_forward_length": [1, 2]},
            {},
            "feed_forward_length must be a whole",
        ),
        ("llama", SIZES | {"expert_count": [4]}, {}, "expert_count must be a whole number from 0"),
        ("gemma3", SIZES | {"attention.sliding_window": [9]}, {}, "sliding_window must be a whole"),
        (
            "gemma3",
            SLIDING | {"attention.sliding_window_pattern": 0},
            {},
            "pattern must be a whole",
        ),
    ],
)
def test_a_header_that_does_not_say_enough_is_refused(tmp_path, architecture, keys, extra, rule):
    with pytest.raises(ValueError, match=rule):
        read_gguf_header(write(tmp_path / "a.gguf", architecture, keys, extra=extra))


@pytest.mark.parametrize("key", ["general.architecture", "split.count"])
def test_metadata_of_another_type_are_refused_by_their_key(tmp_path, key):
    path = write(tmp_path / "a.gguf", "llama", SIZES)
    with read_gguf(path) as file:
        file.metadata[key] = [np.arange(40)]
        with pytest.raises(ValueError, match=rf"{key} must be [^\n]*$"):
            header_spec(file, "a")


def test_layers_without_number_are_refused_at_once(tmp_path):
    path = write(tmp_path / "a.gguf", "gemma3", SLIDING | {"block_count": 2**31})
    with pytest.raises(ValueError, match="num_layers must be at most 10000, got 2147483648"):
        read_gguf_header(path)


def test_a_name_that_would_move_the_cursor_gives_way_to_the_files(tmp_path):
    with read_gguf(write(tmp_path / "a.gguf", "llama", SIZES)) as file:
        file.metadata["general.name"] = "two\nlines"
        assert header_spec(file, "a").name == "a"
