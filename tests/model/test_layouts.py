"""Each test is one sentence that `membound.model.layouts` says of itself."""

import numpy as np
import pytest

import tiny
from membound.model.layouts import MATRICES, cut, own_arrays


@pytest.mark.parametrize("order", ["C", "F"])
def test_an_own_array_holds_the_same_numbers_in_memory_of_its_own(order):
    weights = tiny.weights()
    copy = own_arrays(weights, MATRICES, order=order)
    for ours, theirs in zip(copy.layers, weights.layers, strict=True):
        for name, array in vars(ours).items():
            assert np.array_equal(array, getattr(theirs, name))
            if name in MATRICES:
                assert array.base is None
                assert array.flags[f"{order}_CONTIGUOUS"]
        assert np.shares_memory(ours.k, ours.qkv)
        assert np.shares_memory(ours.up, ours.gate_up)
    assert np.array_equal(copy.head, weights.head)
    assert copy.head.flags[f"{order}_CONTIGUOUS"]
    assert np.array_equal(copy.embedding, weights.embedding)


def test_what_is_not_copied_is_shared():
    weights = tiny.weights()
    copy = own_arrays(weights, {"gate_up"}, order="C")
    assert copy.layers[0].down is weights.layers[0].down
    assert copy.head is weights.head
    assert not np.shares_memory(copy.layers[0].gate_up, weights.layers[0].gate_up)


def test_a_tied_embedding_is_the_copy_that_holds_rows_in_one_piece():
    weights = tiny.weights()
    plain = own_arrays(weights, {"head"}, order="C")
    assert plain.embedding is plain.head
    assert own_arrays(plain, {"head"}, order="F").embedding is plain.head
    untied = tiny.weights(tied=False)
    assert own_arrays(untied, {"head"}, order="C").embedding is untied.embedding


def test_the_parts_of_a_fused_matrix_are_cut_where_they_lie():
    layer = tiny.weights().layers[0]
    for part, name in zip(cut(layer.qkv, layer, "qkv"), "qkv", strict=True):
        assert np.array_equal(part, getattr(layer, name))
        assert np.shares_memory(part, layer.qkv)


def test_a_matrix_that_no_layer_has_is_refused():
    with pytest.raises(ValueError, match="kinds are among down, gate_up, head, o, qkv, got 'gate'"):
        own_arrays(tiny.weights(), {"gate"}, order="C")
