"""Each test is one sentence that `membound.attention.tiling.tiles` says of itself."""

import numpy as np
import pytest

from membound.attention.tiling.tiles import Tiles, Traffic, cut, tile_sizes


def test_tile_sizes_are_those_of_the_paper():
    assert tile_sizes(25_600, 64) == Tiles(query_rows=64, key_rows=100)
    assert tile_sizes(1000, 64) == Tiles(query_rows=4, key_rows=4)  # ceil(3.9)
    with pytest.raises(ValueError, match="must be positive, got 0 and 64"):
        tile_sizes(0, 64)


def test_the_four_tiles_fit_in_fast_memory_and_the_scores_take_a_quarter_more():
    for num_elements in (4096, 25_600, 100_000):
        tiles = tile_sizes(num_elements, 64)
        slack = 4 * 64  # the ceiling's one row, four times
        assert 2 * 64 * (tiles.query_rows + tiles.key_rows) <= num_elements + slack
        assert tiles.query_rows * tiles.key_rows <= num_elements / 4 + slack


def test_a_cut_covers_every_row_once():
    assert list(cut(7, 3)) == [slice(0, 3), slice(3, 6), slice(6, 7)]
    assert list(cut(0, 3)) == []


def test_traffic_counts_elements_in_both_directions():
    traffic = Traffic()
    array = np.zeros((2, 3))
    assert traffic.load(array) is array
    traffic.store(array[0])
    assert (traffic.loaded, traffic.stored, traffic.elements) == (6, 3, 9)


def test_swapping_exchanges_the_sides():
    assert Tiles(2, 5).swapped == Tiles(5, 2)
