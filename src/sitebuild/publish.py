"""Joins the two editions into one site, writes what spans both, and inspects the HTML as built."""

import gzip
import json
import re
from collections import Counter
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit
from xml.sax.saxutils import escape

from sitebuild.problems import Problem
from sitebuild.run.execute import Ran

HREFLANG = {"en": "en", "zh": "zh-Hans"}
SITEMAP = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9" '
    'xmlns:xhtml="http://www.w3.org/1999/xhtml">\n{}\n</urlset>\n'
)
LOCATION = re.compile(r"<loc>(.*?)</loc>")
REPAIRS = (  # HTML errors in Material 9's own templates
    (re.compile(r' tabindex=""'), ""),
    (re.compile(r'(<input class="md-(?:toggle|option)"[^>]*?) autocomplete="off"'), r"\1"),
)
LOADING = {"script": "src", "img": "src", "iframe": "src", "source": "src", "link": "href"}


def write_checks(site: Path, ran: Ran) -> int:
    """Write checks.json, every check of the build by page; returns how many there are."""
    pages = {page.name: ran.checks(page) for page in ran.pages["en"].values()}
    listed = [{"page": name, **check} for name, checks in pages.items() for check in checks]
    text = json.dumps({"checks": listed}, ensure_ascii=False, indent=1)
    (site / "checks.json").write_text(text + "\n", encoding="utf-8")
    return len(listed)


def write_sitemaps(site: Path) -> None:
    """One sitemap for both editions, each page with the address of its twin."""
    english = LOCATION.findall((site / "sitemap.xml").read_text(encoding="utf-8"))
    home = min(english, key=len)
    folders = {"en": home, "zh": f"{home}zh/"}
    rows = []
    for path in sorted(address.removeprefix(home) for address in english):
        twins = "".join(
            f'<xhtml:link rel="alternate" hreflang="{HREFLANG[edition]}" '
            f'href="{escape(folder + path)}"/>'
            for edition, folder in folders.items()
        )
        rows += [f"<url><loc>{escape(f + path)}</loc>{twins}</url>" for f in folders.values()]
    content = SITEMAP.format("\n".join(rows)).encode()
    (site / "sitemap.xml").write_bytes(content)
    (site / "sitemap.xml.gz").write_bytes(gzip.compress(content, mtime=0))
    for spare in ("sitemap.xml", "sitemap.xml.gz"):
        (site / "zh" / spare).unlink(missing_ok=True)


def repair_templates(site: Path) -> None:
    """Mend what the theme's own templates get wrong."""
    for file in site.rglob("*.html"):
        text = mended = file.read_text(encoding="utf-8")
        for pattern, replacement in REPAIRS:
            mended = pattern.sub(replacement, mended)
        if mended != text:
            file.write_text(mended, encoding="utf-8")


class Inspector(HTMLParser):
    """Reads one HTML file: its ids, its links, and what it loads."""

    def __init__(self, text: str):
        super().__init__()
        self.ids: Counter[str] = Counter()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the ids, links and loaded addresses of a tag."""
        held = dict(attrs)
        if held.get("id"):
            self.ids[held["id"]] += 1
        if tag == "a" and held.get("name"):
            self.ids[held["name"]] += 0
        if tag == "a" and held.get("href"):
            self.links.append(held["href"])
        fetched = held.get(LOADING.get(tag, "")) or ""
        if fetched and not (tag == "link" and held.get("rel") in {"canonical", "alternate"}):
            self.loads.append(fetched)


def inspect(site: Path, root: Path) -> list[Problem]:
    """Broken links and anchors, ids used twice, and anything fetched from elsewhere."""
    files = {file: Inspector(file.read_text(encoding="utf-8")) for file in site.rglob("*.html")}
    problems: list[Problem] = []
    for file, inspected in files.items():
        source = _source_of(file.relative_to(site), root)
        told = [f"the id {name!r} is used {n} times" for name, n in inspected.ids.items() if n > 1]
        told += [f"loads {url} from elsewhere" for url in inspected.loads if urlsplit(url).netloc]
        problems += [Problem(source, 0, message) for message in told]
        if file.name == "404.html":
            continue  # its links are absolute, for it is served at any depth
        for link in {*inspected.links, *inspected.loads}:
            if message := _broken(link, file, site, files):
                problems.append(Problem(source, _line_of(link, root / source), message))
    return problems


def _broken(link: str, file: Path, site: Path, files: dict[Path, Inspector]) -> str:
    address = urlsplit(link)
    if address.scheme or address.netloc:
        return ""
    target = (file.parent / unquote(address.path)).resolve() if address.path else file
    if target.is_dir():
        target /= "index.html"
    if not target.is_relative_to(site) or not target.is_file():
        return f"link to {link}: there is no such page"
    anchor = unquote(address.fragment)
    if anchor and target in files and anchor not in files[target].ids:
        return f"link to {link}: that page has no such anchor"
    return ""


def _source_of(html: Path, root: Path) -> Path:
    """The Markdown file that a page of the site was made from."""
    parts = PurePosixPath(html.as_posix()).parts
    edition, rest = ("zh", parts[1:]) if parts[0] == "zh" else ("en", parts)
    for candidate in _candidates(rest):
        if (root / "docs" / edition / candidate).is_file():
            return Path("docs", edition, candidate)
    return Path("site", html)


def _candidates(parts: tuple[str, ...]) -> Iterator[Path]:
    folder = Path(*parts[:-1])
    if folder.name:
        yield folder.with_suffix(".md")
    yield folder / "index.md"


def _line_of(link: str, source: Path) -> int:
    """The first line of the source that holds the end of the link, as an author would write it."""
    if not source.is_file() or source.suffix != ".md":
        return 0
    end = link.rstrip("/").rsplit("/", 1)[-1].removesuffix(".md")
    lines = source.read_text(encoding="utf-8").splitlines()
    return next((n for n, line in enumerate(lines, 1) if end and end in line), 0)
