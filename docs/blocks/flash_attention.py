# %% square
import tracemalloc

import numpy as np

from membound.attention.flash import CPU_TILES, flash_attention
from membound.attention.plain import attention

head_dim, MIB = 64, 2**20
rng = np.random.default_rng(0)


def random_qkv(n, d=head_dim):
    return rng.normal(size=(3, 1, n, d)).astype(np.float32)


def extra_bytes(attend, n):
    """The peak of what one causal head holds beyond arguments and result."""
    q, k, v = random_qkv(n)
    tracemalloc.start()
    out = attend(q, k, v)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak - out.nbytes


lengths = [1024, 2048, 4096, 8192]
plain_bytes = {n: extra_bytes(attention, n) for n in lengths}
flash_bytes = {n: extra_bytes(flash_attention, n) for n in lengths}
# not shown
from membound.page.checks import (
    allocated,
    band,
    brute_force,
    check,
    closed_form,
    computed,
    counted,
    measured,
)
from membound.page.tables import table
from membound.page.text import fill, say
from membound.page.values import value

table(
    {
        "tokens N": ",d",
        "q, k, v and output, MiB": ".2f",
        "plain attention, extra MiB": ",.1f",
        "FlashAttention, extra MiB": ",.1f",
    },
    [
        (
            n,
            4 * n * head_dim * 4 / MIB,
            plain_bytes[n] / MIB,
            flash_bytes[n] / MIB,
        )
        for n in lengths
    ],
)
longest = lengths[-1]
tile_bytes = 4 * CPU_TILES.query_rows * CPU_TILES.key_rows
for n in lengths:
    check(
        fill(
            "bytes that plain attention holds per pair of tokens, N = {n}", n=n
        ),
        allocated(plain_bytes[n] / n**2, "tracemalloc"),
        closed_form(13, "3 · 4 + 1"),
        within=0.5,
        spec=".2f",
    )
check(
    "extra bytes that FlashAttention takes for the second 4096 tokens of 8192",
    allocated(flash_bytes[8192] - flash_bytes[4096], "tracemalloc"),
    closed_form(0, "0"),
    within=65536,
    spec=",.0f",
)
check(
    "extra bytes of FlashAttention, in tiles of float32 scores",
    allocated(flash_bytes[longest] / tile_bytes, "tracemalloc"),
    band(1, 2),
    spec=".2f",
)
value("pair_bytes", plain_bytes[longest] / longest**2, ".0f")
value("longest", longest, ",d")
value("scores_mib", 4 * longest**2 / MIB, ",.0f")
value("plain_mib", plain_bytes[longest] / MIB, ",.0f")
value("flash_mib", flash_bytes[longest] / MIB, ".1f")
value("inputs_mib", 4 * longest * head_dim * 4 / MIB, ".0f")
value("memory_ratio", plain_bytes[longest] / flash_bytes[longest], ",.0f")
value("tile_rows", CPU_TILES.query_rows, ",d")
value("tile_keys", CPU_TILES.key_rows, ",d")

# %% square-figure
from membound.page.figures import label_end, new_figure
from membound.page.palette import MUTED, SERIES, WITH, WITHOUT
from membound.page.show import show

figure = new_figure()
axes = figure.axes[0]
for held_bytes, color, name in (
    (plain_bytes, WITHOUT, "plain"),
    (flash_bytes, WITH, "FlashAttention"),
):
    axes.plot(
        lengths, [held_bytes[n] / MIB for n in lengths], "o-", color=color
    )
    label_end(axes, name)
axes.set_xscale("log", base=2)
axes.set_yscale("log")
axes.set_xticks(lengths)
axes.set_xlabel("tokens N")
axes.set_ylabel("extra MiB")
show(
    figure,
    name="peak-memory",
    title="A square on one side, a constant on the other",
    caption="Peak memory of one causal head of 64, beyond arguments and result, traced while it "
    "ran. Both axes are logarithmic: twice the tokens are four times the memory, or none.",
    alt="Plain attention climbs from 13 MiB to more than 800; FlashAttention stays where it is.",
)

