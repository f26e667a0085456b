"""Greedy choice, and seeded draws with temperature, top-k and top-p.

    p = softmax(logits / temperature), over the tokens that top-k, then top-p, keep

A low temperature sharpens the distribution, a high one flattens it; at 0 the most probable token
has all of it. The order (temperature, top-k, top-p) is that of Hugging Face's transformers and of
vLLM; llama.cpp applies the temperature last, which gives other nuclei.
"""

import math
from dataclasses import dataclass, field

import numpy as np

from membound.arrays import Float32
from membound.maths.softmax import softmax
from membound.sampling.filters import keep_top_k, keep_top_p


def greedy(logits: Float32) -> int:
    """Return the id of the largest of `logits` (vocab_size,); of equals, the lowest.

    Where the largest is no finite number, or one is NaN, there is none to choose: `ValueError`.
    """
    token_id = int(np.argmax(logits))  # the first NaN, if there is one
    if not math.isfinite(logits[token_id]):
        raise ValueError(f"the largest logit must be a finite number, got {logits[token_id]}")
    return token_id


def draw(probabilities: Float32, rng: np.random.Generator) -> int:
    """Draw an id from `probabilities` (vocab_size,): one uniform number, so one seed, one text."""
    sums = np.cumsum(probabilities, dtype=np.float64)
    # "right": the number 0.0 must pass by the ids at the start whose probability is zero.
    return int(np.searchsorted(sums, rng.random() * sums[-1], side="right"))


@dataclass
class Sampler:
    """Chooses tokens: `sampler(logits)` is an id. Each draw moves its generator on by one.

    temperature 0 is `greedy`; `top_k` and `top_p` of None keep every token.
    """

    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None
    seed: int | None = None
    rng: np.random.Generator = field(init=False, repr=False, compare=False)

    def __post_init__(self):
        if not 0 <= self.temperature < math.inf:
            raise ValueError(f"temperature must be 0 or more, got {self.temperature}")
        if self.top_k is not None and self.top_k < 1:
            raise ValueError(f"top_k must be at least 1, got {self.top_k}")
        if self.top_p is not None and not 0 < self.top_p <= 1:
            raise ValueError(f"top_p must be above 0 and at most 1, got {self.top_p}")
        if self.seed is not None and self.seed < 0:
            raise ValueError(f"seed must be 0 or more, got {self.seed}")
        self.rng = np.random.default_rng(self.seed)

    def __call__(self, logits: Float32) -> int:
        """Choose the id that follows `logits` (vocab_size,)."""
        if self.temperature == 0:
            return greedy(logits)
        return draw(self.probabilities(logits), self.rng)

    def probabilities(self, logits: Float32) -> Float32:
        """The distribution (vocab_size,) that the next draw is from."""
        largest = logits.max()
        if not np.isfinite(largest):
            raise ValueError(f"the largest logit must be a finite number, got {largest}")
        if self.temperature == 0:
            return (np.arange(len(logits)) == greedy(logits)).astype(np.float32)
        with np.errstate(
            over="ignore"
        ):  # a tiny temperature: -inf is right for all but the largest
            temperature = max(np.float32(self.temperature), np.finfo(np.float32).tiny)  # never 0
            logits = (logits - largest) / temperature
        if self.top_k is not None:
            logits = keep_top_k(logits, self.top_k)
        if self.top_p is not None:
            logits = keep_top_p(logits, self.top_p)
        return softmax(logits)
