"""The README's figure is the home page's, and stands without a style sheet."""

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from sitebuild.readme_figure import to_standalone

ROOT = Path(__file__).parents[2]
STYLE = (ROOT / "docs/theme/assets/membound.css").read_text(encoding="utf-8")
FILE = ROOT / "docs/readme-figure.svg"


def test_the_readme_shows_a_file_that_stands_alone():
    assert "docs/readme-figure.svg" in (ROOT / "README.md").read_text(encoding="utf-8")
    text = FILE.read_text(encoding="utf-8")
    ET.fromstring(text)
    assert "var(" not in text


def test_its_words_are_those_of_the_home_page():
    title = re.search(r"<title[^>]*>(.*?)</title>", FILE.read_text(encoding="utf-8"))[1]
    assert title in (ROOT / "docs/blocks/index.py").read_text(encoding="utf-8")


def test_a_colour_that_follows_the_palette_becomes_the_light_one():
    page = (
        '<p></p><svg class="fig fig-wide" data-search-exclude="" xmlns="http://www.w3.org/2000/svg">'
        '<desc>d</desc><path stroke="var(--fig-ink)"/></svg>'
    )
    assert 'stroke="#23272f"' in to_standalone(page, STYLE)


def test_a_page_without_a_figure_is_refused():
    with pytest.raises(ValueError, match="no figure"):
        to_standalone("<p></p>", STYLE)
