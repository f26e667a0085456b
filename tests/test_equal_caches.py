"""The ladder of equal decoders, its memory rungs: wherever keys and values lie, and however
attention walks over them, the real model says the same.
"""

import json

import numpy as np
import pytest

from membound.attention.flash import flash_attention
from membound.attention.grouped import grouped_attention
from membound.attention.paged import paged_attention, paged_attention_in_place
from membound.attention.plain import attention
from membound.attention.split import split_attention
from membound.attention.tiling.tiles import Tiles
from membound.attention.window import window_attention, window_mask
from membound.cache.paged import PagedMemory
from membound.cache.window import WindowCache
from membound.decode.generate import generate
from membound.model.load import load_model
from membound.model.transformer import forward_uncached, hidden_states

pytestmark = pytest.mark.model

NUM_NEW = 12
TOLERANCE = 1e-3  # float32 rounding moves these logits, of size 38, by 1e-4


@pytest.fixture(scope="module")
def model(model_path):
    return load_model(model_path)


@pytest.fixture(scope="module")
def cases(data):
    """Prompts and llama.cpp's greedy continuations of them."""
    return json.loads((data / "smollm2-greedy.json").read_text())["cases"]


@pytest.fixture(scope="module")
def prompt(cases):
    return cases[0]["prompt_ids"]


@pytest.fixture(scope="module")
def expected(cases):
    return cases[0]["greedy_ids"][:NUM_NEW]


def sizes(model):
    return model.config.num_layers, model.config.num_kv_heads, model.config.head_dim


def used_memory(model, num_blocks=24, **options):
    """A memory whose free blocks come in no order and hold what must not be read."""
    memory = PagedMemory(*sizes(model), num_blocks=num_blocks, **options)
    memory.store[:] = np.nan
    blocks = [memory.manager.pool.take() for _ in range(num_blocks)]
    for block in np.random.default_rng(0).permutation(blocks).tolist():
        memory.manager.pool.release(block)
    return memory


def continued(model, prompt, cache, num_new=NUM_NEW):
    return list(generate(model, prompt[cache.num_tokens :], max_new_tokens=num_new, cache=cache))


@pytest.mark.parametrize("num_sinks", [0, 4])
def test_a_window_as_long_as_the_text(model, prompt, expected, num_sinks):
    window = len(prompt) + NUM_NEW - num_sinks
    cache = WindowCache(*sizes(model), window=window, num_sinks=num_sinks)
    assert continued(model, prompt, cache) == expected


@pytest.mark.parametrize("block_size", [1, 5, 16])
def test_blocks_anywhere(model, prompt, expected, block_size):
    memory = used_memory(model, 64, block_size=block_size)
    assert continued(model, prompt, memory.start()) == expected


def test_blocks_side_by_side(model, prompt, expected):
    memory = PagedMemory(*sizes(model), num_blocks=4)
    assert continued(model, prompt, memory.start()) == expected


def test_paged_logits_are_contiguous_logits_bit_for_bit(model, prompt, expected):
    memory = used_memory(model, block_size=4)
    paged, contiguous = memory.start(), model.new_cache(len(prompt) + NUM_NEW)
    assert np.array_equal(model.prefill(prompt, paged), model.prefill(prompt, contiguous))
    for token_id in expected[:8]:
        assert np.array_equal(model.decode(token_id, paged), model.decode(token_id, contiguous))


def test_a_beginning_that_another_sequence_has_processed(model, prompt, expected):
    memory = used_memory(model, block_size=4)
    first = memory.start(prompt)
    model.prefill(prompt[:-1], first)
    second = memory.start(prompt)
    assert second.num_tokens == 12  # 13 tokens, in blocks of 4
    assert continued(model, prompt, second) == expected


def test_two_continuations_of_one_text(model, prompt, expected):
    memory = used_memory(model, block_size=4)
    first = memory.start(prompt)
    model.prefill(prompt[:-1], first)  # the last token is for each to process
    second = first.fork()
    model.decode(prompt[0], second)  # another text from here on
    assert continued(model, prompt, first) == expected


