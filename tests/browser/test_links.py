"""Every link of the built site leads somewhere: read from its files, without a browser."""

from collections import Counter
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from browser.built_site import SITE, need_site, page_paths
from browser.site_server import prefix_of

pytestmark = pytest.mark.site

LOADING = {
    ("script", "src"),
    ("img", "src"),
    ("iframe", "src"),
    ("source", "src"),
    ("link", "href"),
}


class Anchors(HTMLParser):
    """The ids, links and loaded files of one page."""

    def __init__(self, text: str):
        super().__init__()
        self.ids: Counter[str] = Counter()
        self.links: set[str] = set()
        self.loads: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        for name, value in attrs:
            if name == "id":
                self.ids[value] += 1
            elif (tag, name) == ("a", "href"):
                self.links.add(value or "")
            elif (tag, name) in LOADING and dict(attrs).get("rel") not in (
                "canonical",
                "alternate",
            ):
                self.loads.add(value)


@cache
def read(file: Path) -> Anchors:
    return Anchors(file.read_text(encoding="utf-8"))


def target_of(link: str, file: Path) -> Path:
    """The file that a link without a host leads to."""
    path = unquote(urlsplit(link).path)
    prefix = prefix_of(SITE)
    if path.startswith("/"):
        assert path.startswith(prefix), f"{link} leads out of the site"
        target = SITE / path.removeprefix(prefix)
    else:
        target = file.parent / path if path else file
    return (target / "index.html" if target.is_dir() else target).resolve()


def file_of(path: str) -> Path:
    site = need_site()
    return site / path if path.endswith(".html") else site / path / "index.html"


@pytest.mark.parametrize("path", page_paths(), ids=lambda path: path or "home")
def test_every_link_and_anchor_of_a_page_exists(path: str):
    file = file_of(path)
    broken = []
    for link in sorted(read(file).links | read(file).loads):
        address = urlsplit(link)
        if address.scheme or address.netloc:
            continue
        target = target_of(link, file)
        anchor = unquote(address.fragment)
        if not target.is_file() or (
            anchor and target.suffix == ".html" and anchor not in read(target).ids
        ):
            broken.append(link)
    assert broken == []


@pytest.mark.parametrize("path", page_paths(), ids=lambda path: path or "home")
def test_a_page_loads_nothing_from_elsewhere(path: str):
    assert [url for url in read(file_of(path)).loads if urlsplit(url).netloc] == []


def test_the_editions_have_the_same_pages():
    need_site()
    pages = {path for path in page_paths() if path != "404.html"}
    english = {path for path in pages if not path.startswith("zh/")}
    assert {f"zh/{path}" for path in english} == pages - english
