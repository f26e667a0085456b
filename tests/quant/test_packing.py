"""Each test is one sentence that `membound.quant.packing` says of itself."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from membound.quant.packing import pack, packed_bytes, unpack


def stream_by_hand(codes: list[int], bits: int) -> list[int]:
    """The row as one whole number, code i at bit i * bits, cut into bytes."""
    number = sum(code << (i * bits) for i, code in enumerate(codes))
    return list(number.to_bytes((len(codes) * bits + 7) // 8, "little"))


@settings(deadline=None, max_examples=60)
@given(st.data(), st.integers(1, 8), st.integers(1, 21), st.integers(0, 3))
def test_rows_become_the_bytes_of_one_whole_number_and_come_back(data, bits, num_codes, num_rows):
    code = st.integers(0, 2**bits - 1)
    rows = data.draw(
        st.lists(
            st.lists(code, min_size=num_codes, max_size=num_codes),
            min_size=num_rows,
            max_size=num_rows,
        )
    )
    codes = np.array(rows, np.uint8).reshape(num_rows, num_codes)
    packed = pack(codes, bits)
    assert packed.shape == (num_rows, packed_bytes(num_codes, bits))
    assert packed.tolist() == [stream_by_hand(row, bits) for row in rows]
    assert np.array_equal(unpack(packed, bits, num_codes), codes)


def test_two_codes_of_4_bits_share_a_byte_the_first_in_its_low_half():
    assert pack(np.array([0x1, 0xF], np.uint8), 4).tolist() == [0xF1]


@pytest.mark.parametrize("bits", range(1, 9))
def test_eight_codes_take_as_many_bytes_as_a_code_has_bits(bits):
    assert pack(np.zeros((5, 8), np.uint8), bits).nbytes == 5 * bits


@pytest.mark.parametrize("bits", range(1, 9))
def test_no_rows_are_no_bytes(bits):
    packed = pack(np.zeros((0, 8), np.uint8), bits)
    assert packed.shape == (0, bits)
    assert unpack(packed, bits, 8).shape == (0, 8)


@pytest.mark.parametrize("bits", [4, 8])
def test_neither_way_returns_a_view_of_what_came(bits):
    codes = np.arange(8, dtype=np.uint8)
    packed = pack(codes, bits)
    assert not np.shares_memory(packed, codes)
    assert not np.shares_memory(unpack(packed, bits, 8), packed)


@pytest.mark.parametrize(
    ("codes", "bits", "message"),
    [
        (np.array([3, 16], np.uint8), 4, "codes of 4 bits go up to 15, got 16"),
        (np.array([3, 4]), 4, "codes must be uint8, not int64"),
        (np.array([3], np.uint8), 9, "a code has 1 to 8 bits to fit into a byte, not 9"),
        (np.array([3], np.uint8), 0, "a code has 1 to 8 bits to fit into a byte, not 0"),
    ],
)
def test_codes_that_do_not_fit_are_refused(codes, bits, message):
    with pytest.raises(ValueError, match=message):
        pack(codes, bits)


def test_bytes_that_cannot_hold_the_codes_are_refused():
    with pytest.raises(ValueError, match="9 codes of 3 bits take 4 bytes as uint8, not 3 of uint8"):
        unpack(np.zeros((2, 3), np.uint8), 3, 9)
