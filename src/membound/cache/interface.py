"""What the model asks of a cache, so that any cache can stand behind any decoder.

A forward pass over T new tokens does, for every layer, `append` once and attends to what came
back; then it says `advance(T)` once. Until `advance` the tokens do not count: a pass that failed
half way leaves the cache as it was.
"""

from typing import Protocol

from membound.arrays import Bool, Float32


class KVCache(Protocol):
    """The keys and values of one sequence's past tokens, layer by layer."""

    @property
    def num_tokens(self) -> int:
        """How many tokens have passed: the next one stands at this position."""
        ...

    @property
    def capacity(self) -> int | None:
        """The most tokens that may ever pass, or None where nothing limits them."""
        ...

    @property
    def nbytes(self) -> int:
        """The bytes of memory held, taken up by tokens or not."""
        ...

    def append(self, layer: int, k: Float32, v: Float32) -> tuple[Float32, Float32]:
        """Take the new tokens' `k`, `v` (num_kv_heads, T, head_dim) and return all to attend to.

        Both results are (num_kv_heads, num_keys, head_dim), the new tokens last (a single one sees
        all of them and may stand anywhere), and are only to be read, before the next `append`.
        `k` and `v` stay the caller's, who will write over them: a cache keeps copies. `ValueError`
        if the tokens do not fit.
        """
        ...

    def visible(self, num_new: int) -> Bool | None:
        """Which of the keys that `append` returns each new token sees: (num_new, num_keys).

        None means causal: all but the new tokens after it. With one new token it is always None:
        a key that this token may not see is not returned.
        """
        ...

    def advance(self, num_new: int) -> None:
        """Count the tokens that every layer has appended."""
        ...

    def truncate(self, num_tokens: int) -> None:
        """Forget all but the first `num_tokens` tokens, as if the rest had never come.

        `ValueError` if the cache holds fewer, or cannot go back that far.
        """
        ...
