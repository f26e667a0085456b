"""Each mistake that an author can make fails the build, with its page, its line and one message.

The mistakes are planted on a page each, in one site, and found by one build; those of the later
stages of a build, and a few that stand for the rest, are planted alone.
"""

import re
import signal
import subprocess
from dataclasses import dataclass

import pytest

from support.small_site import SmallSite


@dataclass(frozen=True)
class Plant:
    """A page with a mistake on the line that holds `at`, and what the build must say of it."""

    text: str
    at: str
    message: str
    editions: tuple[str, ...] = ("en",)  # a block runs once, so its failure is told once


def block(code: str, message: str, *, at: str = "") -> Plant:
    return Plant(f'```python exec="on"\n{code}\n```', at or code, message)


def fence(options: str, message: str, body: str = "print(1)") -> Plant:
    text = f"```python {options}\n{body}\n```"
    return Plant(text, f"```python {options}", message, ("en", "zh"))


def prose(text: str, message: str) -> Plant:
    return Plant(text, text, message, ("en", "zh"))


PLANTS = {
    "raises": block("1 / 0", "ZeroDivisionError: division by zero"),
    "raises-inside": block(
        "from membound.page.tables import table\ntable({'n': 'd'}, [[1, 2]])",
        "ValueError: a row has 2 cells for 1 columns: [1, 2] in membound/page/tables.py:",
        at="table({'n'",
    ),
    "exits": block("import sys; sys.exit(0)", "the block calls sys.exit(0)"),
    "dies": block(
        "import os; os._exit(3)",
        "the process running the block ended with 3",
        at='```python exec="on"',  # a process that is gone cannot say more than which block it ran
    ),
    "dies-at-its-end": block(
        "import atexit, os; atexit.register(lambda: os._exit(4))",
        "the process running the block ended with 4",
        at='```python exec="on"',
    ),
    "hangs": block("while True: pass", "the block ran for more than 5 s", at='```python exec="on"'),
    "warns": block("import warnings; warnings.warn('look out')", "UserWarning: look out"),
    "divides-arrays": block(
        "import numpy; numpy.ones(1) / 0", "RuntimeWarning: divide by zero encountered"
    ),
    "does-not-parse": block("1 +", "SyntaxError: invalid syntax"),
    "uses-another-page": block("elsewhere", "NameError: name 'elsewhere' is not defined"),
    "raises-something-else": Plant(
        '```python exec="on" raises="ValueError"\n[][0]\n```', "[][0]", "IndexError: list index"
    ),
    "does-not-raise": Plant(
        '```python exec="on" raises="ValueError"\n1\n```',
        '```python exec="on" raises',
        "this block is there to raise ValueError, and nothing was raised",
    ),
    "names-a-value-twice": block(
        "from membound.page.values import value\nvalue('n', 1)\nvalue('n', 2)",
        "ValueError: value 'n' is already 1",
        at="value('n', 2)",
    ),
    "names-a-value-in-two-blocks": Plant(
        '```python exec="on"\nfrom membound.page.values import value\nvalue("n", 1)\n```\n\n'
        '```python exec="on" title="again"\nvalue("n", 2)\n```',
        'title="again"',
        "value 'n' has been named before",
        ("en", "zh"),
    ),
    "checks-against-itself": block(
        "from membound.page.checks import check, computed\ncheck('n', computed(1), computed(1))",
        "ValueError: n: computed against computed checks nothing",
        at="check('n'",
    ),
    "failed-check": Plant(
        '```python exec="on"\nfrom membound.page.checks import brute_force, check, computed\n'
        "check('the sum of the numbers', computed(6), brute_force(7))\n```",
        '```python exec="on"',
        "failed check: the sum of the numbers: 6 (computed), expected 7 (brute force)",
    ),
    "untranslated": block(
        "from membound.page.text import say\nsay('Never seen')",
        "MissingLabelError: no zh words for 'Never seen': add it to docs/labels.toml",
        at="say('Never",
    ),
    "misspelt-exec": fence('exce="on"', "unknown fence option exce"),
    "unquoted-exec": fence("exec=on", "fence option exec=on is not understood"),
    "other-exec": fence('exec="yes"', 'exec="yes" is not understood'),
    "misspelt-source": fence('exec="on" source="abve"', 'source="abve" is not understood'),
    "unknown-option": fence('exec="on" sesion="q"', "unknown fence option sesion"),
    "missing-cell": fence('exec="on" cell="nope"', 'no cell "nope" in docs/blocks/', ""),
    "cell-with-code": fence('exec="on" cell="first"', 'cell="first" brings its own code'),
    "not-python": Plant(
        '```bash exec="on"\nls\n```', "```bash", "only python blocks are run", ("en", "zh")
    ),
    "unclosed": Plant(
        "```python\nprint(1)", "```python", "this fence is never closed", ("en", "zh")
    ),
    "bad-hl-lines": fence('exec="on" source="above" hl_lines="first"', 'hl_lines="first"'),
    "unknown-value": prose("`#!val nothing`", "no block of this page names the value 'nothing'"),
    "misspelt-value": prose("`#!vla nothing`", "`#!vla nothing` is not understood: write `#!val"),
    "value-without-a-name": prose("`#!val`", "`#!val` is not understood: write `#!val name`"),
    "value-over-two-lines": prose("`#!val\nnothing`", "`#!val` is not understood: write `#!val"),
    "bad-tex": prose(r"$\frac{1}{$", r"formula '\\frac{1}{'"),
    "bad-display-tex": prose(r"$$\undefinedmacro x$$", "formula"),
    "broken-link": prose("[gone](gone.md)", "contains a link 'gone.md'"),
    "broken-anchor": prose("[gone](page.md#gone)", "contains a link 'page.md#gone'"),
    "broken-own-anchor": prose("[gone](#gone)", "contains a link '#gone'"),
    "measured-time": prose("It takes 12.5 ms a token.", '"12.5 ms" is typed by hand'),
    "measured-ratio": prose("That is 3.2× faster.", '"3.2×" is typed by hand'),
    "measured-size": prose("It holds 16 GiB.", '"16 GiB" is typed by hand'),
    "dead-command": prose("Take it from TheBloke.", 'dead command "TheBloke.": take the files'),
    "measured-in-chinese": prose("快了12.5倍的样子", '"12.5倍" is typed by hand'),
}


