"""Rows as a Markdown table, its words in the reader's language."""

from collections.abc import Mapping, Sequence

from membound.page.recorder import Translate, emit

Cell = str | int | float


def table(columns: Mapping[str, str], rows: Sequence[Sequence[Cell]]) -> None:
    """Show `rows` under `columns`, which maps each heading to the format of its numbers.

    A column with a format is set flush right; one with the format "" holds words. A word in a
    column of numbers is shown as it stands.
    """
    for row in rows:
        if len(row) != len(columns):
            raise ValueError(f"a row has {len(row)} cells for {len(columns)} columns: {row!r}")
    emit(lambda translate: to_markdown(columns, rows, translate))


def to_markdown(
    columns: Mapping[str, str], rows: Sequence[Sequence[Cell]], translate: Translate
) -> str:
    """The table in Markdown, with an empty line on either side."""
    formats = list(columns.values())
    lines = [
        [translate(heading) for heading in columns],
        ["---:" if spec else ":---" for spec in formats],
    ]
    lines += [
        [
            translate(cell) if isinstance(cell, str) else format(cell, spec)
            for cell, spec in zip(row, formats, strict=True)
        ]
        for row in rows
    ]
    return "\n" + "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n\n"
