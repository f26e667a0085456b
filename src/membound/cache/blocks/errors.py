"""What can be refused, by name. Each is a `ValueError`; whatever is refused changes nothing."""


class BlockError(ValueError):
    """A rule about blocks was broken; the class says which."""


class OutOfBlocksError(BlockError):
    """More blocks were asked for than are free or idle."""


class DoubleFreeError(BlockError):
    """A block was released, shared or remembered that nobody holds."""


class SharedBlockError(BlockError):
    """A write to a block that others read too, or that is kept for its content."""


class BlockTableTooShortError(BlockError):
    """Tokens were to be written or counted that no block is reserved for."""


class UnknownSequenceError(BlockError):
    """A sequence was named that was never started, or is freed."""


class KnownSequenceError(BlockError):
    """A sequence was to be started under an id that is taken."""


class SwappedOutError(BlockError):
    """The sequence's blocks are swapped out, or, to swap it in, they are not."""
