"""What `sitebuild.run.reach` says a block can reach."""

from pathlib import Path

import pytest

from sitebuild.run.reach import Library, keys_of, names_of, needed_blocks
from sitebuild.source.fences import Fence
from sitebuild.source.pages import Block

FENCE = Fence(1, "", "```", "python", {"exec": "on"})


def blocks(*codes: str) -> list[Block]:
    return [Block(f"b{i}", code, Path("page.md"), 1, FENCE) for i, code in enumerate(codes)]


def test_names_are_told_apart_by_how_they_are_bound():
    names = names_of("import numpy as np\nfrom a import b\ndef f(x): y = 1\nz = np.ones(3)\nz += k")
    assert names.fixed == {"np", "b", "f"}
    assert names.variable == {"z"}
    assert {"np", "z", "k"} <= names.mentioned


@pytest.mark.parametrize(
    ("codes", "needed"),
    [
        (("x = 1", "y = 2", "print(x)"), [set(), set(), {0}]),
        (("import a", "a.f()", "a.g()"), [set(), {0}, {0}]),
        (("x = []", "x.append(1)", "print(x)"), [set(), {0}, {0, 1}]),
        (("x = 1", "y = x", "print(y)"), [set(), {0}, {0, 1}]),
        (("def f(): return x", "x = 1", "f()"), [set(), set(), {0, 1}]),
        (("for i in y: pass", "print(i)"), [set(), {0}]),
        (("with open(y) as f: pass", "f.read()"), [set(), {0}]),
        (("(n := 3)", "n"), [set(), {0}]),
    ],
)
def test_a_block_needs_the_blocks_whose_effects_it_can_see(codes, needed):
    assert needed_blocks(blocks(*codes)) == needed


@pytest.fixture
def project(tmp_path):
    package = tmp_path / "src/lib"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "low.py").write_text("x = 1\n")
    (package / "high.py").write_text("from lib.low import x\n")
    (package / "lazy.py").write_text("def f():\n    import lib.high\n")
    (package / "apart.py").write_text("y = 1\n")
    return tmp_path


def keys(project, *codes):
    return keys_of("page", blocks(*codes), Library(project / "src"), project)


REACHES = {
    "itself": ("import lib.low", "low", True),
    "what it imports imports": ("from lib.high import x", "high", True),
    "through another module": ("from lib.high import x", "low", True),
    "a module named as an attribute of its package": ("from lib import low", "low", True),
    "through an import inside a function": ("import lib.lazy", "low", True),
    "the package": ("import lib.low", "__init__", True),
    "nothing else": ("import lib.high", "apart", False),
    "nothing": ("1", "low", False),
}


@pytest.mark.parametrize(("code", "edited", "reached"), REACHES.values(), ids=REACHES)
def test_an_edit_gives_a_new_key_to_a_block_that_reaches(project, code, edited, reached):
    before = keys(project, code, "2 + 2")
    module = project / f"src/lib/{edited}.py"
    module.write_text(module.read_text() + "# edited\n")
    after = keys(project, code, "2 + 2")
    assert (before[0] != after[0]) is reached
    assert before[1] == after[1]


def test_an_edit_of_a_block_gives_new_keys_to_those_that_see_it_and_to_no_other(project):
    before = keys(project, "x = 1", "y = 1", "print(x)")
    after = keys(project, "x = 2", "y = 1", "print(x)")
    assert [a == b for a, b in zip(before, after, strict=True)] == [False, True, False]


def test_an_edit_of_a_file_that_a_block_names_gives_it_a_new_key(project):
    (project / "data").mkdir()
    (project / "data/text.txt").write_text("one")
    before = keys(project, 'open("data/text.txt")')
    (project / "data/text.txt").write_text("two")
    assert keys(project, 'open("data/text.txt")') != before


def test_an_edit_in_a_folder_that_a_block_names_gives_it_a_new_key(project):
    before = keys(project, 'list(Path("src/lib").iterdir())')
    (project / "src/lib/apart.py").write_text("y = 2")
    assert keys(project, 'list(Path("src/lib").iterdir())') != before


def test_a_block_that_does_not_parse_still_has_a_key(project):
    assert len(keys(project, "1 +", "2")) == 2
