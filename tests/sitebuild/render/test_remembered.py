"""Under `serve`, what has not changed is not converted again, and no reader can tell."""

import logging
from pathlib import Path

import pytest
from mkdocs.commands.build import build
from mkdocs.config import load_config
from mkdocs.structure.pages import Page

pytestmark = pytest.mark.filterwarnings("default")  # those of the theme and of MkDocs


class Author:
    """An author's session: one build after another, in one process."""

    def __init__(self, site, monkeypatch):
        self.site = site
        self.converted = []
        convert = Page.render

        def noted(page, config, files):
            self.converted.append(page.file.src_uri)
            convert(page, config, files)

        monkeypatch.setattr(Page, "render", noted)
        monkeypatch.chdir(site.root)
        self.remembered = None

    def build(self, folder: str, *, fresh: bool = False) -> dict[str, bytes]:
        """Build the English edition: each file's bytes by name."""
        self.converted.clear()
        out = self.site.root / folder
        config = load_config(str(self.site.root / "mkdocs.yml"), site_dir=str(out), strict=False)
        ours = config.plugins["membound"]  # MkDocs keeps it from build to build
        if self.remembered is None:
            ours.on_startup(command="serve", dirty=False)
            self.remembered = ours.remembered
        ours.remembered = None if fresh else self.remembered
        build(config, dirty=False)
        files = (*out.rglob("*.html"), out / "search/search_index.json")
        return {str(Path(file).relative_to(out)): file.read_bytes() for file in files}


@pytest.fixture
def author(site, monkeypatch):
    return Author(site, monkeypatch)


def test_an_edit_converts_its_page_alone_and_gives_what_a_fresh_build_gives(author):
    first = author.build("first")
    assert author.converted == ["index.md", "page.md"]
    author.site.edit("docs/en/page.md", "The total is", "Altogether there are")
    second = author.build("second")
    assert author.converted == ["page.md"]
    assert second != first
    assert second == author.build("fresh", fresh=True)


def test_a_result_that_changes_is_shown_wherever_it_stands(author):
    author.build("first")
    author.site.edit("docs/blocks/page.py", "numbers = [1, 2, 3]", "numbers = [4, 1, 1]")
    second = author.build("second")
    assert author.converted == ["index.md", "page.md"]
    assert second == author.build("fresh", fresh=True)


def test_a_page_that_goes_is_missed_by_those_that_link_to_it(author, caplog):
    author.site.write("docs/en/other.md", "# Other\n")
    author.site.write("docs/zh/other.md", "# Other\n")
    author.site.edit("docs/en/index.md", "[page](page.md)", "[page](page.md) [other](other.md)")
    author.build("first")
    for edition in ("en", "zh"):
        (author.site.root / f"docs/{edition}/other.md").unlink()
    with caplog.at_level(logging.WARNING, "mkdocs"):
        author.build("second")
    assert "other.md" in caplog.text


def test_a_warning_is_repeated_until_it_is_mended(author, caplog):
    author.site.edit("docs/en/index.md", "[page](page.md)", "[page](page.md) [gone](gone.md)")
    author.build("first")
    caplog.clear()
    author.site.edit("docs/en/page.md", "The total is", "Altogether there are")
    with caplog.at_level(logging.WARNING, "mkdocs"):
        author.build("second")
    assert "gone.md" in caplog.text
    assert author.converted == ["index.md", "page.md"]


def test_an_anchor_that_goes_is_missed_by_a_page_that_was_not_edited(author, caplog):
    author.site.edit("docs/en/page.md", "See [home]", "## There\n\nSee [home]")
    author.site.edit("docs/en/index.md", "(page.md)", "(page.md#there)")
    author.build("first")
    author.site.edit("docs/en/page.md", "## There", "## Elsewhere")
    caplog.clear()
    with caplog.at_level(logging.WARNING, "mkdocs"):
        author.build("second")
    assert author.converted == ["page.md"]
    assert "#there" in caplog.text
