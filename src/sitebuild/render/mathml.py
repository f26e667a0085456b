"""Formulas as MathML, made while the site is built: a reader's browser needs no script for them.

pymdownx.arithmatex finds the TeX; math-core translates it and refuses what it does not know.
"""

import html
import re
from typing import Any

from markdown import Markdown
from markdown.extensions import Extension
from markdown.postprocessors import Postprocessor
from math_core import LatexError, LatexToMathML

from sitebuild.render import rendering

FORMULA = re.compile(r'<(?P<tag>span|div) class="arithmatex">(?P<tex>.*?)</(?P=tag)>', re.S)


class Translator(Postprocessor):
    """Replaces what arithmatex has marked."""

    def __init__(self, md: Markdown):
        super().__init__(md)
        self.converter = LatexToMathML(annotation=True, fancy_error=False)

    def run(self, text: str) -> str:
        """Translate every formula of the page."""
        return FORMULA.sub(self._translate, text)

    def _translate(self, match: re.Match[str]) -> str:
        tex = html.unescape(match["tex"]).strip()[2:-2].strip()
        block = match["tag"] == "div"
        try:
            mathml = self.converter.convert_with_local_state(tex, displaystyle=block)
        except LatexError as error:
            rendering.report_text(tex, f"formula {tex!r}: {error}")
            return f"<code>{html.escape(tex)}</code>"
        return f'<div class="math" tabindex="0">{mathml}</div>' if block else mathml


class MathML(Extension):
    """The extension to name in mkdocs.yml, after pymdownx.arithmatex with `generic: true`."""

    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802  Python-Markdown's name
        """Register the translator to run after raw HTML is back in place."""
        md.postprocessors.register(Translator(md), "membound-mathml", 0)


def makeExtension(**options: Any) -> MathML:  # noqa: N802  Python-Markdown's name
    """Python-Markdown's way in."""
    return MathML(**options)