# %% source-partial
from membound.maths.online_softmax import (
    finish,
    merge,
    partial_softmax,
)
from membound.page.source import show_source

show_source(partial_softmax)

# %% source-merge
show_source(merge)

# %% any-split
from functools import reduce

from membound.maths.softmax import softmax

scores = 10 * rng.normal(size=(1, 500)).astype(np.float32)
values = rng.normal(size=(500, head_dim)).astype(np.float32)
whole = softmax(scores) @ values

differences = []
for _ in range(200):
    ends = np.sort(rng.integers(0, 501, size=rng.integers(1, 20)))
    pieces = [
        partial_softmax(part, part_values)
        for part, part_values in zip(
            np.split(scores, ends, axis=1), np.split(values, ends), strict=True
        )
    ]
    rng.shuffle(pieces)
    differences.append(
        float(np.abs(finish(reduce(merge, pieces)) - whole).max())
    )
# not shown
check(
    "200 random splits, merged in random order: largest difference",
    computed(max(differences)),
    brute_force(0, "softmax of the whole row"),
    within=1e-5,
    spec=".1e",
)
value("split_difference", max(differences), ".0e")

# %% example
from membound.attention.tiling.steps import steps
from membound.attention.tiling.tiles import Tiles

q = [[0, -1, -2, -1], [-2, 1, -1, 0], [2, -1, 0, 0]]
q += [[0, -2, -1, 0], [-2, 0, -2, -2], [1, -1, 2, 1]]
k = [[0, 1, -1, 1], [-1, 2, 1, 1], [0, 2, 1, 1]]
k += [[0, -1, -2, 0], [2, 2, -2, -2], [0, 0, 2, 1]]
v = [[9], [8], [7], [7], [0], [5]]

q, k, v = (np.array(rows, np.float32) for rows in (q, k, v))
tiled = list(steps(q, k, v, Tiles(query_rows=2, key_rows=2)))
# not shown
SIZE, SIDE = 6, 2


def number(x):
    return "−∞" if x == -np.inf else f"{x:.4g}".replace("-", "−")


grid = new_figure(height=330)
axes = grid.axes[0]
for step in tiled:
    for i, row in zip(range(SIZE)[step.queries], step.scores, strict=True):
        for j, score in zip(range(SIZE)[step.keys], row, strict=True):
            axes.text(
                j + 0.5,
                i + 0.5,
                number(score),
                ha="center",
                va="center",
                color=MUTED if score == -np.inf else WITH,
            )
for step in tiled:
    left, top = step.keys.start, step.queries.start
    axes.plot(
        [left, left + SIDE, left + SIDE, left, left],
        [top, top, top + SIDE, top + SIDE, top],
        color=WITH,
        linewidth=1.2,
    )
axes.set_xlim(-0.05, SIZE + 0.05)
axes.set_ylim(SIZE + 0.05, -0.05)
axes.set_xticks(np.arange(SIZE) + 0.5, [str(j) for j in range(SIZE)])
axes.set_yticks(np.arange(SIZE) + 0.5, [str(i) for i in range(SIZE)])
axes.grid(visible=False)
axes.spines["bottom"].set_visible(False)
axes.set_xlabel("key")
axes.set_ylabel("query")
show(
    grid,
    name="tiles",
    title="Six tiles of nine are computed",
    caption="The scores of the example, q · k / 2, in tiles of 2 × 2. Within a tile on the diagonal "
    "the mask hides one; the three tiles above the diagonal are hidden whole and never computed.",
    alt="A six by six grid of scores; the tiles above the diagonal are empty.",
)

# %% walk
running = []
for step in tiled:
    first = step.keys.start == 0
    for i, query in enumerate(range(6)[step.queries]):
        m, total, o = (
            float(part[i, 0])
            for part in (step.state.max, step.state.sum, step.state.output)
        )
        old_m = -np.inf if first else before[i]
        running.append((step, query, old_m, m, total, o))
    before = step.state.max[:, 0].tolist()
