"""Two cached decoders that look right and are not, for the reader to find out why.

The right answer for both is what `CountedAttention.run_uncached` returns, for the work of
`run_cached`.
"""

import numpy as np

from membound.arrays import Float32
from membound.attention.counted import CountedAttention, Run


def cache_beside_the_work(layer: CountedAttention, inputs: Float32) -> Run:
    """Process `inputs` (num_tokens, hidden_size) with a cache."""
    run = Run(np.empty_like(inputs))
    keys, values = layer.room(0)
    for t in range(len(inputs)):
        q, k, v = layer.project(inputs[: t + 1], run)
        keys = np.concatenate([keys, k[:, -1:]], axis=1)
        values = np.concatenate([values, v[:, -1:]], axis=1)
        run.outputs[t] = layer.attend(q, keys, values, run)[-1]
    return run


def prompt_end_twice(layer: CountedAttention, prompt: Float32, num_new: int) -> Run:
    """Continue `prompt` (num_tokens, hidden_size): each output is the next input."""
    run = Run(np.empty((num_new, prompt.shape[1]), np.float32))
    _, keys, values = layer.project(prompt, run)  # prefill
    x = prompt[-1:]
    for t in range(num_new):
        q, k, v = layer.project(x, run)
        keys = np.concatenate([keys, k], axis=1)
        values = np.concatenate([values, v], axis=1)
        x = layer.attend(q, keys, values, run)
        run.outputs[t] = x[0]
    return run
