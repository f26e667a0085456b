"""The calculator's script: made from the formulas as they are, or refused with a place in them."""

import shutil
from pathlib import Path

import pytest

from sitebuild.javascript.refused import OutsideSubsetError
from sitebuild.render.scripts import FORMULAS, formulas_script

ROOT = Path(__file__).parents[3]


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """A project folder with the formulas in it, to be edited."""
    for file in FORMULAS:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / file, tmp_path / file)
    return tmp_path


def test_the_formulas_lie_within_the_subset():
    script = formulas_script(ROOT)
    assert script == formulas_script(ROOT)
    assert "function estimate(" in script


def test_an_edit_of_a_formula_is_in_the_next_script(copied: Path):
    file = copied / FORMULAS[0]
    file.write_text(file.read_text() + "\n\ndef doubled(x):\n    return 2.0 * x\n")
    assert "function doubled(x)" in formulas_script(copied)


def test_a_formula_outside_the_subset_is_told_at_its_line(copied: Path):
    file = copied / FORMULAS[1]
    lines = file.read_text().count("\n")
    file.write_text(file.read_text() + "\n\ndef squared(x):\n    return x ** 2.0\n")
    with pytest.raises(OutsideSubsetError, match=rf"^{FORMULAS[1]}:{lines + 4}: `x \*\* 2.0`"):
        formulas_script(copied)
