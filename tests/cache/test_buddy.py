"""Each test is one sentence that `membound.cache.buddy` says of itself."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from membound.cache.buddy import BuddyAllocator, next_power_of_two


def test_the_next_power_of_two_may_be_the_number_itself():
    assert [next_power_of_two(n) for n in (1, 2, 3, 4, 5, 1025)] == [1, 2, 4, 4, 8, 2048]


def test_pieces_are_halved_to_fit_and_joined_when_both_halves_are_free():
    memory = BuddyAllocator(8)
    assert [memory.take(n) for n in (1, 2, 3)] == [(0, 1), (2, 2), (4, 4)]
    assert memory.take(2) is None  # one slot is free, and no piece of two
    assert memory.take(1) == (1, 1)
    for piece in ((2, 2), (0, 1), (4, 4), (1, 1)):
        memory.give_back(*piece)
    assert memory.take(8) == (0, 8)


@settings(deadline=None, max_examples=50)
@given(data=st.data(), num_slots=st.integers(1, 100))
def test_no_two_pieces_overlap_and_everything_comes_back(data, num_slots):
    memory, pieces = BuddyAllocator(num_slots), []
    for wanted in data.draw(st.lists(st.integers(0, 40), max_size=40)):
        if wanted == 0 and pieces:
            memory.give_back(*pieces.pop(data.draw(st.integers(0, len(pieces) - 1))))
        elif wanted and (piece := memory.take(wanted)):
            assert piece[1] == next_power_of_two(wanted)
            pieces.append(piece)
        slots = [slot for start, size in pieces for slot in range(start, start + size)]
        assert len(set(slots)) == len(slots)
        assert all(0 <= slot < num_slots for slot in slots)
    for piece in pieces:
        memory.give_back(*piece)
    largest = next_power_of_two(num_slots + 1) // 2
    assert memory.take(largest) == (0, largest)


def test_a_piece_that_is_not_out_cannot_be_given_back():
    memory = BuddyAllocator(8)
    start, size = memory.take(2)
    with pytest.raises(ValueError, match="no piece of 4 slots is out that starts at 0"):
        memory.give_back(start, 4)
    memory.give_back(start, size)
    with pytest.raises(ValueError, match="no piece of 2 slots is out"):
        memory.give_back(start, size)  # twice would give the same slots to two
    assert memory.take(8) == (0, 8)
    with pytest.raises(ValueError, match="not be negative, got -1"):
        BuddyAllocator(-1)
