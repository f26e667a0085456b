"""Each test is one sentence that `membound.decode.generate` says of itself."""

import numpy as np
import pytest

import tiny
from membound.cache.concatenated import ConcatenatedCache
from membound.decode.generate import generate, generate_uncached
from membound.model.load import Model
from membound.model.transformer import forward_uncached
from membound.sampling.sampler import Sampler

PROMPT = [7, 3, 9, 30]


@pytest.fixture(scope="module")
def model():
    return Model(tiny.weights(seed=2, tied=False))


def by_hand(model, num_tokens):
    """Greedy decoding without any of the code under test but the plain pass."""
    sequence = list(PROMPT)
    for _ in range(num_tokens):
        sequence.append(int(forward_uncached(model.weights, sequence)[-1].argmax()))
    return sequence[len(PROMPT) :]


@pytest.mark.parametrize("max_new_tokens", [1, 2, 30])
def test_cached_and_uncached_tokens_are_those_of_the_plain_pass(model, max_new_tokens):
    expected = by_hand(model, max_new_tokens)
    assert len(set(by_hand(model, 30))) > 10  # a model that does not repeat itself
    assert list(generate(model, PROMPT, max_new_tokens=max_new_tokens)) == expected
    assert list(generate_uncached(model, PROMPT, max_new_tokens=max_new_tokens)) == expected


def test_a_cache_may_be_brought_along_and_continued(model):
    expected = by_hand(model, 12)
    cache = model.new_cache(40)
    first = list(generate(model, PROMPT, max_new_tokens=5, cache=cache))
    assert cache.num_tokens == len(PROMPT) + 4  # the fifth token was chosen and not processed
    rest = list(generate(model, first[-1:], max_new_tokens=7, cache=cache))
    assert first + rest == expected


def test_any_cache_will_do(model):
    cache = ConcatenatedCache(3, 2, 8)
    assert list(generate(model, PROMPT, max_new_tokens=9, cache=cache)) == by_hand(model, 9)


@pytest.mark.parametrize("decoder", [generate, generate_uncached])
def test_a_stop_id_ends_the_sequence_and_is_not_yielded(model, decoder):
    expected = by_hand(model, 30)
    stop = expected[-1]
    got = list(decoder(model, PROMPT, max_new_tokens=30, stop_ids={stop}))
    assert got == expected[: expected.index(stop)]


@pytest.mark.parametrize("decoder", [generate, generate_uncached])
def test_one_seed_gives_one_text(model, decoder):
    def text(seed):
        sampler = Sampler(temperature=2.0, top_k=20, seed=seed)
        return list(decoder(model, PROMPT, max_new_tokens=25, sampler=sampler))

    assert text(1) == text(1)
    assert text(1) != text(2)


def test_a_token_comes_before_the_next_one_is_computed(model):
    cache = model.new_cache(40)
    tokens = generate(model, PROMPT, max_new_tokens=5, cache=cache)
    assert cache.num_tokens == 0
    next(tokens)
    assert cache.num_tokens == len(PROMPT)
    next(tokens)
    assert cache.num_tokens == len(PROMPT) + 1


@pytest.mark.parametrize("decoder", [generate, generate_uncached])
@pytest.mark.parametrize(
    ("prompt_ids", "max_new_tokens", "message"),
    [
        ([], 5, "at least one id"),
        ([50], 5, "token ids go from 0 to 49, got 50"),
        ([-1], 5, "token ids go from 0 to 49, got -1"),
        ([1] * 65, 5, "65 tokens after 0 exceed the context of 64"),
        ([1] * 60, 6, "60 prompt and 6 new tokens do not fit.* 64: at most 5 new ones do"),
        ([1], 0, "max_new_tokens must be at least 1, got 0"),
    ],
)
def test_what_cannot_be_done_is_refused_before_the_first_token(
    model, decoder, prompt_ids, max_new_tokens, message
):
    with pytest.raises(ValueError, match=message):
        decoder(model, prompt_ids, max_new_tokens=max_new_tokens)  # not even asked for a token


def test_the_context_can_be_filled_to_its_last_place(model):
    assert len(list(generate(model, [1] * 60, max_new_tokens=5))) == 5
    assert len(list(generate_uncached(model, [1] * 60, max_new_tokens=5))) == 5


def test_a_cache_that_is_too_small_is_refused_before_the_first_token(model):
    cache = model.new_cache(10)
    with pytest.raises(ValueError, match="needs room for 11, the cache has 10"):
        generate(model, PROMPT, max_new_tokens=8, cache=cache)
    assert len(list(generate(model, PROMPT, max_new_tokens=7, cache=cache))) == 7


def test_a_prompt_may_be_an_array(model):
    prompt = np.array(PROMPT)
    assert list(generate(model, prompt, max_new_tokens=4)) == by_hand(model, 4)
    assert list(generate_uncached(model, prompt, max_new_tokens=4)) == by_hand(model, 4)
