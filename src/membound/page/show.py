"""A figure on the page, drawn once for each language and each width."""

from membound.page.figures import Figure, to_html
from membound.page.recorder import emit


def show(figure: Figure, *, name: str, title: str, caption: str, alt: str) -> None:
    """Show `figure` under `title`; `caption` says what to see, `alt` what a listener should hear.

    `name` is the figure's id on its page. Title, caption and alt are labels and are translated.
    """
    emit(
        lambda translate: (
            "\n"
            + to_html(figure, name=name, title=title, caption=caption, alt=alt, translate=translate)
            + "\n\n"
        )
    )
