"""What must be the same in English and Chinese: pages, their blocks, and the values they show."""

from pathlib import Path

from sitebuild.problems import Problem
from sitebuild.source.pages import Page

Pages = dict[str, dict[Path, Page]]


def compare_editions(pages: Pages) -> list[Problem]:
    """Every page that lacks its twin, and every block or value that only one of the twins has."""
    english, chinese = pages["en"], pages["zh"]
    problems = [
        Problem(
            here[path].file, 1, f"docs/{other}/{path} is missing: a page exists in both editions"
        )
        for here, there, other in ((english, chinese, "zh"), (chinese, english, "en"))
        for path in sorted(here.keys() - there.keys())
    ]
    for path in sorted(english.keys() & chinese.keys()):
        problems += _compare_blocks(english[path], chinese[path])
        problems += _compare_values(english[path], chinese[path])
    return problems


def _compare_blocks(english: Page, chinese: Page) -> list[Problem]:
    for ours, theirs in zip(english.blocks, chinese.blocks, strict=False):
        if (ours.name, ours.code) != (theirs.name, theirs.code):
            return [
                Problem(
                    chinese.file,
                    theirs.fence.line,
                    f"runs {theirs.name} where {english.file}:{ours.fence.line} runs {ours.name}: "
                    "both editions run the same blocks in the same order",
                )
            ]
    longer, shorter = sorted((english, chinese), key=lambda page: -len(page.blocks))
    return [
        Problem(longer.file, block.fence.line, f"{block.name} does not run in {shorter.file}")
        for block in longer.blocks[len(shorter.blocks) :]
    ]


def _compare_values(english: Page, chinese: Page) -> list[Problem]:
    found = []
    for here, there in ((english, chinese), (chinese, english)):
        theirs = {name for _, name in there.values}
        found += [
            Problem(here.file, line, f"value {name} is shown here and not in {there.file}")
            for line, name in here.values
            if name not in theirs
        ]
    return found
