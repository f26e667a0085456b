"""Each test is one sentence that `membound.decode.variants` says of itself."""

from dataclasses import replace

import numpy as np
import pytest

import tiny
from membound.decode import variants
from membound.decode.quality import compare, cut_windows, log_probabilities
from membound.decode.roundings import gguf_blocks, integers, keys_per_channel
from membound.decode.variants import Variant, degridded, measure, measure_variants
from membound.gguf.reader import read_gguf
from membound.quant.integer import quantize

MATRICES = ("q", "k", "v", "o", "gate", "up", "down")


@pytest.fixture(scope="module")
def weights():
    return tiny.weights()


@pytest.fixture(scope="module")
def windows():
    return cut_windows(np.random.default_rng(3).integers(0, 50, 48), 3, 16)


def same(array):
    return array, array.nbytes


def test_matrices_are_rounded_as_if_the_model_had_been_loaded_so(weights, windows):
    def rounded(matrix):
        return quantize(matrix, bits=4, per="row", scale_dtype=np.float16).dequantize()

    changed = replace(
        weights,
        layers=tuple(
            replace(layer, **{name: rounded(getattr(layer, name)) for name in MATRICES})
            for layer in weights.layers
        ),
    )
    before = log_probabilities(weights, windows)
    expected = compare(windows, before, log_probabilities(changed, windows))
    variant = Variant("INT4", matrices=integers(4, "row"))
    (measured,) = measure_variants(weights, windows, [variant])
    assert measured.name == "INT4"
    assert measured.quality == expected
    assert measured.quality.kl > 0


def test_the_model_itself_stays_as_it_is(weights, windows):
    before = log_probabilities(weights, windows)
    copies = [layer.q.copy() for layer in weights.layers]
    for part in ("matrices", "inputs"):
        measure(weights, windows, Variant(part, **{part: integers(2, "tensor")}), before)
    assert all(np.array_equal(a, b.q) for a, b in zip(copies, weights.layers, strict=True))
    assert np.array_equal(log_probabilities(weights, windows), before)


@pytest.mark.parametrize("parts", [["matrices"], ["inputs"], ["keys", "values"]])
def test_a_rounding_that_changes_nothing_costs_nothing(weights, windows, parts):
    variant = Variant("same", **dict.fromkeys(parts, same))
    (measured,) = measure_variants(weights, windows, [variant])
    assert measured.bits == 32
    assert (measured.quality.kl, measured.quality.top1_agreement) == (0, 1)


@pytest.mark.parametrize("part", ["matrices", "inputs", "keys", "values"])
def test_each_part_is_rounded_where_it_is_used(weights, windows, part):
    shapes = []

    def rounding(array):
        shapes.append(array.shape)
        return array, 0

    measure(weights, windows, Variant("x", **{part: rounding}), log_probabilities(weights, windows))
    c, n = tiny.CONFIG, windows.size
    expected = {
        "matrices": [getattr(weights.layers[0], name).shape for name in MATRICES],
        "inputs": [(n, 24)] * 3 + [(n, 48)] + [(n, 24)] * 2 + [(n, 40)],
        "keys": [(c.num_kv_heads, 16, c.head_dim)] * 3,
        "values": [(c.num_kv_heads, 16, c.head_dim)] * 3,
    }[part]
    assert sorted(shapes) == sorted(expected * c.num_layers)


def test_recent_keys_and_values_stay_exact(weights, windows):
    before = log_probabilities(weights, windows)

    def kl(residual):
        round_keys, round_values = keys_per_channel(2, 4), integers(2, 4, "offset")
        variant = Variant("KIVI", keys=round_keys, values=round_values, residual=residual)
        return measure(weights, windows, variant, before).quality.kl

    assert kl(0) > kl(4) > kl(8) > 1e-9 > kl(16)


def test_the_bits_are_counted_over_all_that_is_rounded(weights, windows):
    variant = Variant("INT4", matrices=integers(4, "row", scale_dtype=np.float32))
    (measured,) = measure_variants(weights, windows, [variant])
    rows = [getattr(layer, name).shape for layer in weights.layers for name in MATRICES]
    num_bytes = sum(out * (columns / 2 + 4) for out, columns in rows)
    assert measured.bits == 8 * num_bytes / sum(out * columns for out, columns in rows)


def test_a_variant_that_rounds_nothing_is_refused(weights, windows):
    with pytest.raises(ValueError, match="variant 'nothing' rounds nothing"):
        list(measure_variants(weights, windows, [Variant("nothing")]))


def test_the_names_of_all_variants_differ():
    names = [v.name for v in variants.WEIGHTS + variants.ACTIVATIONS + variants.KV_CACHE]
    assert len(set(names)) == len(names)


@pytest.mark.model
def test_degridding_moves_the_real_model_s_q4_1_matrices_and_nothing_else(model_path):
    with read_gguf(model_path) as gguf:
        weights = degridded(gguf, seed=1)
        on_the_grid = gguf.tensor("blk.3.ffn_up.weight")
        assert np.array_equal(weights.embedding, gguf.tensor("token_embd.weight"))
    off = weights.layers[3].up
    assert np.abs(quantize_q4_1(on_the_grid) - on_the_grid).max() < 1e-6
    assert np.abs(quantize_q4_1(off) - off).mean() > 1e-3
    assert np.abs(off - on_the_grid).max() < np.ptp(on_the_grid) / 30 * 1.001


def quantize_q4_1(matrix):
    return gguf_blocks("Q4_1")(matrix)[0]
