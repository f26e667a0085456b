"""Each test is one sentence that `membound.bench` says of itself."""

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from membound import bench
from membound.bench import (
    Timing,
    interleave,
    machine_line,
    measure,
    num_threads,
    paired_ratio,
    read_probes,
    triad,
)


def test_a_time_is_the_median_of_its_runs():
    timing = Timing((9.0, 1.0, 2.0, 3.0, 2.5))
    assert timing.median_s == 2.5
    assert timing.fastest_s == 1.0
    assert timing.spread == (3.0 - 2.0) / 2.5
    assert Timing((1.0,)).spread == 0


def test_a_sleep_takes_as_long_as_it_sleeps():
    assert 0.01 <= measure(lambda: time.sleep(0.01), warmup=0, repeats=3).median_s < 0.1


def test_things_are_timed_in_turns_and_the_warm_up_does_not_count():
    calls = []
    runs = {"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}
    timings = interleave(runs, warmup=1, repeats=3)
    assert "".join(calls) == "abababab"
    assert {name: len(timing.times_s) for name, timing in timings.items()} == {"a": 3, "b": 3}


def test_a_ratio_is_taken_within_each_round_so_that_a_machine_may_change_its_speed():
    over, under = Timing((2.0, 10.0, 3.0)), Timing((1.0, 5.0, 6.0))
    assert paired_ratio(over, under) == 2  # of 2, 2, 0.5; the medians' would be 0.6
    with pytest.raises(ValueError, match="shorter"):
        paired_ratio(over, Timing((1.0, 5.0)))


def test_a_measurement_without_a_run_is_refused():
    with pytest.raises(ValueError, match="repeats 1 or more: 1, 0"):
        measure(lambda: None, repeats=0)


def test_every_probe_reads_every_number_once():
    array, probes = read_probes(1 << 20)
    assert array.nbytes == 1 << 20
    array[::2] = 0  # half of the numbers are 1, and x² = x
    array[[0, 1, -2, -1]] = 1, 0, 0, 1  # the first and the last among them
    for probe in probes.values():
        assert np.sum(probe()) == array.size / 2


@pytest.mark.parametrize("workers", [1, 3])
def test_the_triad_adds_three_times_c_to_b_and_counts_three_arrays(monkeypatch, workers):
    monkeypatch.setattr(bench, "num_threads", lambda: workers)
    num_bytes, run = triad(12 * 400_001)  # not a multiple of the threads, nor of a piece
    result = run()
    assert np.array_equal(result, np.full(result.shape, 1 + 3 * 2, np.float32))
    assert num_bytes == 3 * result.nbytes
    assert 12 * (400_001 - workers) < num_bytes <= 12 * 400_001


def test_a_triad_of_nothing_is_refused(monkeypatch):
    monkeypatch.setattr(bench, "num_threads", lambda: 2)
    with pytest.raises(ValueError, match="2 threads need 12 bytes each, got 23 in all"):
        triad(23)


@pytest.mark.parametrize("threads", ["1", "2"])
def test_the_threads_that_are_stated_are_those_that_openblas_has(threads):
    libraries = list((Path(np.__file__).parents[1] / "numpy.libs").glob("*openblas64_*"))
    if not libraries or bench.num_cores() < 2:
        pytest.skip("needs NumPy's own OpenBLAS, and two cores")
    ask = (
        "import ctypes, sys, numpy; from membound.bench import num_threads;"
        "blas = ctypes.CDLL(sys.argv[1]);"
        "print(num_threads(), blas.scipy_openblas_get_num_threads64_())"
    )
    environment = os.environ | {"OPENBLAS_NUM_THREADS": threads}
    answer = subprocess.run(
        [sys.executable, "-c", ask, str(libraries[0])],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert answer.stdout.split() == [threads, threads]


@pytest.mark.parametrize(
    ("environment", "threads"),
    [
        ({}, 4),
        ({"OPENBLAS_NUM_THREADS": "1"}, 1),
        ({"OMP_NUM_THREADS": "2"}, 2),
        ({"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "2"}, 1),
        ({"OPENBLAS_NUM_THREADS": "64"}, 4),
        ({"OPENBLAS_NUM_THREADS": "many"}, 4),
        ({"OPENBLAS_NUM_THREADS": "0"}, 4),
    ],
)
def test_threads_are_what_the_environment_asks_for_up_to_the_cores(
    monkeypatch, environment, threads
):
    for variable in bench.THREAD_VARIABLES:
        monkeypatch.delenv(variable, raising=False)
    for variable, value in environment.items():
        monkeypatch.setenv(variable, value)
    monkeypatch.setattr(bench, "num_cores", lambda: 4)
    assert num_threads() == threads


def test_the_machine_line_names_what_a_time_depends_on():
    line = machine_line()
    assert f"NumPy {np.__version__}" in line
    assert "core" in line
    assert "thread" in line
    assert "Python 3." in line
    assert "\n" not in line


def test_the_words_of_the_machine_line_are_those_of_fill():
    assert machine_line(lambda template, **_: template.upper()).startswith("{PROCESSOR}, {CORES};")