# not shown
table(
    {
        "query": "d",
        "keys": "",
        "scores": "",
        "max m": "",
        "shrink the old by": "",
        "sum ℓ": ".4f",
        "o, not yet divided": ".4f",
        "output o / ℓ": ".4f",
    },
    [
        (
            query,
            f"{step.keys.start},\N{NO-BREAK SPACE}{step.keys.stop - 1}",
            ",\N{NO-BREAK SPACE}".join(
                number(s) for s in step.scores[query % SIDE]
            ),
            number(m),
            "—" if old_m == -np.inf else f"{np.exp(old_m - m):.4f}",
            total,
            o,
            o / total,
        )
        for step, query, old_m, m, total, o in sorted(
            running, key=lambda line: (line[1], line[0].keys.start)
        )
    ],
)
worst = 0.0
for step, query, _, m, total, o in running:
    seen = [j for j in range(step.keys.stop) if j <= query]
    fresh = np.array([q[query] @ k[j] / 2 for j in seen], np.float64)
    fresh_weights = np.exp(fresh - fresh.max())
    worst = max(
        worst,
        abs(m - fresh.max()),
        abs(total - fresh_weights.sum()),
        abs(o - fresh_weights @ v[seen, 0]),
    )
check(
    "running max, sum and output of the example, each against a fresh start",
    computed(worst),
    brute_force(0, "all keys so far at once, float64"),
    within=1e-5,
    spec=".1e",
)
example = np.array(
    [
        next(o / t for _, i, _, _, t, o in running[::-1] if i == r)
        for r in range(6)
    ]
)
check(
    "outputs of the example, in tiles and whole: largest difference",
    computed(
        float(
            np.abs(
                example - attention(q[None], k[None], v[None])[0, :, 0]
            ).max()
        )
    ),
    brute_force(0, "plain attention"),
    within=1e-5,
    spec=".1e",
)
last = [line for line in running if line[1] == 5]
value("shrink_two", float(np.exp(last[1][2] - last[1][3])), ".4f")
value("shrink_three", float(np.exp(last[2][2] - last[2][3])), ".4f")
value("last_output", last[2][5] / last[2][4], ".3f")
value("steps_visited", len(tiled))

# %% source-steps
show_source(steps)

# %% equal
from membound.attention.tiling.steps import steps as walk

largest = 0.0
for _ in range(20):
    group, num_kv_heads, num_queries, past = rng.integers(1, 5, size=4) ** 2
    num_keys = num_queries + past
    q = rng.normal(size=(group * num_kv_heads, num_queries, 32))
    k, v = rng.normal(size=(2, num_kv_heads, num_keys, 32))
    q, k, v = (array.astype(np.float32) for array in (q, k, v))
    tiles = Tiles(*rng.integers(1, 20, size=2).tolist())
    difference = flash_attention(q, k, v, tiles=tiles) - attention(q, k, v)
    largest = max(largest, float(np.abs(difference).max()))