@pytest.fixture(scope="module")
def told(tmp_path_factory) -> tuple[SmallSite, list[str]]:
    """What one build says of a site with every mistake in it."""
    site = SmallSite(tmp_path_factory.mktemp("planted"))
    pages = ["index", "page", *PLANTS]
    for name in ("mkdocs.yml", "mkdocs.zh.yml"):
        config = (site.root / name).read_text(encoding="utf-8")
        nav = "".join(f"  - {page}.md\n" for page in [*pages, "only"])
        site.write(name, re.sub(r"\nnav:\n.*", f"\nnav:\n{nav}", config, flags=re.S))
    for edition in ("en", "zh"):
        home = '# Home\n\n```python exec="on"\nelsewhere = 1\n```\n'
        site.write(f"docs/{edition}/index.md", home)
        for page, plant in PLANTS.items():
            site.write(f"docs/{edition}/{page}.md", f"# {page}\n\n{plant.text}\n")
        site.write("docs/blocks/cell_with_code.py", "# %% first\nprint(1)\n")
    site.write("docs/en/only.md", "# Only in English\n")
    site.write("docs/labels.toml", site.LABELS + '[again]\n"tokens" = "令牌"\n')
    result = site.build(MEMBOUND_BLOCK_LIMIT_S="5")
    assert result.returncode == 1
    assert not (site.root / "site").exists()
    return site, result.stderr.splitlines()


@pytest.mark.parametrize("page", PLANTS)
def test_the_build_says_where_a_page(told, page):
    site, lines = told
    plant = PLANTS[page]
    source = (site.root / f"docs/en/{page}.md").read_text(encoding="utf-8").splitlines()
    number = next(n for n, line in enumerate(source, 1) if plant.at.split("\n")[0] in line)
    for edition in plant.editions:
        start = f"docs/{edition}/{page}.md:{number}: {plant.message}"
        about = [line for line in lines if f"{edition}/{page}.md" in line]
        assert [line for line in about if line.startswith(start)], about or lines


def test_a_page_in_one_language_is_told(told):
    missing = "docs/en/only.md:1: docs/zh/only.md is missing: a page exists in both editions"
    assert missing in told[1]


def test_a_label_with_two_translations_is_told(told):
    assert any(line.startswith("docs/labels.toml:") for line in told[1])


