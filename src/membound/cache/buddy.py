"""A buddy allocator: contiguous room in powers of two, halved to fit and joined again.

Knuth, "The Art of Computer Programming", volume 1, section 2.5. Kwon et al. (arXiv 2309.06180,
section 6.1) assume it of the systems that they compare with.
"""


def next_power_of_two(number: int) -> int:
    """Return the smallest power of two that is not below `number`, which is 1 or more."""
    return 1 << (number - 1).bit_length()


class BuddyAllocator:
    """`num_slots` slots, any number: it is cut into powers of two to begin with."""

    def __init__(self, num_slots: int):
        if num_slots < 0:
            raise ValueError(f"num_slots must not be negative, got {num_slots}")
        self._taken: dict[int, int] = {}  # start and size of the pieces that are out
        self._free: dict[int, set[int]] = {1 << n: set() for n in range(num_slots.bit_length())}
        start = 0
        for size in reversed(self._free):  # num_slots as a sum of powers of two, largest first
            if num_slots & size:
                self._free[size].add(start)
                start += size

    def take(self, num_slots: int) -> tuple[int, int] | None:
        """Return (start, size) of at least `num_slots` slots, or None if no piece is that large."""
        wanted = next_power_of_two(num_slots)
        size = next((size for size in self._free if size >= wanted and self._free[size]), None)
        if size is None:
            return None
        start = min(self._free[size])
        self._free[size].remove(start)
        while size > wanted:
            size //= 2
            self._free[size].add(start + size)
        self._taken[start] = size
        return start, size

    def give_back(self, start: int, size: int) -> None:
        """Free a piece that `take` returned, once."""
        if self._taken.get(start) != size:
            raise ValueError(f"no piece of {size} slots is out that starts at {start}")
        del self._taken[start]
        while start ^ size in self._free[size]:
            self._free[size].remove(start ^ size)
            start, size = start & ~size, size * 2
        self._free[size].add(start)
