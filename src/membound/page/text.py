"""Sentences and labels that are translated: keyed by their English, as in gettext."""

from collections.abc import Mapping

from membound.page.recorder import current, emit


def fill(template: str, **values: object) -> str:
    """A label with numbers in it: `fill("{n} tokens", n=8)`, translated as "{n} tokens"."""
    recorder = current()
    return template.format(**values) if recorder is None else recorder.fill(template, **values)


def say(template: str, **values: object) -> None:
    """Show a paragraph in the reader's language."""
    text = fill(template, **values) if values else template
    emit(lambda translate: f"\n{translate(text)}\n\n")


def given(words: Mapping[str, str]) -> str:
    """A label that brings its translations, `{"en": "yes", "zh": "是"}`, from data of its own."""
    recorder = current()
    return words["en"] if recorder is None else recorder.given(words)
