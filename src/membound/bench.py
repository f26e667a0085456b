"""Timing that can be trusted, on a machine that others use too.

A time is the median of several runs after a warm-up. Two times are compared only if they were
taken in turns: a neighbour's load, or a warm processor's lower clock, then falls on both.
"""

import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from membound.arrays import Float32, aligned_empty

Run = Callable[[], Any]
THREAD_VARIABLES = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS")


@dataclass(frozen=True)
class Timing:
    """The times of several runs of one thing, in the order in which they were taken."""

    times_s: tuple[float, ...]

    @property
    def median_s(self) -> float:
        """The middle time: half of the runs were faster."""
        return statistics.median(self.times_s)

    @property
    def fastest_s(self) -> float:
        """The shortest time: the one that was disturbed least."""
        return min(self.times_s)

    @property
    def spread(self) -> float:
        """The middle half of the times as a share of the median: 0.1 is steady, 0.5 is not."""
        if len(self.times_s) < 2:
            return 0.0
        lower, _, upper = statistics.quantiles(self.times_s, n=4, method="inclusive")
        return (upper - lower) / self.median_s


def paired_ratio(over: Timing, under: Timing) -> float:
    """Return the median of `over` / `under`, round by round, of two things taken in turns.

    A ratio of medians would compare different minutes of a machine whose speed changes meanwhile.
    """
    pairs = zip(over.times_s, under.times_s, strict=True)
    return statistics.median(one / other for one, other in pairs)


def measure(run: Run, *, warmup: int = 1, repeats: int = 5) -> Timing:
    """Time `run()` `repeats` times, after `warmup` runs that do not count."""
    return interleave({"run": run}, warmup=warmup, repeats=repeats)["run"]


def interleave(runs: Mapping[str, Run], *, warmup: int = 1, repeats: int = 5) -> dict[str, Timing]:
    """Time several things in turns, each once per round, so that their ratios mean something."""
    if warmup < 0 or repeats < 1:
        raise ValueError(f"warmup must be 0 or more and repeats 1 or more: {warmup}, {repeats}")
    times_s: dict[str, list[float]] = {name: [] for name in runs}
    for turn in range(-warmup, repeats):
        for name, run in runs.items():
            start = time.perf_counter()
            run()
            elapsed = time.perf_counter() - start
            if turn >= 0:
                times_s[name].append(elapsed)
    return {name: Timing(tuple(taken)) for name, taken in times_s.items()}


def read_probes(num_bytes: int = 512 << 20) -> tuple[Float32, dict[str, Run]]:
    """Return an array, and ways to read all of it once: the fastest measures the memory.

    The array should be many times larger than the caches. All of these only multiply and add what
    they read, and the processor can do that faster than memory delivers; which of them comes
    closest to the memory's speed depends on the BLAS library, the processor and the threads.
    """
    num_rows = 1 << 13
    num_columns = num_bytes // 4 // num_rows
    array = aligned_empty(num_rows * num_columns)
    array[:] = 1  # untouched memory would be one shared page of zeros
    matrix = array.reshape(num_rows, num_columns)
    x, y = np.ones(num_columns, np.float32), np.ones(num_rows, np.float32)
    return array, {
        "W @ x": lambda: matrix @ x,
        "x @ W": lambda: y @ matrix,
        "x · x": lambda: array.dot(array),
    }


def triad(num_bytes: int = 512 << 20) -> tuple[int, Run]:
    """Return how many bytes a run moves, and the run: a = b + 3 c, on as many threads as BLAS.

    McCalpin's STREAM triad, counted as he counts it: two arrays read and one written, `num_bytes`
    in all. NumPy has no such operation, so it goes in pieces whose 3 c stay in a cache.
    """
    workers, piece = num_threads(), 1 << 17
    share = num_bytes // (3 * 4 * workers)
    if share < 1:
        raise ValueError(f"{workers} threads need 12 bytes each, got {num_bytes} in all")
    a, b, c = (aligned_empty(share * workers) for _ in range(3))
    a[:], b[:], c[:] = 0, 1, 2
    products = np.empty((workers, piece), np.float32)

    def add(worker: int) -> None:
        end = (worker + 1) * share
        for start in range(worker * share, end, piece):
            here = slice(start, min(start + piece, end))
            product = products[worker, : here.stop - here.start]
            np.multiply(c[here], np.float32(3), out=product)
            np.add(b[here], product, out=a[here])

    pool = ThreadPoolExecutor(workers)  # NumPy lets go of the interpreter while it computes

    def run() -> Float32:
        list(pool.map(add, range(workers)))
        return a

    return 3 * a.nbytes, run


def num_threads() -> int:
    """How many threads the BLAS library may use: what the environment asks for, else all cores."""
    asked = (os.environ.get(variable, "") for variable in THREAD_VARIABLES)
    limit = next((int(value) for value in asked if value.isdigit() and int(value)), None)
    return min(limit or num_cores(), num_cores())


def num_cores() -> int:
    """How many cores this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def machine_line(fill: Callable[..., str] = str.format) -> str:
    """The machine in one line, to stand beside a time: "AMD EPYC, 2 cores; NumPy 2.4.6, ...".

    `fill` puts the words of another language where `str.format` leaves English.
    """
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    cores, threads = num_cores(), num_threads()
    return fill(
        "{processor}, {cores}; NumPy {numpy}, {blas}, {threads}; Python {python}",
        processor=_processor(),
        cores=fill("{n} core" if cores == 1 else "{n} cores", n=cores),
        numpy=np.__version__,
        blas=f"{blas.get('name')} {blas.get('version')}",
        threads=fill("{n} thread" if threads == 1 else "{n} threads", n=threads),
        python=platform.python_version(),
    )


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text(errors="replace").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()
