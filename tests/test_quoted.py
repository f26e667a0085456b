"""Each test is one sentence that `membound.quoted` says of itself."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from membound.quoted import quote, whole


@pytest.mark.parametrize("value", ["llama", 3, -1.5, None, True, [2, 2], "blk." + 60 * "a"])
def test_what_is_short_is_its_repr(value):
    assert quote(value) == repr(value)


@given(st.text() | st.lists(st.text(), max_size=9) | st.integers())
def test_no_character_moves_the_cursor(value):
    assert quote(value).isprintable()


@pytest.mark.parametrize(
    "value",
    ["k" * 65535, ["name" * 99] * 10**5, np.zeros(10**6), np.zeros((40, 40)), [np.arange(50)] * 9],
)
def test_what_is_long_is_cut_to_one_line(value):
    assert len(quote(value)) < 500
    assert "\n" not in quote(value)


def test_a_whole_number_is_read_by_its_key_and_all_else_is_refused_with_it():
    assert whole({"n": 3}, "n") == whole({}, "n", 3) == 3
    assert whole({"n": 0}, "n", least=0) == 0
    for wrong in (0, -1, True, 1.0, "1", None):
        with pytest.raises(ValueError, match=r"^n must be a whole number from 1, got "):
            whole({"n": wrong}, "n")
