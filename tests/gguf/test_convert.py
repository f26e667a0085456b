"""Requantised files: the types that llama.cpp would choose, and weights near what they were."""

import numpy as np
import pytest

import gguf
from membound.gguf.convert import FALLBACKS, FILE_TYPES, plan, quantize_file
from membound.gguf.reader import read_gguf
from membound.gguf.spec import ValueType
from membound.gguf.writer import NewTensor, write_gguf
from membound.quant.blocks import FORMATS, quantize

SHAPES = {
    "token_embd.weight": (40, 256),
    "blk.0.attn_norm.weight": (256,),
    "blk.0.attn_q.weight": (64, 256),
    "blk.0.attn_k.weight": (32, 96),
    "blk.0.attn_k.bias": (2, 256),
    "blk.0.odd.weight": (3, 20),
    "blk.0.ffn_gate_inp.weight": (4, 256),
    "blk.0.ffn_norm.weight": (2, 256),
}


def write_model(path, shapes, **changed):
    rng = np.random.default_rng(0)
    weights = {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    weights |= changed
    tensors = [NewTensor(name, shape, "F32") for name, shape in shapes.items()]
    write_gguf(
        path,
        {"general.architecture": "llama", "general.file_type": 0, "k": np.uint8(5)},
        tensors,
        lambda name: weights[name].view(np.uint8),
    )
    return weights


@pytest.fixture
def model(tmp_path):
    write_model(tmp_path / "model.gguf", SHAPES)
    return tmp_path / "model.gguf"


def types(path):
    with read_gguf(path) as file:
        return {name: tensor.type_name for name, tensor in file.tensors.items()}


@pytest.mark.parametrize(
    ("format_name", "embedding", "matrix", "narrow"),
    [
        ("Q4_K", "Q6_K", "Q4_K", "Q5_0"),
        ("Q2_K", "Q6_K", "Q2_K", "IQ4_NL"),
        ("Q5_K", "Q6_K", "Q5_K", "Q5_1"),
        ("Q6_K", "Q6_K", "Q6_K", "Q8_0"),
        ("Q4_0", "Q6_K", "Q4_0", "Q4_0"),
        ("Q8_0", "Q8_0", "Q8_0", "Q8_0"),
        ("F16", "F16", "F16", "F16"),
    ],
)
def test_each_tensor_gets_the_type_that_llama_cpp_would_give_it(
    model, tmp_path, format_name, embedding, matrix, narrow
):
    quantize_file(model, tmp_path / "q.gguf", format_name)
    assert types(tmp_path / "q.gguf") == {
        "token_embd.weight": embedding,
        "blk.0.attn_norm.weight": "F32",
        "blk.0.attn_q.weight": matrix,
        "blk.0.attn_k.weight": narrow,
        "blk.0.attn_k.bias": "F32",
        "blk.0.odd.weight": "F16",
        "blk.0.ffn_gate_inp.weight": "F32",
        "blk.0.ffn_norm.weight": "F32",
    }


def test_an_embedding_that_is_not_the_output_is_a_matrix_like_any_other(tmp_path):
    shapes = {"token_embd.weight": (40, 256), "output.weight": (40, 256)}
    write_model(tmp_path / "model.gguf", shapes)
    quantize_file(tmp_path / "model.gguf", tmp_path / "q.gguf", "Q4_K")
    assert types(tmp_path / "q.gguf") == {"token_embd.weight": "Q4_K", "output.weight": "Q6_K"}


def test_the_weights_are_those_that_quantize_makes_and_the_gguf_package_reads(model, tmp_path):
    weights = write_model(model, SHAPES)
    quantize_file(model, tmp_path / "q.gguf", "Q4_K")
    for tensor in gguf.GGUFReader(tmp_path / "q.gguf").tensors:
        raw = quantize(weights[tensor.name], tensor.tensor_type.name)
        assert np.array_equal(tensor.data.view(np.uint8).ravel(), raw), tensor.name


def test_a_tensor_that_has_its_type_already_is_copied(tmp_path, model):
    quantize_file(model, tmp_path / "once.gguf", "Q4_0")
    quantize_file(tmp_path / "once.gguf", tmp_path / "twice.gguf", "Q4_0")
    assert (tmp_path / "once.gguf").read_bytes() == (tmp_path / "twice.gguf").read_bytes()


def test_metadata_stay_but_for_the_file_type(model, tmp_path):
    quantize_file(model, tmp_path / "q.gguf", "Q5_1")
    with read_gguf(tmp_path / "q.gguf") as file:
        assert file.metadata == {
            "general.architecture": "llama",
            "general.file_type": gguf.LlamaFileType.MOSTLY_Q5_1,
            "k": 5,
            "general.quantization_version": gguf.GGML_QUANT_VERSION,
        }
        assert file.value_types["k"] is ValueType.UINT8
        assert file.value_types["general.file_type"] is ValueType.UINT32


def test_file_types_are_those_of_llama_cpp():
    peer = {kind.name: kind.value for kind in gguf.LlamaFileType}
    names = {"F32": "ALL_F32", "MXFP4": "MOSTLY_MXFP4_MOE"}
    names |= {name: f"MOSTLY_{name}_S" for name in ("Q3_K", "Q4_K", "Q5_K")}
    for name, number in FILE_TYPES.items():
        assert peer[names.get(name, f"MOSTLY_{name}")] == number, name


def test_every_format_that_is_written_can_be_a_files():
    assert set(FILE_TYPES) == {name for name, found in FORMATS.items() if found.encode}
    assert all(FORMATS[name].block_size == 32 for name in FALLBACKS.values())


def test_a_plan_knows_the_size_of_the_file(model, tmp_path):
    quantize_file(model, tmp_path / "q.gguf", "Q4_K")
    with read_gguf(model) as source, read_gguf(tmp_path / "q.gguf") as target:
        planned = {tensor.name: tensor.nbytes for tensor in plan(source, "Q4_K")}
        assert planned == {name: tensor.nbytes for name, tensor in target.tensors.items()}


def test_progress_hears_of_every_tensor(model, tmp_path):
    heard = []
    quantize_file(model, tmp_path / "q.gguf", "Q4_K", progress=heard.append)
    assert [step.name for step in heard] == list(SHAPES)
    assert [step.num_done for step in heard] == list(range(1, len(SHAPES) + 1))
    assert heard[0] == ("token_embd.weight", "F32", "Q6_K", 1, len(SHAPES))


def test_a_format_that_is_not_written_is_refused(model, tmp_path):
    with pytest.raises(ValueError, match=r"files are written as F32, F16, .*, not 'IQ4_XS'"):
        quantize_file(model, tmp_path / "q.gguf", "IQ4_XS")


def test_a_weight_that_is_no_number_is_refused_by_its_tensor_and_row(tmp_path):
    matrix = np.zeros((64, 256), np.float32)
    matrix[9, 9] = np.nan
    write_model(tmp_path / "model.gguf", SHAPES, **{"blk.0.attn_q.weight": matrix})
    with pytest.raises(ValueError, match=r"'blk\.0\.attn_q\.weight': row 9 holds NaN"):
        quantize_file(tmp_path / "model.gguf", tmp_path / "q.gguf", "Q4_K")
    assert [path.name for path in tmp_path.iterdir()] == ["model.gguf"]


def test_a_file_can_be_converted_onto_itself(model):
    quantize_file(model, model, "Q8_0")
    assert types(model)["blk.0.attn_q.weight"] == "Q8_0"


@pytest.mark.model
def test_the_real_models_k_quants_fall_back_where_576_columns_do_not_divide(model_path):
    with read_gguf(model_path) as file:
        planned = {tensor.name: tensor.type_name for tensor in plan(file, "Q4_K")}
    assert planned["blk.3.ffn_down.weight"] == "Q4_K"
    assert planned["blk.3.attn_q.weight"] == "Q5_0"
    assert planned["token_embd.weight"] == "Q8_0"
    assert planned["output_norm.weight"] == "F32"
