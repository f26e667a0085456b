"""What scripts/measure-attention runs: attention in tiles against attention in one piece."""

import sys
import tracemalloc

import numpy as np

from membound.attention.flash import CPU_TILES, flash_attention
from membound.attention.plain import attention
from membound.attention.tiling.tiles import Tiles
from membound.bench import interleave, machine_line
from membound.cache.paged import PagedCache, PagedMemory
from membound.cache.window import WindowCache
from membound.model.load import Model, load_model
from membound.model.local import default_model_path
from membound.units import format_bytes, format_s

NUM_HEADS, HEAD_DIM = 2, 64
CONTEXT, BLOCK_SIZE, TOKENS_PER_TURN = 512, 16, 4


def random_qkv(num_tokens: int) -> np.ndarray:
    shape = (3, NUM_HEADS, num_tokens, HEAD_DIM)
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def in_place_attention(q, k, v, *, causal: bool) -> np.ndarray:
    """Attention in one piece, the fastest we found: scores written over, the division last."""
    scores = (q * np.float32(HEAD_DIM**-0.5)) @ k.swapaxes(1, 2)
    if causal:
        np.copyto(scores, np.float32(-np.inf), where=~np.tri(q.shape[1], dtype=bool))
    scores -= scores.max(axis=-1, keepdims=True)
    np.exp(scores, out=scores)
    return scores @ v / scores.sum(axis=-1, keepdims=True)


def oracle(q, k, v, *, causal: bool) -> np.ndarray:
    num_tokens = q.shape[1]
    visible = None if causal else np.ones((num_tokens, num_tokens), bool)
    return attention(q, k, v, visible=visible)


WAYS = {"oracle": oracle, "in place": in_place_attention, "flash": flash_attention}


def peak_bytes(run) -> int:
    tracemalloc.start()
    run()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def measure_flash(num_repeats: int) -> None:
    print(f"{NUM_HEADS} heads of {HEAD_DIM}, tiles {CPU_TILES.query_rows} x {CPU_TILES.key_rows}")
    print(f"\n{'':>15}{'oracle':>10}{'in place':>10}{'flash':>10}   flash is faster by")
    for num_tokens in (1024, 2048, 4096, 8192):
        for causal in (False, True):
            q, k, v = random_qkv(num_tokens)
            runs = {
                name: lambda way=way, causal=causal, qkv=(q, k, v): way(*qkv, causal=causal)
                for name, way in WAYS.items()
            }
            outputs = [run() for run in runs.values()]
            if not all(np.allclose(outputs[0], out, atol=1e-5) for out in outputs):
                sys.exit("measure-attention: the outputs differ")
            timings = interleave(runs, repeats=num_repeats)
            times_s = {name: timing.median_s for name, timing in timings.items()}
            ratios = [times_s[name] / times_s["flash"] for name in ("oracle", "in place")]
            label = f"{num_tokens}{' causal' if causal else ''}"
            row = "".join(f"{format_s(time_s):>10}" for time_s in times_s.values())
            print(f"{label:>15}{row}   {ratios[0]:.2f} and {ratios[1]:.2f} times")
            if causal:
                peaks = "".join(f"{format_bytes(peak_bytes(run)):>10}" for run in runs.values())
                print(f"{'memory':>15}{peaks}")


def measure_tiles(num_repeats: int) -> None:
    num_tokens = 4096
    q, k, v = random_qkv(num_tokens)
    print(f"{num_tokens} tokens, {NUM_HEADS} heads of {HEAD_DIM}; times faster than in place\n")
    print(f"{'queries x keys':>15}{'all':>8}{'causal':>8}")
    tiles = [Tiles(rows, keys) for rows in (512, 1024, 2048) for keys in (512, 1024, 2048)]
    rows = {}
    for causal in (False, True):
        runs = {"plain": lambda c=causal: in_place_attention(q, k, v, causal=c)}
        for tile in tiles:
            runs[tile] = lambda c=causal, t=tile: flash_attention(q, k, v, causal=c, tiles=t)
        timings = interleave(runs, repeats=num_repeats)
        for tile in tiles:
            ratio = timings["plain"].median_s / timings[tile].median_s
            rows.setdefault(tile, []).append(ratio)
    for tile, ratios in rows.items():
        mark = "*" if tile == CPU_TILES else ""
        label = f"{tile.query_rows} x {tile.key_rows}{mark}"
        print(f"{label:>15}" + "".join(f"{ratio:8.2f}" for ratio in ratios))


def scattered(memory: PagedMemory) -> PagedCache:
    """A sequence in a memory whose free blocks come in no order, as after long use."""
    pool = memory.manager.pool
    blocks = [pool.take() for _ in range(pool.num_blocks)]
    for block in np.random.default_rng(0).permutation(blocks).tolist():
        pool.release(block)
    return memory.start()


def measure_caches(num_repeats: int) -> None:
    model: Model = load_model(default_model_path())
    config = model.config
    sizes = config.num_layers, config.num_kv_heads, config.head_dim
    num_blocks = 2 * CONTEXT // BLOCK_SIZE

    def new_memory() -> PagedMemory:
        return PagedMemory(*sizes, num_blocks=num_blocks, block_size=BLOCK_SIZE)

    caches = {
        "contiguous": model.new_cache(CONTEXT + TOKENS_PER_TURN),
        "paged, side by side": new_memory().start(),
        "paged, scattered": scattered(new_memory()),
        # One place more than is ever used: a full ring takes no token back.
        "window": WindowCache(*sizes, window=CONTEXT + TOKENS_PER_TURN + 1),
    }
    token_ids = np.random.default_rng(0).integers(0, 1000, CONTEXT).tolist()
    for cache in caches.values():
        model.prefill(token_ids, cache)

    def turn(cache) -> None:
        for token_id in token_ids[:TOKENS_PER_TURN]:
            model.decode(token_id, cache)
        cache.truncate(CONTEXT)

    timings = interleave(
        {name: lambda cache=cache: turn(cache) for name, cache in caches.items()},
        repeats=num_repeats,
    )
    contiguous_s = timings["contiguous"].median_s
    print(f"one token at {CONTEXT}, blocks of {BLOCK_SIZE}; medians of {num_repeats} turns")
    for name, timing in timings.items():
        time = format_s(timing.median_s / TOKENS_PER_TURN)
        spread = f"(spread {timing.spread:4.0%})"
        print(f"{name:>20}{time:>10} {spread} {timing.median_s / contiguous_s:6.2f} of contiguous")


if __name__ == "__main__":
    print(machine_line())
    measure = {"flash": measure_flash, "tiles": measure_tiles, "caches": measure_caches}
    measure[sys.argv[1]](int(sys.argv[2]))
