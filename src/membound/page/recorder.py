"""What a running block says: its text in every language, its values and its checks.

While a block runs, a `Recorder` stands in for standard output; `table`, `check` and the others find
it there. Outside a build they fall back on a recorder of their own that prints English.
"""

import io
import re
import sys
from collections.abc import Callable, Mapping
from typing import Any

Translate = Callable[[str], str]

LETTERS = re.compile(r"[^\W\d_]")
NOT_WORDS = re.compile(r"`[^`]*`|\$[^$]*\$|\{[^}]*\}")  # code, formulas, what `fill` puts in
# "12.5 ms", "≥ 3x", "1 GiB": a quantity reads the same in every language; "8 heads" does not.
UNIT = r"(?:[numµ]?s|[kKMGT]?i?B(?:/s)?|[kKMGT]i?|x|×|%|dB|[MG]?FLOPs?(?:/s)?)"
QUANTITY = re.compile(rf"^[<>≤≥≈~−-]? ?[\d.,]+ ?{UNIT}?$")


class MissingLabelError(LookupError):
    """A text that a reader of some edition would see untranslated."""


class Recorder(io.TextIOBase):
    """Collects one block's output; `catalogues` maps a language to {English: its words}."""

    def __init__(self, catalogues: Mapping[str, Mapping[str, str]]):
        self.catalogues = catalogues
        self.parts: list[str | dict[str, str]] = []
        self.values: dict[str, str] = {}
        self.checks: list[dict[str, Any]] = []
        self.labels: dict[str, dict[str, str | None]] = {}
        self._templates: dict[str, tuple[str, dict[str, object]]] = {}
        self._given: dict[str, Mapping[str, str]] = {}

    def writable(self) -> bool:
        """Standard output can be written to."""
        return True

    def write(self, text: str) -> int:
        """Take what `print` prints: the same in every language."""
        self.parts.append(text)
        return len(text)

    def write_translated(self, build: Callable[[Translate], str]) -> None:
        """Take a text that `build` makes anew for each language."""
        self.parts.append(self.translated(build))

    def translated(self, build: Callable[[Translate], str]) -> dict[str, str]:
        """The text that `build` makes, by language."""
        return {
            language: build(lambda text, lang=language: self.translate(text, lang))
            for language in self.catalogues
        }

    def fill(self, template: str, **values: object) -> str:
        """`template` with its `{names}` filled; translated by the template, not by the result."""
        text = template.format(**values)
        self._templates[text] = (template, values)
        return text

    def given(self, words: Mapping[str, str]) -> str:
        """The English of `words`, which is translated by them and needs no catalogue."""
        if missing := self.catalogues.keys() - words.keys():
            raise MissingLabelError(f"no {min(missing)} words beside {words.get('en')!r}")
        if self._given.setdefault(words["en"], words) != words:
            raise ValueError(f"{words['en']!r} is given two translations")
        return words["en"]

    def translate(self, text: str, language: str) -> str:
        """`text` in `language`; English is itself, and what has no words needs no translation."""
        if text in self._given:
            return self._given[text][language]
        template, values = self._templates.get(text, (text, {}))
        if language == "en" or QUANTITY.match(text):
            return text
        words = self.catalogues[language].get(template)
        if words is None:
            if not LETTERS.search(NOT_WORDS.sub("", template)):
                return text
            raise MissingLabelError(
                f"no {language} words for {template!r}: add it to docs/labels.toml"
            )
        self.labels.setdefault(language, {})[template] = words
        if not values:
            return words
        return words.format(**{key: self.known(v, language) for key, v in values.items()})

    def known(self, value: object, language: str) -> object:
        """`value` translated if it is a label; a name, a formula or a number stays as it is."""
        if value in self._templates or value in self.catalogues[language]:
            return self.translate(str(value), language)
        if isinstance(value, str):
            self.labels.setdefault(language, {})[value] = None  # until it becomes a label
        return value


def current() -> Recorder | None:
    """The recorder of the block that is running, if one is."""
    return sys.stdout if isinstance(sys.stdout, Recorder) else None


def emit(build: Callable[[Translate], str]) -> None:
    """Show a text made by `build(translate)` on the page, or print it in English without one."""
    recorder = current()
    if recorder is None:
        sys.stdout.write(build(lambda text: text))
    else:
        recorder.write_translated(build)
