"""A number held against an oracle of another kind: what a page claims and the build has checked.

    check("K projections without a cache, n = 500",
          counted(run.num_projections), closed_form(500 * 501 // 2, "n(n+1)/2"))

Both sides say how they came about, and a formula checked against a formula is refused. A check that
fails does not stop its block: the build reports all that fail, each with its page and line.
"""

import math
from dataclasses import dataclass

from membound.page.recorder import Recorder, current

KINDS = {
    "counted": "counted by the code as it ran",
    "measured": "timed in this build",
    "allocated": "bytes really allocated",
    "computed": "computed by the library",
    "closed form": "a formula",
    "brute force": "recomputed the plain way",
    "reference": "another engine or library",
    "published": "a published figure",
    "band": "the range it must lie in",
}


@dataclass(frozen=True)
class Side:
    """One side of a check: a number, the kind of thing it is, and where it is from."""

    kind: str
    number: float
    detail: str = ""
    high: float | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"kind of evidence {self.kind!r} is not one of {', '.join(KINDS)}")


def counted(number: float, detail: str = "") -> Side:
    """A count that instrumented code took while it did the work."""
    return Side("counted", number, detail)


def measured(number: float, detail: str = "") -> Side:
    """A time, or a ratio of times, taken in this build."""
    return Side("measured", number, detail)


def allocated(number: float, detail: str = "") -> Side:
    """Bytes of arrays that were really allocated."""
    return Side("allocated", number, detail)


def computed(number: float, detail: str = "") -> Side:
    """What the library's function returned."""
    return Side("computed", number, detail)


def closed_form(number: float, formula: str) -> Side:
    """What a formula says; `formula` is how a reader would write it."""
    return Side("closed form", number, formula)


def brute_force(number: float, detail: str = "") -> Side:
    """What the plain, slow way gives; `detail` says which way, and is a label."""
    return Side("brute force", number, detail)


def reference(number: float, source: str) -> Side:
    """What an engine or library that we did not write gives."""
    return Side("reference", number, source)


def published(number: float, source: str) -> Side:
    """A figure printed elsewhere; `source` is a Markdown link or a citation."""
    return Side("published", number, source)


def band(low: float, high: float) -> Side:
    """The range that a timing must lie in: wide, for machines differ."""
    if low >= high:
        raise ValueError(f"a band runs from low to high, not from {low} to {high}")
    return Side("band", low, high=high)


def check(name: str, ours: Side, oracle: Side, *, within: float = 0.0, spec: str = ",.6g") -> None:
    """Hold `ours` against `oracle`: equal, or no further away than `within`, or inside a band.

    `name` is a label and is translated. Outside a build a check that fails raises at once.
    """
    if ours.kind == oracle.kind:
        raise ValueError(f"{name}: {ours.kind} against {oracle.kind} checks nothing")
    if ours.kind == "band":
        raise ValueError(f"{name}: the band is the second side")
    if within < 0 or not math.isfinite(within):
        raise ValueError(f"{name}: within is a distance, not {within}")
    if oracle.high is not None:
        passed = oracle.number <= ours.number <= oracle.high
        expected = f"{oracle.number:{spec}} … {oracle.high:{spec}}"
    else:
        passed = abs(ours.number - oracle.number) <= within
        expected = f"{oracle.number:{spec}}" + (f" ± {within:.2g}" if within else "")
    recorder = current()
    if recorder is None:
        if not passed:
            raise AssertionError(f"{name}: {ours.number!r}, expected {expected}")
        return
    recorder.checks.append(
        {
            "name": recorder.translated(lambda translate: translate(name)),
            "value": f"{ours.number:{spec}}",
            "kind": ours.kind,
            "detail": ours.detail,
            "expected": expected,
            "oracle": oracle.kind,
            "source": _source(oracle, recorder),
            "passed": bool(passed),
        }
    )


def _source(oracle: Side, recorder: Recorder) -> dict[str, str]:
    """Which plain way, translated; a formula or a citation is, if there is a label for it."""
    if oracle.kind == "brute force":
        return recorder.translated(lambda translate: translate(oracle.detail))
    return {
        language: str(recorder.known(oracle.detail, language)) for language in recorder.catalogues
    }
