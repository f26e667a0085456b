"""Token by token: choose the next token, process it, and again.

`generate` processes each token once and keeps its keys and values; `generate_uncached` keeps
nothing and processes the whole sequence for every token. Their tokens are equal, their work is not:
n tokens against n(n + 1)/2.
"""

from collections.abc import Callable, Collection, Iterator

from membound.arrays import Float32, TokenIds
from membound.cache.interface import KVCache
from membound.model.load import Model
from membound.model.transformer import check_tokens, forward_uncached
from membound.sampling.sampler import greedy

Choose = Callable[[Float32], int]


def generate(
    model: Model,
    prompt_ids: TokenIds,
    *,
    max_new_tokens: int,
    cache: KVCache | None = None,
    sampler: Choose = greedy,
    stop_ids: Collection[int] = (),
) -> Iterator[int]:
    """Yield up to `max_new_tokens` ids that continue `prompt_ids`, each as soon as it is chosen.

    A stop id ends the sequence and is not yielded. With a `cache` the prompt continues the tokens
    in it; the last token yielded is not in it yet. What cannot be processed to the end is refused
    before the first token.
    """
    num_past = 0 if cache is None else cache.num_tokens
    num_needed = check_request(model, prompt_ids, num_past, max_new_tokens)
    if cache is None:
        cache = model.new_cache(num_needed)
    elif cache.capacity is not None and num_needed > cache.capacity:
        raise ValueError(f"the request needs room for {num_needed}, the cache has {cache.capacity}")

    def tokens() -> Iterator[int]:
        logits = model.prefill(prompt_ids, cache)
        for num_left in reversed(range(max_new_tokens)):
            token_id = sampler(logits)
            if token_id in stop_ids:
                return
            yield token_id
            if num_left:
                logits = model.decode(token_id, cache)

    return tokens()


def generate_uncached(
    model: Model,
    prompt_ids: TokenIds,
    *,
    max_new_tokens: int,
    sampler: Choose = greedy,
    stop_ids: Collection[int] = (),
) -> Iterator[int]:
    """Yield what `generate` yields, processing the whole sequence for each token."""
    check_request(model, prompt_ids, 0, max_new_tokens)

    def tokens() -> Iterator[int]:
        sequence = list(prompt_ids)
        for _ in range(max_new_tokens):
            token_id = sampler(forward_uncached(model.weights, sequence, last_only=True)[0])
            if token_id in stop_ids:
                return
            yield token_id
            sequence.append(token_id)

    return tokens()


def check_request(model: Model, prompt_ids: TokenIds, num_past: int, max_new_tokens: int) -> int:
    """Return how many tokens a cache must hold in the end; refuse what the model cannot do."""
    if max_new_tokens < 1:
        raise ValueError(f"max_new_tokens must be at least 1, got {max_new_tokens}")
    check_tokens(model.config, prompt_ids, num_past)
    # The last new token is chosen and never processed.
    num_needed = num_past + len(prompt_ids) + max_new_tokens - 1
    if num_needed > model.config.context_length:
        raise ValueError(
            f"{num_past} past, {len(prompt_ids)} prompt and {max_new_tokens} new tokens do not fit "
            f"the context of {model.config.context_length}: at most "
            f"{max_new_tokens - num_needed + model.config.context_length} new ones do"
        )
    return num_needed
