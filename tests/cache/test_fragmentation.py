"""Each test is one sentence that `membound.cache.fragmentation` says of itself."""

import pytest

from membound.cache.fragmentation import (
    RESERVATIONS,
    Request,
    Usage,
    contiguous_usage,
    paged_usage,
    request_mix,
)


def test_a_slot_is_counted_by_what_it_is_kept_for():
    usage = Usage()
    # Two tokens now, five in the end, eight slots kept; and a last block of four, half of it used.
    usage.add_step(16, [(2, 5, 8), (2, 9, 4)])
    assert usage == Usage(token_states=4, reservation=3 + 2, internal=3, external=16 - 12)


def test_two_requests_that_take_turns_are_counted_by_hand():
    requests = [Request(2, 3), Request(1, 1)]
    # The first has 2, 3, 4 tokens of 5 while the second waits; no other step counts.
    assert contiguous_usage(requests, 8, "max", max_tokens=8) == Usage(9, 6, 9, 0)
    assert contiguous_usage(requests, 9, "oracle") == Usage(9, 6, 0, 12)  # eight slots and one left
    assert contiguous_usage([Request(2, 3)] * 2, 8, "power of two") == Usage(9, 6, 3, 6)


def test_paged_requests_are_counted_by_hand():
    # Blocks of two, four of them: the first takes its second and its third as it grows.
    usage = paged_usage([Request(2, 3), Request(7, 1)], 8, block_size=2)
    assert usage == Usage(2 + 3 + 4, 0 + 1 + 0, 0, 6 + 4 + 4)


def test_the_last_to_start_is_preempted_and_still_served():
    # Both grow to all of the memory: without preemption neither could ever end.
    usage = paged_usage([Request(2, 6), Request(2, 6), Request(5, 1)], 8, block_size=2)
    # 2, 3 and 4 tokens each; then the second goes, and the first has 5, 6 and 7 alone; then the
    # second, which takes up its 4 tokens again, has 4 to 7.
    assert usage.token_states == 2 * (2 + 3 + 4) + (5 + 6 + 7) + (4 + 5 + 6 + 7)
    assert usage.internal == 0


@pytest.fixture(scope="module")
def shares():
    """The mix of the paper's section 6.2: mean lengths of ShareGPT, OPT-13B on 40 GB (table 1)."""
    mix = request_mix(150, mean_prompt=161, mean_output=338)
    found = {name: contiguous_usage(mix, 15_700, name).shares() for name in RESERVATIONS}
    return found | {"paged": paged_usage(mix, 15_700).shares()}


def test_its_shares_are_close_to_the_papers_figure_2(shares):
    published = {"max": 0.204, "power of two": 0.268, "oracle": 0.382, "paged": 0.963}
    for name, share in published.items():
        assert shares[name]["token_states"] == pytest.approx(share, abs=0.06), name
        assert sum(shares[name].values()) == pytest.approx(1)
    # Seven pieces of 2048 fit into 15,700 slots, whoever uses them.
    assert shares["max"]["external"] == pytest.approx(1 - 7 * 2048 / 15_700)
    assert shares["max"]["reservation"] == pytest.approx(0.133, abs=0.03)
    assert shares["max"]["internal"] == pytest.approx(0.573, abs=0.05)


def test_whoever_knows_the_length_wastes_nothing_inside_and_pages_waste_nothing_outside(shares):
    assert shares["oracle"]["internal"] == 0
    assert shares["oracle"]["external"] > 0.3
    assert shares["paged"]["internal"] < 0.01
    assert shares["paged"]["external"] < 0.02


def test_a_mix_has_the_means_asked_for_and_no_request_too_long():
    mix = request_mix(4000, mean_prompt=50, mean_output=100, spread=0.5)
    assert sum(request.num_prompt for request in mix) / 4000 == pytest.approx(50, rel=0.05)
    assert sum(request.num_output for request in mix) / 4000 == pytest.approx(100, rel=0.05)
    short = request_mix(500, mean_prompt=50, mean_output=100, max_tokens=120)
    assert max(request.num_tokens for request in short) <= 120
    assert request_mix(9, mean_prompt=5, mean_output=5, seed=1) == request_mix(
        9, mean_prompt=5, mean_output=5, seed=1
    )


def test_a_simulation_without_waiting_or_without_hope_is_refused():
    with pytest.raises(ValueError, match="no request ever had to wait"):
        contiguous_usage([Request(1, 1)], 64, "oracle").shares()
    for simulate in (
        lambda r: contiguous_usage(r, 8, "oracle"),
        lambda r: paged_usage(r, 8, block_size=2),
    ):
        with pytest.raises(ValueError, match="can never fit 8"):
            simulate([Request(1, 8)])


def test_what_cannot_be_simulated_is_refused():
    with pytest.raises(ValueError, match=r"reservation must be one of .*'oracle'.*, got 'least'"):
        contiguous_usage([Request(1, 1)], 8, "least")
    for block_size in (0, 9):
        with pytest.raises(ValueError, match=f"block_size must be 1 to 8.*, got {block_size}"):
            paged_usage([Request(1, 1)], 8, block_size=block_size)
    for lengths in ((0, 1), (1, 0), (-1, 5)):
        with pytest.raises(ValueError, match="must have a prompt and an answer"):
            Request(*lengths)
    for wrong in ({"mean_prompt": 0}, {"mean_output": -1}, {"spread": -1}, {"max_tokens": 1}):
        with pytest.raises(ValueError, match="means must be positive"):
            request_mix(1, **{"mean_prompt": 5, "mean_output": 5} | wrong)
