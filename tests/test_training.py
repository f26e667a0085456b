"""Each test is one sentence that `membound.training` says of itself."""

import numpy as np
import pytest

from membound.training import Adam, Tally, backward, forward, loss_and_gradient, make_tower

WIDTHS = (5, 7, 4, 3)


@pytest.fixture
def batch():
    rng = np.random.default_rng(1)
    return rng.normal(size=(6, WIDTHS[0])), rng.integers(WIDTHS[-1], size=6)


def loss_of(weights, x, classes):
    return loss_and_gradient(forward(weights, x, Tally())[0], classes)[0]


def test_every_gradient_is_what_a_small_change_does_to_the_loss(batch):
    x, classes = batch
    weights = make_tower(WIDTHS, seed=0, dtype="float64")
    logits, inputs = forward(weights, x, Tally())
    gradients, dx = backward(weights, inputs, loss_and_gradient(logits, classes)[1], Tally())
    for array, gradient in zip([*weights, x], [*gradients, dx], strict=True):
        for index in np.ndindex(*array.shape):
            before = array[index]
            array[index] = before + 1e-6
            above = loss_of(weights, x, classes)
            array[index] = before - 1e-6
            below = loss_of(weights, x, classes)
            array[index] = before
            assert gradient[index] == pytest.approx((above - below) / 2e-6, abs=1e-7)


def test_a_step_costs_six_flops_per_weight_and_token_two_of_them_forward(batch):
    x, classes = batch
    weights = make_tower(WIDTHS, seed=0)
    num_weights = 5 * 7 + 7 * 4 + 4 * 3
    there, back = Tally(), Tally()
    logits, inputs = forward(weights, x, there)
    backward(weights, inputs, loss_and_gradient(logits, classes)[1], back)
    assert there.flops == 2 * num_weights * 6
    assert back.flops == 4 * num_weights * 6


def test_the_inputs_of_every_matrix_are_kept(batch):
    x, _ = batch
    _, inputs = forward(make_tower(WIDTHS, seed=0), x, Tally())
    assert [kept.shape for kept in inputs] == [(6, 5), (6, 7), (6, 4)]
    assert all((kept >= 0).all() for kept in inputs[1:])


def test_the_loss_of_equal_logits_is_the_logarithm_of_the_number_of_classes():
    loss, gradient = loss_and_gradient(np.zeros((2, 8)), np.array([3, 0]))
    assert loss == pytest.approx(np.log(8))
    assert gradient.sum() == pytest.approx(0)


def test_adam_first_moves_each_weight_by_the_rate_against_its_gradient():
    weights = [np.array([[1.0, 1.0]])]
    Adam(weights, rate=0.1).update(weights, [np.array([[1e-3, -50.0]])])
    assert weights[0] == pytest.approx(np.array([[0.9, 1.1]]), abs=1e-5)


def test_adam_divides_by_the_root_of_the_mean_square():
    weights, adam = [np.zeros((1, 1))], None
    adam = Adam(weights, rate=1.0)
    gradients = [1.0, 3.0, -2.0]
    mean = square = expected = 0.0
    for t, g in enumerate(gradients, 1):  # algorithm 1, one number at a time
        mean, square = 0.9 * mean + 0.1 * g, 0.999 * square + 0.001 * g * g
        expected -= mean / (1 - 0.9**t) / ((square / (1 - 0.999**t)) ** 0.5 + 1e-8)
        adam.update(weights, [np.array([[g]])])
    assert weights[0][0, 0] == pytest.approx(expected)


def test_training_lowers_the_loss(batch):
    x, classes = batch
    weights = make_tower(WIDTHS, seed=0, dtype="float64")
    adam, before = Adam(weights, rate=0.05), loss_of(weights, x, classes)
    for _ in range(50):
        logits, inputs = forward(weights, x, Tally())
        gradient = loss_and_gradient(logits, classes)[1]
        adam.update(weights, backward(weights, inputs, gradient, Tally())[0])
    assert loss_of(weights, x, classes) < before / 10


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: make_tower([4], seed=0), r"two widths of at least 1, got \[4\]"),
        (lambda: make_tower([4, 0], seed=0), r"two widths of at least 1, got \[4, 0\]"),
        (
            lambda: loss_and_gradient(np.zeros((2, 3)), np.array([1])),
            r"2 rows of logits need a class each, got \(1,\)",
        ),
    ],
)
def test_what_cannot_be_trained_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
