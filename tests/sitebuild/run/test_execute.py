"""What running the pages leaves behind, and what it leaves alone."""

import json
from pathlib import Path

import pytest

from sitebuild.run.execute import run_everything


@pytest.fixture
def counting(site):
    """A site whose blocks write a line to a file whenever they run."""
    log = site.root / "log"
    site.write(
        "docs/blocks/page.py",
        f"# %% first\nwith open({str(site.root)!r} + '/log', 'a') as f: f.write('first ')\nx = 1\n"
        f"# %% second\nwith open({str(site.root)!r} + '/log', 'a') as g: g.write('second ')\n"
        "from membound.page.values import value\nvalue('total', 6)\n",
    )

    def names_since_last_asked() -> list[str]:
        names = log.read_text().split() if log.exists() else []
        log.unlink(missing_ok=True)
        return names

    site.log = names_since_last_asked
    return site


def test_a_block_runs_once_for_both_editions(counting):
    run_everything(counting.root, reuse=False)
    assert counting.log() == ["first", "second"]


def test_nothing_runs_again_when_nothing_has_changed(counting):
    run_everything(counting.root, reuse=True)
    counting.log()
    ran = run_everything(counting.root, reuse=True)
    assert counting.log() == []
    assert ran.num_run == 0
    assert ran.values(ran.pages["en"][Path("page.md")]) == {"total": "6"}


def test_an_edit_runs_the_edited_block_alone(counting):
    run_everything(counting.root, reuse=True)
    counting.log()
    counting.edit("docs/blocks/page.py", "value('total', 6)", "value('total', 7)")
    run_everything(counting.root, reuse=True)
    assert counting.log() == ["second"]


def test_a_full_build_reuses_nothing(counting):
    run_everything(counting.root, reuse=True)
    counting.log()
    run_everything(counting.root, reuse=False)
    assert counting.log() == ["first", "second"]


def test_a_block_that_needs_a_result_that_rests_runs_it_again_without_losing_it(site):
    run_everything(site.root, reuse=True)
    site.edit("docs/blocks/page.py", "brute_force(6)", "brute_force(6.0)")
    ran = run_everything(site.root, reuse=True)
    assert ran.num_run == 2  # the second block prints what the first has made
    assert not ran.problems


def test_a_new_translation_reaches_the_page(site):
    run_everything(site.root, reuse=True)
    site.edit("docs/labels.toml", '"词元"', '"标记"')
    ran = run_everything(site.root, reuse=True)
    parts = json.dumps([result["parts"] for result in ran.results.values()], ensure_ascii=False)
    assert "标记" in parts
    assert "词元" not in parts


LEAKS = {
    "a variable": ("leak = 1", "assert 'leak' not in globals()"),
    "print options": (
        "import numpy as np; np.set_printoptions(precision=1)",
        "import numpy as np; assert np.get_printoptions()['precision'] == 8",
    ),
    "random state": (
        "import random; random.seed(0); state = random.getstate()",
        "import random; s = random.getstate(); random.seed(0); assert s != random.getstate()",
    ),
    "rcParams": (
        "import matplotlib as mpl; mpl.rcParams['font.size'] = 99",
        "import matplotlib as mpl; assert mpl.rcParams['font.size'] != 99",
    ),
    "the environment": (
        "import os; os.environ['LEAK'] = '1'",
        "import os; assert 'LEAK' not in os.environ",
    ),
    "a module's state": (
        "import membound.page; membound.page.leak = 1",
        "import membound.page; assert not hasattr(membound.page, 'leak')",
    ),
    "warning filters": (
        "import warnings; warnings.simplefilter('ignore')",
        "import warnings; assert warnings.filters[0][0] == 'error'",
    ),
}


def test_nothing_leaks_from_page_to_page(site):
    for edition in ("en", "zh"):
        for i, (leak, look) in enumerate(LEAKS.values()):
            for name, code in ((f"leak{i}a", leak), (f"leak{i}b", look)):
                text = f'# {name}\n\n```python exec="on"\n{code}\n```\n'
                site.write(f"docs/{edition}/{name}.md", text)
    assert run_everything(site.root, reuse=False).problems == []
