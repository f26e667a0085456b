"""Each test is one sentence that `membound.units` says of itself."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from membound.units import GB, GIB, Gibibytes, Gigabytes, format_bytes, format_s


def test_a_gigabyte_is_seven_per_cent_less_than_a_gibibyte():
    assert pytest.approx(1.0737, abs=1e-4) == GIB / GB
    assert format_bytes(80 * GB, binary=True) == "74.5 GiB"


@pytest.mark.parametrize(
    ("num_bytes", "decimal", "binary"),
    [
        (0, "0 B", "0 B"),
        (999, "999 B", "999 B"),
        (1000, "1.00 kB", "1000 B"),
        (1024, "1.02 kB", "1.00 KiB"),
        (538_062_336, "538 MB", "513 MiB"),
        (999_600_000, "1.00 GB", "953 MiB"),
        (999_400_000, "999 MB", "953 MiB"),
        (99_960_000, "100 MB", "95.3 MiB"),
        (9_996_000, "10.0 MB", "9.53 MiB"),
        (2 * 2**40, "2.20 TB", "2.00 TiB"),
    ],
)
def test_bytes_have_three_digits_and_a_unit(num_bytes, decimal, binary):
    assert format_bytes(num_bytes) == decimal
    assert format_bytes(num_bytes, binary=True) == binary


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.02134, "21.3 ms"),
        (1.5, "1.50 s"),
        (90, "90.0 s"),
        (3e-6, "3.00 µs"),
        (0.0009996, "1.00 ms"),
        (4e-10, "0.40 ns"),
        (0, "0.00 ns"),
    ],
)
def test_seconds_have_three_digits_and_a_unit(seconds, text):
    assert format_s(seconds) == text


@given(st.integers(1, 10**15))
def test_what_is_shown_is_right_to_half_a_per_cent(num_bytes):
    number, unit = format_bytes(num_bytes).split()
    size = {"B": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12}[unit]
    assert float(number) * size == pytest.approx(num_bytes, rel=0.005)


def test_gigabytes_and_gibibytes_meet_only_as_bytes():
    sold, given = Gigabytes(80), Gibibytes(80)
    assert sold.num_bytes == 80 * GB
    assert str(Gibibytes.from_bytes(sold.num_bytes)) == "74.51 GiB"
    for mix in (lambda: sold + given, lambda: given - sold, lambda: sold < given):
        with pytest.raises(TypeError):
            mix()
    assert sold != given


def test_amounts_of_one_unit_add_up_and_compare():
    assert Gibibytes(2) + Gibibytes(3) - Gibibytes(1) == Gibibytes(4)
    assert Gigabytes(1) < Gigabytes(2)
