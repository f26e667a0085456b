"""Each test is one sentence that `membound.decode.calibration` says of itself."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import tiny
from membound.decode.calibration import inputs_of, outlier_channels
from membound.decode.quality import cut_windows
from membound.gguf.reader import read_gguf
from membound.maths.norms import rms_norm
from membound.model.weights import load_weights
from membound.quant.awq import awq
from membound.quant.gptq import gptq, output_error
from membound.quant.integer import quantize
from membound.tokenizer.bpe import Tokenizer

TEXT = Path(__file__).parents[2] / "docs" / "blocks" / "data" / "jargon-file.txt"


@pytest.fixture(scope="module")
def weights():
    return tiny.weights()


@pytest.fixture(scope="module")
def windows():
    return cut_windows(np.random.default_rng(3).integers(0, 50, 48), 3, 16)


def test_the_first_matrices_meet_the_normed_embeddings(weights, windows):
    layer = weights.layers[0]
    expected = rms_norm(
        weights.embedding[windows.ravel()], layer.attn_norm, weights.config.norm_eps
    )
    for x in inputs_of(weights, windows, [layer.q, layer.v]):
        assert np.array_equal(x, expected)


def test_inputs_come_in_the_order_asked_for(weights, windows):
    down, o = inputs_of(weights, windows, [weights.layers[1].down, weights.layers[1].o])
    assert (down.shape, o.shape) == ((48, 40), (48, 48))


def test_layers_above_may_be_left_out(weights, windows):
    matrix = weights.layers[1].gate
    cut = replace(weights, layers=weights.layers[:2])
    assert np.array_equal(
        inputs_of(weights, windows, [matrix])[0], inputs_of(cut, windows, [matrix])[0]
    )


def test_a_matrix_that_no_layer_uses_is_refused(weights, windows):
    with pytest.raises(ValueError, match="matrix 1 of 2 is none of the layers' own"):
        inputs_of(weights, windows, [weights.layers[0].q, weights.layers[0].q.copy()])


def test_outlier_channels_are_ranked_beside_the_median_channel():
    x = np.ones((5, 9), np.float32)
    x[2, 4], x[3, 7] = -50, 20
    assert outlier_channels(x, 2) == [(4, 50.0), (7, 20.0)]
    assert outlier_channels(x, 3)[2][1] == 1.0


@pytest.mark.model
def test_on_a_real_layer_gptq_and_awq_save_error_on_text_that_they_have_not_seen(model_path):
    with read_gguf(model_path) as gguf:
        weights = load_weights(gguf)
        text = Tokenizer.from_metadata(gguf.metadata).encode(TEXT.read_text("utf-8"))
    weights = replace(weights, layers=weights.layers[:3])
    (x,) = inputs_of(weights, cut_windows(text, 4, 192), [weights.layers[2].q])
    seen, unseen = x[:576], x[576:]
    matrix = weights.layers[2].q

    def error(back):
        return output_error(unseen, matrix, back.dequantize())

    nearest = error(quantize(matrix, bits=4, per="row", scale_dtype=np.float16))
    assert 0.001 < nearest < 0.05
    assert error(awq(matrix, seen, bits=4)) < 0.75 * nearest
    assert error(gptq(matrix, seen, bits=4, damping=1, act_order=True)) < 0.5 * nearest