def test_every_message_is_one_readable_line(told):
    assert not [
        line for line in told[1] if not re.match(r"^(docs/|mkdocs)[\w./-]+(:\d+)?: \S", line)
    ]


def test_nothing_else_is_told(told):
    pages = {match[1] for line in told[1] if (match := re.match(r"docs/\w\w/([\w-]+)\.md", line))}
    assert pages == {*PLANTS, "only"}


def test_the_site_builds_when_nothing_is_wrong(site):
    result = site.build()
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    assert "1 checks passed" in result.stdout
    assert "<td" in site.read("page/index.html")
    assert "数字之和" in site.read("zh/page/index.html")


def test_a_failing_cell_names_the_page_and_the_line_of_the_cell(site):
    site.edit("docs/blocks/page.py", 'value("total"', 'numbers[7]\nvalue("total"')
    result = site.build()
    assert result.returncode == 1
    assert result.stderr.splitlines() == [
        "docs/en/page.md:8: IndexError: list index out of range (docs/blocks/page.py:11)"
    ]


def test_a_link_in_raw_html_that_leads_nowhere_is_told_and_the_last_good_site_stays(site):
    site.build()
    good = site.read("page/index.html")
    site.edit_both("page.md", "See [home]", '<a href="../gone/">gone</a>\n\nSee [home]')
    result = site.build()
    assert result.returncode == 1
    assert "docs/en/page.md:11: link to ../gone/: there is no such page" in result.stderr
    assert site.read("page/index.html") == good
    assert not list((site.root / ".cache").glob("site*"))  # nothing half-built is left lying


def test_blocks_that_differ_between_the_editions_are_told(site):
    site.edit("docs/zh/page.md", '```python exec="on" cell="second"\n```\n', "")
    result = site.build()
    assert result.returncode == 1
    assert "docs/en/page.md:8: second does not run in docs/zh/page.md" in result.stderr


def test_blocks_that_silently_do_not_run_are_told(site):
    site.edit("mkdocs.yml", "languages: [python]", "languages: []")
    result = site.build()
    assert result.returncode == 1
    for edition in ("en", "zh"):
        assert f"docs/{edition}/page.md:5: first did not reach the page" in result.stderr


@pytest.mark.parametrize("indent", ["    ", "\t"])
def test_a_block_that_is_indented_like_code_is_told(site, indent):
    fence = '```python exec="on" cell="second"\n```\n'
    site.edit_both("page.md", fence, fence.replace("```", f"{indent}```"))
    result = site.build()
    assert result.returncode == 1
    assert "docs/en/page.md:8: second did not reach the page" in result.stderr


def test_an_edit_while_the_build_runs_does_not_lose_a_result(site):
    site.write("docs/data.txt", "1")
    edit = 'from pathlib import Path\nPath("docs/data.txt").write_text("2")\n'
    site.edit("docs/blocks/page.py", "# %% second\n", f"# %% second\n{edit}")
    result = site.build()
    assert result.returncode == 0, result.stderr
    assert "block-error" not in site.read("page/index.html")
    assert '<span class="val">6</span>' in site.read("page/index.html")


def test_what_a_block_has_started_ends_with_it(site):
    start = "import subprocess\nprint(subprocess.Popen(['sleep', '60']).pid)\n"
    site.edit("docs/blocks/page.py", "# %% second\n", f"# %% second\n{start}")
    result = site.build()
    assert result.returncode == 0, result.stderr
    pid = int(re.search(r"(\d{2,})</p>", site.read("page/index.html"))[1])
    assert not is_running(pid)


def is_running(pid: int) -> bool:
    """Whether a process runs; one that only waits to be buried does not."""
    found = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True)
    return found.stdout.strip()[:1] not in ("", "Z")


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGKILL])
def test_a_build_that_is_interrupted_leaves_the_last_good_site(site, end):
    site.build()
    good = site.read("page/index.html")
    site.edit_both("page.md", "The total is", "In all there are")
    site.edit("docs/blocks/page.py", "# %% second\n", "# %% second\nimport time; time.sleep(3)\n")
    process = site.start_build()
    process.stdout.readline()
    process.send_signal(end)
    _, said = process.communicate(timeout=20)
    assert process.returncode != 0
    assert "Traceback" not in said
    assert site.read("page/index.html") == good
