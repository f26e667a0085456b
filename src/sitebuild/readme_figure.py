"""`python -m sitebuild.readme_figure`: the home page's figure, drawn for the README.

A README shows pictures from files and knows no style sheet, so the figure of the built site is
written with the light palette's own colours. Run it after `./scripts/build` if it has changed.
"""

import re
import sys
from pathlib import Path

FIGURE = re.compile(r'<svg class="fig fig-wide".*?</svg>', re.S)
VARIABLE = re.compile(r"(--fig-[\w-]+): (#[0-9a-f]{6});")
TARGET = Path("docs", "readme-figure.svg")
FONT = "system-ui, -apple-system, 'Segoe UI', sans-serif"


def to_standalone(page: str, style_sheet: str) -> str:
    """The first figure of a built page as a file of its own, on the light palette."""
    light: dict[str, str] = {}
    for name, colour in VARIABLE.findall(style_sheet):
        light.setdefault(name, colour)  # the light palette stands first
    match = FIGURE.search(page)
    if match is None:
        raise ValueError("the page has no figure")
    svg = re.sub(r"var\((--fig-[\w-]+)\)", lambda m: light[m[1]], match[0])
    svg = svg.replace('class="fig fig-wide" data-search-exclude=""', f'font-family="{FONT}"', 1)
    start = svg.index("</desc>") + len("</desc>")
    background = f'<rect width="100%" height="100%" fill="{light["--fig-background"]}"/>'
    return svg[:start] + background + svg[start:] + "\n"


def main() -> int:
    """Write the file; say where."""
    site = Path("site", "index.html")
    if not site.is_file():
        print("readme_figure: no site/index.html: run ./scripts/build first", file=sys.stderr)
        return 1
    style_sheet = Path("docs", "theme", "assets", "membound.css").read_text(encoding="utf-8")
    figure = to_standalone(site.read_text(encoding="utf-8"), style_sheet)
    TARGET.write_text(figure, encoding="utf-8")
    print(f"readme_figure: wrote {TARGET}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
