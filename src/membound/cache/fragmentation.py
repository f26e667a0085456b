"""Where the memory for keys and values goes when requests come and go: a simulation.

Every slot, room for one token, is one of four things (Kwon et al., arXiv 2309.06180, section 3.1):

    token states             a token's keys and values
    reservation              kept for a token that this request will still produce
    internal fragmentation   kept for a request that will never use it
    external fragmentation   kept for nobody, and of no use to the request that waits

There are always requests waiting, the first come is the first served, and each running request
grows by one token a step. Contiguous room comes from a buddy allocator, as the paper assumes of
Orca; its rounding up to a power of two counts as external, since no request asked for it.
"""

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from membound.cache.blocks.errors import OutOfBlocksError
from membound.cache.blocks.manager import BlockManager
from membound.cache.buddy import BuddyAllocator, next_power_of_two


@dataclass(frozen=True)
class Request:
    """How long a prompt is, and how many tokens the model will answer; nobody knows the latter."""

    num_prompt: int
    num_output: int

    def __post_init__(self):
        if min(self.num_prompt, self.num_output) < 1:
            raise ValueError(f"a request must have a prompt and an answer, got {self}")

    @property
    def num_tokens(self) -> int:
        """What it will hold in the end."""
        return self.num_prompt + self.num_output


def request_mix(
    num_requests: int,
    *,
    mean_prompt: float,
    mean_output: float,
    spread: float = 1.0,
    max_tokens: int = 2048,
    seed: int = 0,
) -> list[Request]:
    """Draw requests with log-normal lengths; `spread` is the deviation of the logarithm.

    Requests longer than `max_tokens` are drawn again, so the means come out a little lower.
    """
    if min(mean_prompt, mean_output) <= 0 or spread < 0 or max_tokens < 2:
        raise ValueError(
            f"means must be positive, spread not negative and max_tokens at least 2, "
            f"got {mean_prompt}, {mean_output}, {spread} and {max_tokens}"
        )
    rng = np.random.default_rng(seed)
    requests = []
    while len(requests) < num_requests:
        # The mean of a log-normal is exp(mu + spread² / 2).
        draws = rng.lognormal(np.log([mean_prompt, mean_output]) - spread**2 / 2, spread)
        request = Request(*(max(1, round(length)) for length in draws))
        if request.num_tokens <= max_tokens:
            requests.append(request)
    return requests


# The three policies of the paper's figure 2: how many slots a request is given when it starts.
RESERVATIONS: dict[str, Callable[[Request, int], int]] = {
    "max": lambda _, max_tokens: max_tokens,
    "power of two": lambda request, max_tokens: min(
        request.num_prompt + next_power_of_two(request.num_output), max_tokens
    ),
    "oracle": lambda request, _: request.num_tokens,
}


@dataclass
class Usage:
    """Slots summed over steps, by what they were used for."""

    token_states: int = 0
    reservation: int = 0
    internal: int = 0
    external: int = 0

    def add_step(self, num_slots: int, pieces: Iterable[tuple[int, int, int]]) -> None:
        """Account for all slots; a piece is (tokens now, tokens in the end, slots kept)."""
        self.external += num_slots
        for num_now, num_final, num_kept in pieces:
            num_useful = min(num_final, num_kept)
            self.token_states += num_now
            self.reservation += num_useful - num_now
            self.internal += num_kept - num_useful
            self.external -= num_kept

    def shares(self) -> dict[str, float]:
        """Return the four as parts of 1."""
        total = sum(vars(self).values())
        if not total:
            raise ValueError("no request ever had to wait: there were slots for all of them")
        return {name: slots / total for name, slots in vars(self).items()}


def contiguous_usage(
    requests: Iterable[Request], num_slots: int, reservation: str, *, max_tokens: int = 2048
) -> Usage:
    """Simulate one of `RESERVATIONS`, counting the steps in which a request waits for room."""
    if reservation not in RESERVATIONS:
        raise ValueError(f"reservation must be one of {list(RESERVATIONS)}, got {reservation!r}")
    reserve = RESERVATIONS[reservation]
    memory, usage = BuddyAllocator(num_slots), Usage()
    waiting = deque((request, reserve(request, max_tokens)) for request in requests)
    running: list[tuple[Request, int, tuple[int, int], int]] = []  # and the step that ends it
    step = 0
    while waiting:
        request, num_kept = waiting[0]
        piece = memory.take(num_kept)
        if piece:
            running.append((request, num_kept, piece, step + request.num_output))
            waiting.popleft()
            continue
        if not running:
            raise ValueError(f"a request for {num_kept} slots can never fit {num_slots}")
        usage.add_step(
            num_slots,
            ((r.num_tokens - (end - step), r.num_tokens, kept) for r, kept, _, end in running),
        )
        step += 1
        for _, _, piece, end in running:
            if end == step:
                memory.give_back(*piece)
        running = [entry for entry in running if entry[-1] > step]
    return usage


def paged_usage(requests: Iterable[Request], num_slots: int, *, block_size: int = 16) -> Usage:
    """Simulate a `BlockManager`, counting the steps in which a request waits for room.

    When a running request finds no block, the one that started last is preempted: it gives its
    blocks back, and waits to process its prompt and its answer so far again.
    """
    if not 1 <= block_size <= num_slots:
        raise ValueError(
            f"block_size must be 1 to {num_slots}, the slots there are, got {block_size}"
        )
    manager = BlockManager(num_slots // block_size, block_size, prefix_caching=False)
    waiting = deque((name, request, request.num_prompt) for name, request in enumerate(requests))
    longest = max((request.num_tokens for _, request, _ in waiting), default=0)
    if longest > num_slots // block_size * block_size:
        raise ValueError(f"a request of {longest} tokens can never fit {num_slots} slots")
    running: dict[int, Request] = {}  # in the order in which they started
    usage = Usage()
    while waiting:
        name, request, num_tokens = waiting[0]
        manager.start(name)
        if _grow(manager, name, num_tokens):
            running[name] = request
            waiting.popleft()
            continue
        manager.free(name)
        kept = {name: len(manager.block_table(name)) * block_size for name in running}
        usage.add_step(
            num_slots,
            ((manager.num_tokens(n), r.num_tokens, kept[n]) for n, r in running.items()),
        )
        for name, request in list(running.items()):
            while name in running and not _grow(manager, name, 1):
                last, preempted = running.popitem()
                waiting.appendleft((last, preempted, manager.num_tokens(last)))
                manager.free(last)
            if name in running and manager.num_tokens(name) == request.num_tokens:
                del running[name]
                manager.free(name)
    return usage


def _grow(manager: BlockManager, name: int, num_new: int) -> bool:
    """Add tokens to a sequence if there is room."""
    try:
        manager.reserve(name, num_new)
    except OutOfBlocksError:
        return False
    manager.commit(name, num_new)
    return True
