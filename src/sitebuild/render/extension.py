"""Puts what the blocks said into the page: outputs, inline values, and the checks at its foot.

markdown-exec lays out a block (its source, its output, tabs); what it would run has been run
already by `sitebuild.run.execute`, so its Python formatter is replaced by one that looks it up.
"""

import re
import xml.etree.ElementTree as ET
from typing import Any

from markdown import Markdown
from markdown.extensions import Extension
from markdown.postprocessors import Postprocessor
from markdown.preprocessors import Preprocessor
from markdown_exec import base_format, formatters

from sitebuild.render import checks_table
from sitebuild.render.rendering import current

FIGURE_IN_PARAGRAPH = re.compile(r"<p>\s*(<figure\b.*?</figure>)\s*</p>", re.S)
CHINESE = r"[\u3000-\u303f\u4e00-\u9fff\uff00-\uffef“”‘’…—]"
INLINE = r"(?:a|code|em|math|span|strong)\b"
AFTER_CHINESE = re.compile(
    rf"({CHINESE}(?:</{INLINE}>)*)\n *(?=(?:<{INLINE}[^>]*>)*{CHINESE})"
    rf"|([，。：；、！？）](?:</{INLINE}>)*)[\n ]+(?=[^\s<]|<{INLINE})"
)
STOP_AFTER_FORMULA = re.compile(r"(<math\b(?:(?!</math>).)*</math>[，。：；、！？）]+)", re.S)
NOT_SHOWN_AGAIN = ("cell", "raises")


class FillPage(Preprocessor):
    """Gives each fence the code of its cell and a name to be looked up by."""

    def run(self, lines: list[str]) -> list[str]:
        """Fill the fences and add the table of checks."""
        if hasattr(self.md, "_original_md"):  # markdown-exec rendering one block's output
            return lines
        rendering = current.get()
        offset = _length(rendering.page.lines) - _length(lines)  # front matter is gone already
        blocks = {block.fence.line - offset: block for block in rendering.page.blocks}
        filled: list[str] = []
        skip_until = 0
        for number, line in enumerate(lines, 1):
            block = blocks.get(number)
            if block:
                fence = block.fence
                options = {k: v for k, v in fence.options.items() if k not in NOT_SHOWN_AGAIN}
                header = " ".join(f'{k}="{v}"' for k, v in ({"id": block.name} | options).items())
                filled.append(f"{fence.indent}{fence.ticks}python {header}")
                filled += [f"{fence.indent}{code}" for code in block.shown.split("\n")]
                skip_until = fence.end - offset  # the closing line stays
            elif number >= skip_until:
                filled.append(line)
        return checks_table.add_to_page(filled, rendering)


def _length(lines: list[str]) -> int:
    """The number of lines up to the last that is not empty."""
    return max((n for n, line in enumerate(lines, 1) if line.strip()), default=0)


def look_up(**options: Any) -> str:
    """markdown-exec's formatter for Python: the block has been run, show what it said."""
    rendering = current.get()
    name = options["id"]
    rendering.shown.add(name)
    output = rendering.output(name)
    if output is None:
        output = f'\n<p class="block-error">{name}: this block failed; the build says why.</p>\n'
    return base_format(language="python", run=lambda *_args, **_options: output, **options)


def show_value(source: str, _language: str, _class: str, _md: Markdown) -> ET.Element:
    """`#!val name` in prose, through pymdownx.inlinehilite: the number that code has given."""
    span = ET.Element("span", {"class": "val"})
    span.text = current.get().values.get(source.strip(), "??")
    return span


class Tidy(Postprocessor):
    """Mends what Markdown does to figures inside tabs, and to Chinese broken over lines."""

    def run(self, text: str) -> str:
        """Unwrap each figure; close the gaps after Chinese; no line begins with a stop."""
        text = FIGURE_IN_PARAGRAPH.sub(r"\1", text)
        text = STOP_AFTER_FORMULA.sub(r'<span class="mb-together">\1</span>', text)
        return AFTER_CHINESE.sub(lambda kept: kept[1] or kept[2], text)


class Blocks(Extension):
    """The extension to name in mkdocs.yml."""

    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802  Python-Markdown's name
        """Register ahead of everything that reads fences."""
        formatters["python"] = formatters["py"] = look_up
        md.preprocessors.register(FillPage(md), "membound-blocks", 1000)
        md.postprocessors.register(Tidy(md), "membound-tidy", -1000)


def makeExtension(**options: Any) -> Blocks:  # noqa: N802  Python-Markdown's name
    """Python-Markdown's way in."""
    return Blocks(**options)
