"""Each test is one sentence that `membound.model.weights` says of itself."""

import itertools

import numpy as np
import pytest

import tiny
from membound.maths.rotary import rotary_table
from membound.model.weights import load_weights, tensor_shapes


@pytest.mark.parametrize("tied", [True, False])
def test_every_tensor_arrives_in_its_place_as_it_was(tied):
    gguf = tiny.gguf_file(tied=tied)
    weights = load_weights(gguf)
    for index, layer in enumerate(weights.layers):
        for ours, theirs in {
            "attn_norm": "attn_norm",
            "q": "attn_q",
            "k": "attn_k",
            "v": "attn_v",
            "o": "attn_output",
            "mlp_norm": "ffn_norm",
            "gate": "ffn_gate",
            "up": "ffn_up",
            "down": "ffn_down",
        }.items():
            assert np.array_equal(getattr(layer, ours), gguf.tensor(f"blk.{index}.{theirs}.weight"))
    assert np.array_equal(weights.norm, gguf.tensor("output_norm.weight"))
    assert np.array_equal(weights.embedding, gguf.tensor("token_embd.weight"))
    head = "token_embd.weight" if tied else "output.weight"
    assert np.array_equal(weights.head, gguf.tensor(head))
    assert np.shares_memory(weights.head, weights.embedding) == tied


def test_a_fused_matrix_is_its_parts_and_not_a_copy_of_them():
    for layer in tiny.weights().layers:
        assert np.array_equal(layer.qkv, np.concatenate([layer.q, layer.k, layer.v]))
        assert np.array_equal(layer.gate_up, np.concatenate([layer.gate, layer.up]))
        assert all(np.shares_memory(layer.qkv, part) for part in (layer.q, layer.k, layer.v))
        assert all(np.shares_memory(layer.gate_up, part) for part in (layer.gate, layer.up))


@pytest.mark.parametrize("tied", [True, False])
def test_a_token_reads_every_weight_once_but_one_row_of_the_embedding(tied):
    shapes = tensor_shapes(tiny.CONFIG, tied=tied)
    num_weights = sum(int(np.prod(shape)) for shape in shapes.values())
    row, table = tiny.CONFIG.hidden_size, tiny.CONFIG.vocab_size * tiny.CONFIG.hidden_size
    read = num_weights + row if tied else num_weights - table + row
    assert tiny.weights(tied=tied).bytes_read_per_token == 4 * read


def test_all_matrices_lie_in_one_block_that_starts_on_a_huge_page():
    weights = tiny.weights()
    matrices = [weights.head]
    for layer in weights.layers:
        matrices += [layer.qkv, layer.o, layer.gate_up, layer.down]
    starts = sorted((matrix.ctypes.data, matrix.nbytes) for matrix in matrices)
    assert starts[0][0] % (2 << 20) == 0
    for (start, nbytes), (following, _) in itertools.pairwise(starts):
        assert start + nbytes == following


def test_everything_is_float32():
    weights = tiny.weights(tied=False)
    arrays = [weights.embedding, weights.norm, weights.head]
    arrays += [value for layer in weights.layers for value in vars(layer).values()]
    assert {array.dtype for array in arrays} == {np.dtype(np.float32)}
    assert weights.rotations([5]).dtype == np.complex64


def test_a_missing_tensor_is_named_with_its_shape():
    gguf = tiny.gguf_file()
    del gguf.tensors["blk.1.ffn_down.weight"]
    with pytest.raises(ValueError, match=r"no tensor blk.1.ffn_down.weight.*\(24, 40\)"):
        load_weights(gguf)


def test_a_misshapen_tensor_is_named_with_both_shapes():
    gguf = tiny.gguf_file()
    gguf.tensors["blk.0.attn_k.weight"] = np.zeros((16, 23), np.float32)
    with pytest.raises(ValueError, match=r"attn_k.weight must be \(16, 24\), got \(16, 23\)"):
        load_weights(gguf)


def test_more_layers_than_the_file_has_tensors_are_refused_before_they_are_named():
    gguf = tiny.gguf_file()
    gguf.metadata["llama.block_count"] = 10**6
    with pytest.raises(ValueError, match=r"llama.block_count is 1000000, the file has 29"):
        load_weights(gguf)


def test_a_long_context_takes_no_memory_before_it_is_used():
    gguf = tiny.gguf_file()
    gguf.metadata["llama.context_length"] = 2**40
    weights = load_weights(gguf)
    assert np.array_equal(weights.rotations([3, 5]), rotary_table(6, 8, 10_000.0)[[3, 5]])


def test_a_tensor_without_a_place_is_refused():
    gguf = tiny.gguf_file()
    gguf.tensors["blk.0.attn_q.bias"] = np.zeros(48, np.float32)
    with pytest.raises(
        ValueError, match=r"3-layer Llama has no place for \['blk\.0\.attn_q\.bias'\]"
    ):
        load_weights(gguf)