def test_preempted_by_swapping(model, prompt, expected):
    memory = used_memory(model, block_size=4, num_swap_blocks=8)
    cache = memory.start(prompt)
    tokens = continued(model, prompt, cache, 5)
    cache.swap_out()
    other = memory.start()
    model.prefill(list(range(30)), other)
    other.free()
    cache.swap_in()
    assert tokens + continued(model, prompt + tokens, cache, NUM_NEW - 5) == expected


def test_preempted_by_recomputing(model, prompt, expected):
    memory = used_memory(model, block_size=4)
    cache = memory.start(prompt)
    tokens = continued(model, prompt, cache, 5)
    cache.free()
    cache = memory.start(prompt + tokens)
    assert cache.num_tokens == 12  # found again, and not computed
    assert tokens + continued(model, prompt + tokens, cache, NUM_NEW - 5) == expected


def uncached_with(model, token_ids, attend):
    """The whole text at once through another attention: logits of every token."""
    hidden = hidden_states(
        model.weights, token_ids, np.arange(len(token_ids)), lambda _, q, k, v: attend(q, k, v)
    )
    return hidden @ model.weights.head.T


@pytest.mark.parametrize(("window", "num_sinks"), [(7, 0), (6, 3)])
def test_a_window_shorter_than_the_text_is_plain_attention_under_its_mask(
    model, cases, window, num_sinks
):
    ids = cases[1]["prompt_ids"] + cases[1]["greedy_ids"][:8]
    mask = window_mask(len(ids), len(ids), window, num_sinks)
    masked = uncached_with(model, ids, lambda q, k, v: attention(q, k, v, visible=mask))
    assert np.abs(masked - forward_uncached(model.weights, ids)).max() > 1  # it does matter

    cache = WindowCache(*sizes(model), window=window, num_sinks=num_sinks)
    rows = [*model.forward(ids[:15], cache), *model.forward(ids[15:18], cache)]
    rows += [model.decode(token_id, cache) for token_id in ids[18:]]
    assert np.abs(np.array(rows) - masked).max() < TOLERANCE


@pytest.mark.parametrize(
    "attend",
    [
        flash_attention,
        lambda q, k, v: flash_attention(q, k, v, tiles=Tiles(30, 7)),
        grouped_attention,
        lambda q, k, v: window_attention(q, k, v, window=64),
    ],
    ids=["flash", "flash in small tiles", "grouped", "window"],
)
def test_each_attention_gives_the_plain_logits(model, cases, attend):
    ids = cases[2]["prompt_ids"] + cases[2]["greedy_ids"][:40]
    plain = forward_uncached(model.weights, ids)
    logits = uncached_with(model, ids, attend)
    assert logits.dtype == np.float32
    assert np.abs(logits - plain).max() < TOLERANCE
    assert np.array_equal(logits.argmax(axis=-1), plain.argmax(axis=-1))


@pytest.mark.parametrize("how", ["gathered", "in place", "split"])
def test_each_attention_for_one_query_decodes_the_same_tokens(model, prompt, expected, how):
    memory = used_memory(model, block_size=4)
    cache = memory.start()
    model.prefill(prompt[:-1], cache)

    def attend(layer, q, k, v):
        keys, values = cache.append(layer, k, v)
        if how == "split":
            return split_attention(q, keys, values, num_splits=3)
        paged = paged_attention if how == "gathered" else paged_attention_in_place
        return paged(q, *memory.store[layer], cache.block_table, cache.num_tokens + 1)

    token_id, tokens = prompt[-1], []
    for _ in range(8):
        position = np.array([cache.num_tokens])
        hidden = hidden_states(model.weights, [token_id], position, attend)
        cache.advance(1)
        token_id = int((hidden @ model.weights.head.T).argmax())
        tokens.append(token_id)
    assert tokens == expected[:8]
