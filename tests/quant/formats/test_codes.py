"""Packing against shifts done one code at a time."""

import numpy as np
import pytest

from membound.quant.formats.codes import as_columns, as_rows, invert, largest, pack, unpack, widest


@pytest.mark.parametrize("width", [1, 2, 4])
def test_byte_i_holds_the_codes_that_lie_a_row_apart(width):
    data = np.random.default_rng(0).integers(0, 256, (5, 3, 8), dtype=np.uint8)
    codes = unpack(data, width)
    assert codes.shape == (5, 3, 8 // width, 8)
    for place in range(8 // width):
        assert np.array_equal(codes[:, :, place], (data >> (width * place)) % 2**width)


@pytest.mark.parametrize("width", [1, 2, 4])
def test_pack_undoes_unpack(width):
    data = np.random.default_rng(0).integers(0, 256, (5, 3, 8), dtype=np.uint8)
    assert np.array_equal(pack(unpack(data, width), width), data)


def test_columns_and_rows_are_each_others_inverse():
    rows = np.random.default_rng(0).integers(0, 256, (7, 32), dtype=np.uint8)
    columns = as_columns(rows, 16)
    assert columns.shape == (16, 14)
    assert columns[3].tolist() == rows.reshape(-1, 16)[:, 3].tolist()
    assert np.array_equal(as_rows(columns).reshape(7, 32), rows)


def test_what_has_no_inverse_in_float32_gets_zero():
    scale = np.array([0, -0.0, 2, -4, 1e-45, 2.9e-39, 3e-39], np.float32)
    assert invert(scale)[:6].tolist() == [0, 0, 0.5, -0.25, 0, 0]
    assert np.isfinite(invert(scale)).all()
    assert invert(scale)[6] > 3e38


def test_of_two_weights_as_wide_the_upper_wins():
    groups = np.array([[1, -3, 0], [-3, 3, 0], [3, 2, 0]], np.float32)
    assert widest(groups).tolist() == [-3, -3, 0]
    assert largest(groups).tolist() == [3, 3, 0]
