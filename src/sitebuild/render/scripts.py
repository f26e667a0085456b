"""The script that is made while the site is built: the calculator's formulas."""

from pathlib import Path

from sitebuild.javascript.module import transcribe

FORMULAS = tuple(
    Path(f"src/membound/cost/{name}.py")
    for name in ("formulas", "case", "memory", "passes", "calculator")
)
ADDRESS = "assets/formulas.mjs"


def formulas_script(root: Path) -> str:
    """What there is of the formulas, as an ES module; `OutsideSubsetError` says what cannot be."""
    present = [file for file in FORMULAS if (root / file).is_file()]
    return transcribe({f.as_posix(): (root / f).read_text(encoding="utf-8") for f in present})