q, k, v = random_qkv(1024)
tiles_visited = sum(1 for _ in walk(q[0], k[0], v[0], Tiles(64, 64)))
# not shown
check(
    "20 random shapes and tile sizes, FlashAttention and plain: largest difference",
    computed(largest),
    brute_force(0, "plain attention"),
    within=1e-5,
    spec=".1e",
)
check(
    "causal tiles visited, 16 × 16 tiles",
    counted(tiles_visited),
    closed_form(16 * 17 // 2, "T(T+1)/2"),
)
value("equal_difference", largest, ".0e")
value("tiles_visited", tiles_visited)

# %% traffic
from membound.attention.tiling.key_outer import (
    key_outer_attention,
    standard_attention,
)
from membound.attention.tiling.tiles import Traffic, tile_sizes


def moved(n, d, sram):
    """Elements moved by each order of the loops, counted as they run."""
    q, k, v = random_qkv(n, d)
    tiles = tile_sizes(sram, d)
    plain, paper, ours = Traffic(), Traffic(), Traffic()
    standard_attention(q[0], k[0], v[0], traffic=plain)
    key_outer_attention(q[0], k[0], v[0], tiles, traffic=paper)
    flash_attention(q, k, v, causal=False, tiles=tiles.swapped, traffic=ours)
    return plain.elements, paper.elements, ours.elements


n, d = 1024, 64
fast_memory = [4096, 8192, 12544, 16384, 32768, 65536, 131072]
by_memory = {sram: moved(n, d, sram) for sram in fast_memory}
# not shown
table(
    {
        "fast memory M": ",d",
        "standard": ",d",
        "keys outside": ",d",
        "queries outside": ",d",
        "standard / keys outside": ".2f",
        "standard / queries outside": ".2f",
    },
    [
        (sram, plain, paper, ours, plain / paper, plain / ours)
        for sram, (plain, paper, ours) in by_memory.items()
    ],
)
check(
    "elements that standard attention moves, N = 1024, d = 64",
    counted(by_memory[4096][0]),
    closed_form(4 * n * d + 4 * n**2, "4Nd + 4N²"),
    spec=",d",
)
for sram, (_, paper, ours) in by_memory.items():
    tile_rows = -(-sram // (4 * d))
    num_tiles = -(-n // tile_rows)
    check(
        fill("elements moved, keys outside, M = {sram}", sram=sram),
        counted(paper),
        closed_form(
            (3 * n * d + 4 * n) * num_tiles + 3 * n * d + 2 * n,
            "(3Nd + 4N)·T_c + 3Nd + 2N",
        ),
        spec=",d",
    )
    check(
        fill("elements moved, queries outside, M = {sram}", sram=sram),
        counted(ours),
        closed_form(2 * n * d * (num_tiles + 1), "2Nd(T_r + 1)"),
        spec=",d",
    )
value("sram_last", fast_memory[-1], ",d")
value(
    "saving_paper",
    by_memory[fast_memory[-1]][0] / by_memory[fast_memory[-1]][1],
    ".1f",
)
value(
    "saving_ours",
    by_memory[fast_memory[-1]][0] / by_memory[fast_memory[-1]][2],
    ".1f",
)

# %% exponents
by_length = {n: moved(n, 64, 16384) for n in (512, 1024, 2048)}
by_width = {d: moved(1024, d, 8192) for d in (32, 64, 128, 256)}


def exponent(counts, which):
    """The slope of the counts on logarithmic axes."""
    sizes, amounts = zip(*counts.items(), strict=True)
    amounts = [amount[which] for amount in amounts]
    return np.polyfit(np.log(sizes), np.log(amounts), 1)[0]


many_tiles = {m: by_memory[m] for m in fast_memory if m <= 32_768}
fitted = {
    (name, which): exponent(counts, which)
    for name, counts in (("N", by_length), ("d", by_width), ("M", many_tiles))
    for which in range(3)
}
# not shown
table(
    {
        "exponent of": "",
        "standard": ".2f",
        "keys outside": ".2f",
        "queries outside": ".2f",
        "Θ(N²d²/M)": "d",
    },
    [
        (f"`{name}`", *(fitted[name, which] for which in range(3)), law)
        for name, law in (("N", 2), ("d", 2), ("M", -1))
    ],
)
for name, law, within in (("N", 2, 0.1), ("d", 2, 0.1), ("M", -1, 0.1)):
    check(
        fill("fitted exponent of {name}, keys outside", name=name),
        counted(fitted[name, 1]),
        closed_form(law, "Θ(N²d²/M)"),
        within=within,
        spec=".3f",
    )
check(
    "fitted exponent of N, standard attention",
    counted(fitted["N", 0]),
    closed_form(2, "Θ(Nd + N²)"),
    within=0.1,
    spec=".3f",
)
value("exponent_n", fitted["N", 1], ".2f")
value("exponent_plain_n", fitted["N", 0], ".2f")
value("exponent_d", fitted["d", 1], ".2f")
value("exponent_plain_d", fitted["d", 0], ".2f")


# %% crossover
from bisect import bisect_left


def first_win(which, d, n=1024):
    """The smallest fast memory, by whole tile rows, that beats standard."""

    def wins(tile_rows):
        counts = moved(n, d, 4 * d * tile_rows)
        return counts[which] < counts[0]

    rows = range(8, 256)
    return 4 * d * rows[bisect_left(rows, True, key=wins)]


wins = {d: (first_win(1, d), first_win(2, d)) for d in (32, 64)}
# not shown
table(
    {
        "head_dim d": "d",
        "keys outside wins from M": ",d",
        "3d² + 4d": ",d",
        "queries outside wins from M": ",d",
        "2d²": ",d",
    },
    [(d, a, 3 * d * d + 4 * d, b, 2 * d * d) for d, (a, b) in wins.items()],
)
for d, (paper, ours) in wins.items():
    check(
        fill("fast memory from which keys outside moves less, d = {d}", d=d),
        counted(paper),
        closed_form(3 * d * d + 4 * d, "3d² + 4d"),
        within=4 * d,
        spec=",d",
    )
    check(
        fill("fast memory from which queries outside moves less, d = {d}", d=d),
        counted(ours),
        closed_form(2 * d * d, "2d²"),
        within=4 * d,
        spec=",d",
    )
value("cross_128", 3 * 128 * 128 + 4 * 128, ",d")
value("cross_128_kib", 2 * (3 * 128 * 128 + 4 * 128) / 1024, ".0f")

figure = new_figure(panels=2)
left, right = figure.axes
for which, color, name in (
    (0, WITHOUT, "standard"),
    (1, SERIES[1], "keys outside"),
    (2, WITH, "queries outside"),
):
    left.plot(
        fast_memory,
        [by_memory[m][which] for m in fast_memory],
        "o-",
        color=color,
    )
    label_end(left, name)
    right.plot(
        list(by_length),
        [by_length[n][which] for n in by_length],
        "o-",
        color=color,
    )
    label_end(right, name)
left.set_xlabel("fast memory M")
right.set_xlabel("tokens N")
for axes in (left, right):
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_ylabel("elements moved")
right.set_xticks(list(by_length))
show(
    figure,
    name="traffic",
    title="More fast memory divides the square; nothing takes it away",
    caption="Elements moved by one head of 64, counted. Left, 1,024 tokens: below the crossing "
    "tiles move more than they save. Right, M = 16,384: three parallel lines, so all three grow "
    "as N².",
    alt="Left, two falling lines cross a flat one. Right, three parallel rising lines.",
)


# %% in-place
def in_place(q, k, v, *, causal):
    """Plain attention, its scores written over; the division comes last."""
    scores = (q * np.float32(head_dim**-0.5)) @ k.swapaxes(1, 2)
    if causal:
        above = ~np.tri(q.shape[1], dtype=bool)
        np.copyto(scores, np.float32(-np.inf), where=above)
    scores -= scores.max(axis=-1, keepdims=True)
    np.exp(scores, out=scores)
    return scores @ v / scores.sum(axis=-1, keepdims=True)


# %% time
from functools import partial

from membound.bench import interleave, machine_line


def plain(q, k, v, *, causal):
    full = np.ones((q.shape[1], k.shape[1]), bool)
    return attention(q, k, v, visible=None if causal else full)


ways = {"plain": plain, "in place": in_place, "flash": flash_attention}
runs = {}
for n in (1024, 2048, 4096):
    qkv = random_qkv(n)
    for causal in (False, True):
        for name, way in ways.items():
            run = partial(way, *qkv, causal=causal)
            runs[n, causal, name] = run
timings = interleave(runs, repeats=3)
seconds = {run: timing.fastest_s for run, timing in timings.items()}
# not shown
gain = {
    (n, causal, name): seconds[n, causal, name] / seconds[n, causal, "flash"]
    for n, causal, name in runs
}
table(
    {
        "tokens N": ",d",
        "mask": "",
        "plain, ms": ".1f",
        "plain in place, ms": ".1f",
        "FlashAttention, ms": ".1f",
        "faster than plain": ".2f",
        "faster than in place": ".2f",
    },
    [
        (
            n,
            "causal" if causal else "none",
            *(1000 * seconds[n, causal, name] for name in ways),
            gain[n, causal, "plain"],
            gain[n, causal, "in place"],
        )
        for n, causal in dict.fromkeys((n, causal) for n, causal, _ in runs)
    ],
)
say(
    "Measured on: {machine}. The fastest of 3 runs, taken in turns.",
    machine=machine_line(fill),
)
for causal, mask, bounds in (
    (False, "none", (0.7, 16)),
    (True, "causal", (1, 24)),
):
    check(
        fill(
            "plain time / FlashAttention time, N = 4096, mask: {mask}",
            mask=mask,
        ),
        measured(gain[4096, causal, "plain"]),
        band(*bounds),
        spec=".2f",
    )
    check(
        fill(
            "in-place time / FlashAttention time, N = 4096, mask: {mask}",
            mask=mask,
        ),
        measured(gain[4096, causal, "in place"]),
        band(bounds[0] / 2, bounds[1]),
        spec=".2f",
    )
for causal, name in ((False, "full"), (True, "causal")):
    value(f"gain_{name}", gain[4096, causal, "plain"], ".1f")
    value(f"gain_in_place_{name}", gain[4096, causal, "in place"], ".1f")
value("short_mib", 4 * 1024**2 / MIB, ".0f")
value("gain_short", gain[1024, False, "in place"], ".1f")

# %% balance
from membound.bench import read_probes

array, probes = read_probes()
q, k, v = random_qkv(1024)[:, 0]
tile, result = np.empty((1024, 1024), np.float32), np.empty_like(v)


def products():
    np.matmul(q, k.T, out=tile)
    np.matmul(tile, v, out=result)


def exponentials():
    np.exp(tile, out=tile)


probes |= {"products": products, "exponentials": exponentials}
fastest = {
    name: timing.fastest_s
    for name, timing in interleave(probes, repeats=5).items()
}
read_s = min(
    fastest[name] for name in probes.keys() - {"products", "exponentials"}
)
flops = 4 * 1024**2 * head_dim / fastest["products"]
bytes_s = array.nbytes / read_s
# not shown
del array, probes
machines = {
    "this machine, float32": (flops, bytes_s, 4),
    "A100, FP16": (312e12, 2.039e12, 2),
    "H100, FP16": (989e12, 3.35e12, 2),
    "B200, FP16": (2250e12, 7.7e12, 2),
}
table(
    {
        "machine": "",
        "GFLOP/s": ",.0f",
        "GB/s": ",.0f",
        "FLOPs in the time of a byte": ".0f",
        "plain attention offers, per byte": ".0f",
        "share of the arithmetic it can use": ".0%",
    },
    [
        (
            name,
            rate / 1e9,
            memory / 1e9,
            rate / memory,
            head_dim / width,
            min(1, head_dim / width / (rate / memory)),
        )
        for name, (rate, memory, width) in machines.items()
    ],
)
plain, *_ = moved(1024, head_dim, 16384)
check(
    "FLOPs of plain attention for each byte that it moves, float32",
    counted(4 * 1024**2 * head_dim / (4 * plain)),
    closed_form(head_dim / 4, "d/4"),
    within=1,
    spec=".1f",
)
check(
    "multiplications and additions here in the time of one byte",
    measured(flops / bytes_s),
    band(1, 80),
    spec=".1f",
)
value("in_place_offers", 4 * head_dim / (8 * 4), ".0f")
value("balance", flops / bytes_s, ".0f")
value(
    "exp_share",
    100
    * fastest["exponentials"]
    / (fastest["products"] + fastest["exponentials"]),
    ".0f",
)
value("a100_share", 100 * 32 / (312 / 2.039), ".0f")
value("a100_gain", 312 / 2.039 / 32, ".1f")
value("a100_balance", 312 / 2.039, ".0f")

# %% one-query
q, k, v = random_qkv(4096)
whole, tiled_traffic = Traffic(), Traffic()
standard_attention(q[0, -1:], k[0], v[0], traffic=whole)
flash_attention(q[:, -1:], k, v, traffic=tiled_traffic)

from membound.attention.split import split_attention

difference = split_attention(q[:, -1:], k, v, num_splits=16) - attention(
    q[:, -1:], k, v
)
# not shown
table(
    {"one query, 4096 keys": "", "elements moved": ",d"},
    [
        ("plain", whole.elements),
        ("FlashAttention", tiled_traffic.elements),
    ],
)
check(
    "elements that FlashAttention moves for one query, N = 4096",
    counted(tiled_traffic.elements),
    closed_form(2 * 4096 * head_dim + 2 * head_dim, "2Nd + 2d"),
    spec=",d",
)
check(
    "one query in 16 splits and whole: largest difference",
    computed(float(np.abs(difference).max())),
    brute_force(0, "plain attention"),
    within=1e-5,
    spec=".1e",
)
value(
    "decode_saving", 100 * (1 - tiled_traffic.elements / whole.elements), ".0f"
)


# %% bug-shrink
def no_shrink(q, k, v, tile):
    """One query over all keys, `tile` at a time."""
    m, total, output = -np.inf, 0.0, 0.0
    for start in range(0, len(k), tile):
        s = k[start : start + tile] @ q / np.sqrt(len(q))
        old, m = m, max(m, s.max())
        p = np.exp(s - m)
        total = total * np.exp(old - m) + p.sum()
        output = output + p @ v[start : start + tile]
    return output / total


# %% bug-shrink-answer
q, k, v = random_qkv(256)[:, 0]
queries = q[-100:].astype(np.float64)
right = [no_shrink(query, k, v, tile=256) for query in queries]
wrong = [no_shrink(query, k, v, tile=32) for query in queries]
exact = attention(
    q[None, -100:], k[None], v[None], visible=np.ones((100, 256), bool)
)[0]
errors = np.linalg.norm(wrong - exact, axis=1) / np.linalg.norm(exact, axis=1)
scores = queries @ k.T / 8
first_best = scores.argmax(axis=1) < 32
check(
    "queries of 100 that the missing factor spoils",
    counted(int((errors > 1e-4).sum())),
    brute_force(
        int((~first_best).sum()), "largest score not in the first tile"
    ),
)
check(
    "the same with one tile: largest difference",
    computed(float(np.abs(right - exact).max())),
    brute_force(0, "plain attention"),
    within=1e-5,
    spec=".1e",
)
value("bug_wrong", int((errors > 1e-4).sum()))
value("bug_error", 100 * float(np.median(errors[errors > 1e-4])), ".0f")


# %% bug-nan
def backwards(q, k, v, tile):
    """Causal, one head; the tiles of keys from the last to the first."""
    m = np.full((len(q), 1), -np.inf, np.float32)
    total, output = np.zeros_like(m), np.zeros_like(v)
    for start in reversed(range(0, len(k), tile)):
        s = q @ k[start : start + tile].T / np.float32(np.sqrt(q.shape[1]))
        after = np.arange(start, start + tile) > np.arange(len(q))[:, None]
        s[after] = -np.inf
        old, m = m, np.maximum(m, s.max(axis=1, keepdims=True))
        p, shrink = np.exp(s - m), np.exp(old - m)
        total = total * shrink + p.sum(axis=1, keepdims=True)
        output = output * shrink + p @ v[start : start + tile]
    return output / total


# %% bug-nan-answer
with np.errstate(invalid="ignore"):
    nan_rows = int(np.isnan(backwards(q, k, v, tile=32)).any(axis=1).sum())
check(
    "rows of 256 that come out as NaN",
    counted(nan_rows),
    closed_form(256 - 32, "256 − 32"),
)
value("nan_rows", nan_rows)
