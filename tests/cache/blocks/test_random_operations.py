"""Thousands of random operations against a model that a reader can check: a dictionary of texts.

The model knows each sequence's tokens and nothing of blocks. Beside it stands a pretended memory,
written only where `slots` says and copied only where told; each place holds the number of the text
up to and including its token, as keys and values depend on all of it. So a block that was shared
wrongly, copied too late or found by a wrong hash reads back wrongly.
"""

import random
from collections import Counter

import numpy as np
import pytest

from membound.cache.blocks.errors import (
    BlockError,
    BlockTableTooShortError,
    KnownSequenceError,
    OutOfBlocksError,
    SharedBlockError,
    SwappedOutError,
    UnknownSequenceError,
)
from membound.cache.blocks.manager import BlockManager


class Harness:
    """A manager, its pretended memory, and the model: `texts` and who is swapped out."""

    def __init__(self, seed, *, num_blocks, block_size, num_swap_blocks, prefix_caching=True):
        self.random = random.Random(seed)
        self.manager = BlockManager(
            num_blocks,
            block_size,
            num_swap_blocks=num_swap_blocks,
            prefix_caching=prefix_caching,
        )
        self.block_size = block_size
        self.memory = [[None] * block_size for _ in range(num_blocks)]
        self.swap_memory = [[None] * block_size for _ in range(num_swap_blocks)]
        self.texts, self.swapped = {}, set()
        self.prefix_numbers = {}
        self.next_id = 0
        self.done = Counter()

    # What the memory should hold.

    def number(self, text):
        """A number that stands for a whole text: equal texts have one, others another."""
        return self.prefix_numbers.setdefault(tuple(text), len(self.prefix_numbers))

    def check_sequence(self, name):
        text = self.texts[name]
        assert self.manager.num_tokens(name) == len(text)
        if name in self.swapped:
            return
        table = self.manager.block_table(name)
        for position in range(len(text)):
            block, place = divmod(position, self.block_size)
            assert self.memory[table[block]][place] == self.number(text[: position + 1])

    def check_accounts(self):
        """Every block is held exactly as often as tables name it, or can be taken."""
        manager = self.manager
        assert set(manager.sequence_ids) == set(self.texts)
        awake = [name for name in self.texts if name not in self.swapped]
        held = Counter(b for name in awake for b in manager.block_table(name).tolist())
        for block in range(manager.pool.num_blocks):
            assert manager.pool.num_holders(block) == held[block]
        assert manager.pool.num_available == manager.pool.num_blocks - len(held)
        num_swapped = sum(-(-len(self.texts[name]) // self.block_size) for name in self.swapped)
        assert manager.swap_pool.num_available == manager.swap_pool.num_blocks - num_swapped

    # What can be done.

    def pick(self, names):
        return self.random.choice(sorted(names)) if names else None

    def awake(self):
        return [name for name in self.texts if name not in self.swapped]

    def write(self, name, tokens):
        """What a forward pass does; returns whether there was room."""
        manager, text = self.manager, self.texts[name]
        table = manager.block_table(name)
        missing = -(-(len(text) + len(tokens)) // self.block_size) - len(table)
        place = len(text) // self.block_size
        if tokens and place < len(table) and manager.pool.num_holders(table[place]) > 1:
            missing = max(missing, 0) + 1
            self.done["copy on write"] += 1
        if missing > manager.pool.num_available:
            with pytest.raises(OutOfBlocksError):
                manager.reserve(name, len(tokens))
            assert np.array_equal(manager.block_table(name), table)
            self.done["out of blocks"] += 1
            return
        for source, target in manager.reserve(name, len(tokens)):
            self.memory[target] = list(self.memory[source])
        if self.random.random() < 0.03:  # the pass failed, or only room was wanted
            return
        blocks, places = manager.slots(name, len(tokens))
        for token, block, place in zip(tokens, blocks.tolist(), places.tolist(), strict=True):
            text.append(token)
            self.memory[block][place] = self.number(text)
        # Sometimes nobody knows, or only partly, which tokens those were.
        num_known = (
            len(tokens) if self.random.random() < 0.9 else self.random.randint(0, len(tokens))
        )
        manager.commit(name, len(tokens), tokens[:num_known])

    def new_tokens(self, num_tokens):
        return [self.random.randint(0, 2) for _ in range(num_tokens)]  # few: prefixes meet

    def start(self):
        name, self.next_id = self.next_id, self.next_id + 1
        text = self.new_tokens(self.random.randint(0, 4 * self.block_size))
        if self.texts and self.random.random() < 0.5:  # a text that begins like another
            other = self.texts[self.pick(self.texts)]
            text = other[: self.random.randint(0, len(other))] + text
        num_cached = self.manager.start(name, text)
        assert num_cached % self.block_size == 0
        assert num_cached < len(text) or num_cached == 0
        self.done["prefix found"] += num_cached > 0
        self.texts[name] = text[:num_cached]
        self.check_sequence(name)
        self.write(name, text[num_cached:])

    def extend(self):
        name = self.pick(self.awake())
        if name is not None:
            size = self.random.choice([1, 1, 1, 2, self.block_size, 0])
            self.write(name, self.new_tokens(size))

    def fork(self):
        name = self.pick(self.awake())
        if name is not None:
            self.manager.fork(name, self.next_id)
            self.texts[self.next_id] = list(self.texts[name])
            self.next_id += 1

    def truncate(self):
        name = self.pick(self.awake())
        if name is not None:
            keep = self.random.randint(0, len(self.texts[name]))
            self.manager.truncate(name, keep)
            del self.texts[name][keep:]

    def free(self):
        name = self.pick(self.texts)
        if name is not None:
            self.manager.free(name)
            del self.texts[name]
            self.swapped.discard(name)

    def preempt_by_recompute(self):
        name = self.pick(self.awake())
        if name is not None:
            text = self.texts[name]
            self.manager.free(name)
            num_cached = self.manager.start(name, text)
            self.texts[name] = text[:num_cached]
            self.check_sequence(name)
            self.write(name, text[num_cached:])

    def swap_out(self):
        name = self.pick(self.awake())
        if name is None:
            return
        if -(-len(self.texts[name]) // self.block_size) > self.manager.swap_pool.num_available:
            with pytest.raises(OutOfBlocksError):
                self.manager.swap_out(name)
            return
        for source, target in self.manager.swap_out(name):
            self.swap_memory[target] = list(self.memory[source])
        self.swapped.add(name)

    def swap_in(self):
        name = self.pick(self.swapped)
        if name is None:
            return
        if -(-len(self.texts[name]) // self.block_size) > self.manager.pool.num_available:
            with pytest.raises(OutOfBlocksError):
                self.manager.swap_in(name)
            return
        for source, target in self.manager.swap_in(name):
            self.memory[target] = list(self.swap_memory[source])
        self.swapped.discard(name)
        self.check_sequence(name)

    def misuse(self):
        """Something that must be refused, and leave everything as it was."""
        manager, name = self.manager, self.pick(self.texts)
        with pytest.raises(UnknownSequenceError):
            self.random.choice([manager.free, manager.swap_in, manager.block_table])(-1)
        if name is None:
            return
        with pytest.raises(KnownSequenceError):
            manager.start(name, [1, 2])
        if name in self.swapped:
            with pytest.raises(SwappedOutError):
                manager.reserve(name, 1)
            return
        room = len(manager.block_table(name)) * self.block_size - len(self.texts[name])
        with pytest.raises(BlockTableTooShortError):
            self.random.choice([manager.slots, manager.commit])(name, room + 1)
        place = len(self.texts[name]) // self.block_size
        if room and manager.pool.num_holders(manager.block_table(name)[place]) > 1:
            with pytest.raises(SharedBlockError):
                manager.slots(name, 1)
            self.done["write to a shared block"] += 1

    def step(self):
        operations = {
            self.start: 4,
            self.extend: 12,
            self.fork: 2,
            self.truncate: 1,
            self.free: 3 if len(self.texts) < 12 else 12,
            self.preempt_by_recompute: 1,
            self.swap_out: 1,
            self.swap_in: 1,
            self.misuse: 1,
        }
        operation = self.random.choices(list(operations), operations.values())[0]
        operation()
        self.done[operation.__name__] += 1


ALL = {"copy on write", "out of blocks", "write to a shared block", "prefix found", "swap_in"}
CASES = {
    "roomy": ({"num_blocks": 40, "block_size": 4, "num_swap_blocks": 12}, ALL),
    "tight": ({"num_blocks": 9, "block_size": 3, "num_swap_blocks": 4}, ALL),
    "one token": (
        {"num_blocks": 24, "block_size": 1, "num_swap_blocks": 8},
        ALL - {"copy on write", "write to a shared block"},  # a block is full at once
    ),
    "no prefixes": (
        {"num_blocks": 24, "block_size": 4, "num_swap_blocks": 8, "prefix_caching": False},
        ALL - {"prefix found"},
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_nothing_is_leaked_and_nothing_is_shared_wrongly(case):
    sizes, must_happen = CASES[case]
    harness = Harness(0, **sizes)
    for step in range(2500):
        harness.step()
        if harness.texts:
            harness.check_sequence(harness.pick(harness.texts))
        if step % 8 == 0:
            harness.check_accounts()
    happened = {what for what in ALL if harness.done[what] > 1}
    assert happened == must_happen

    for name in list(harness.texts):
        harness.check_sequence(name)
        harness.manager.free(name)
    assert harness.manager.pool.num_available == sizes["num_blocks"]
    assert harness.manager.swap_pool.num_available == sizes["num_swap_blocks"]


def test_all_its_errors_are_value_errors():
    assert issubclass(BlockError, ValueError)
