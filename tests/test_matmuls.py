"""Each test is one sentence that `membound.matmuls` says of itself."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from membound.matmuls import Roof, Work, attention_work, matmul_work, square, walk

small = st.integers(1, 5)


class Number:
    """A number that writes down each multiplication and addition it takes part in."""

    done: list[str]

    def __init__(self, done):
        self.done = done

    def __mul__(self, other):
        self.done.append("*")
        return Number(self.done)

    def __add__(self, other):
        self.done.append("+")
        return Number(self.done)


def numbers(shape, done):
    array = np.empty(shape, object)
    for index in np.ndindex(*shape):
        array[index] = Number(done)
    return array


@given(batch=small, num_in=small, num_out=small)
def test_a_product_does_as_many_multiplications_as_half_its_flops(batch, num_in, num_out):
    done = []
    numbers((batch, num_in), done) @ numbers((num_in, num_out), done)
    work = matmul_work(batch, num_in, num_out)
    assert done.count("*") == work.flops / 2
    # The first product of each sum has nothing to be added to: by convention it counts too.
    assert done.count("+") == work.flops / 2 - batch * num_out


@given(batch=small, num_in=small, num_out=small, dtype=st.sampled_from(["f2", "f4", "f8"]))
def test_a_product_moves_its_factors_and_itself_once(batch, num_in, num_out, dtype):
    a, b = np.ones((batch, num_in), dtype), np.ones((num_in, num_out), dtype)
    work = matmul_work(batch, num_in, num_out, itemsize=a.itemsize)
    assert work.nbytes == a.nbytes + b.nbytes + (a @ b).nbytes


@given(num_queries=small, num_keys=small, num_kv_heads=st.integers(1, 3), group=st.integers(1, 3))
def test_attention_multiplies_every_query_with_every_key_and_weight_with_value(
    num_queries, num_keys, num_kv_heads, group
):
    head_dim = 2
    multiplications, read = 0, set()
    for head, i, j, d in product(
        range(num_kv_heads * group), range(num_queries), range(num_keys), range(head_dim)
    ):
        multiplications += 2  # q · k, and weight · v
        kv_head = head // group
        read |= {("q", head, i, d), ("k", kv_head, j, d), ("v", kv_head, j, d), ("o", head, i, d)}
    work = attention_work(
        num_queries,
        num_keys,
        num_heads=num_kv_heads * group,
        num_kv_heads=num_kv_heads,
        head_dim=head_dim,
    )
    assert work.flops == 2 * multiplications
    assert work.nbytes == 4 * len(read)


def test_a_gemv_does_half_an_operation_per_byte_and_a_gemm_a_sixth_of_its_size():
    assert matmul_work(1, 4096, 4096).intensity == pytest.approx(0.5, rel=1e-3)
    assert matmul_work(600, 600, 600).intensity == pytest.approx(100)


def test_a_roof_is_slanted_up_to_its_ridge_and_flat_beyond():
    roof = Roof(flops_per_s=100.0, bytes_per_s=10.0)
    assert roof.ridge == 10
    assert [roof.attainable(i) for i in (1, 10, 1000)] == [10, 100, 100]


def test_the_slower_of_arithmetic_and_memory_decides():
    roof = Roof(flops_per_s=100.0, bytes_per_s=10.0)
    assert roof.least_s(Work(flops=300, nbytes=10)) == 3
    assert roof.least_s(Work(flops=10, nbytes=50)) == 5


@given(flops=st.integers(1, 10**6), nbytes=st.integers(1, 10**6))
def test_nothing_outruns_the_roof(flops, nbytes):
    roof, work = Roof(flops_per_s=70.0, bytes_per_s=9.0), Work(flops, nbytes)
    assert flops / roof.least_s(work) == pytest.approx(roof.attainable(work.intensity))


def test_work_adds_up():
    assert Work(1, 2) + Work(10, 20) == Work(11, 22)


@pytest.mark.parametrize("batch", [1, 3])
def test_a_walk_multiplies_every_matrix_and_counts_them_all(batch):
    matrices = [np.full((5, 4), value, np.float32) for value in (1, 7)]
    work, run = walk(matrices, batch)
    assert np.array_equal(run(), np.full((batch, 5), 28))  # the last: four ones times 7
    assert work.flops == 2 * 2 * batch * 4 * 5
    assert work.nbytes == 2 * 4 * (batch * 4 + 4 * 5 + batch * 5)


def test_a_square_product_is_square_unless_told():
    work, run = square(8)
    assert run().shape == (8, 8)
    assert work.flops == 2 * 8**3
    work, run = square(8, batch=1)
    assert run().shape == (1, 8)
    assert work.flops == 2 * 8**2


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: matmul_work(0, 4, 4), "batch must be at least 1, got 0"),
        (lambda: matmul_work(1, 4, 4, itemsize=0), "itemsize must be at least 1, got 0"),
        (
            lambda: attention_work(1, 0, num_heads=1, num_kv_heads=1, head_dim=1),
            "num_keys must be at least 1, got 0",
        ),
        (lambda: walk([], 1), r"matrices of one shape, got \[\]"),
        (
            lambda: walk([np.ones((2, 3), np.float32), np.ones((3, 2), np.float32)], 1),
            r"matrices of one shape, got \[\(2, 3\), \(3, 2\)\]",
        ),
        (lambda: square(0), "at least 1, got 0"),
    ],
)
def test_what_cannot_be_counted_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
