"""Everything that the sources and their blocks tell before a page is rendered."""

from sitebuild.problems import Problem
from sitebuild.run.execute import Ran
from sitebuild.source.commands import find_dead_commands
from sitebuild.source.editions import compare_editions
from sitebuild.source.prose import find_literals


def source_problems(ran: Ran) -> list[Problem]:
    """Everything wrong in the sources and their blocks, before any page is rendered."""
    pages = [page for edition in ran.pages.values() for page in edition.values()]
    literals = [problem for page in pages for problem in find_literals(page)]
    dead = find_dead_commands(ran.root)
    return sorted(
        {*ran.problems, *compare_editions(ran.pages), *literals, *dead, *_wrong_values(ran)}
    )


def build_values(ran: Ran) -> dict[str, str]:
    """Values that any page may show: what this build has checked."""
    pages = [page for page in ran.pages["en"].values() if ran.checks(page)]
    return {
        "checks_passed": str(sum(c["passed"] for page in pages for c in ran.checks(page))),
        "checks_pages": str(len(pages)),
    }


def _wrong_values(ran: Ran) -> list[Problem]:
    """Values that are shown and not named, and those that two blocks of a page name."""
    common = build_values(ran)
    found = []
    for page in (page for edition in ran.pages.values() for page in edition.values()):
        found += [
            Problem(page.file, line, f"{odd}` is not understood: write `#!val name` on one line")
            for line, odd in page.odd_values
        ]
        if any(ran.result(block) is None for block in page.blocks):
            continue  # a block that failed has named nothing; its own problem is reported
        named = dict(common)
        for block in page.blocks:
            values = ran.result(block)["values"]
            found += [
                Problem(page.file, block.fence.line, f"value {name!r} has been named before")
                for name in sorted(values.keys() & named.keys())
            ]
            named |= values
        found += [
            Problem(page.file, line, f"no block of this page names the value {name!r}")
            for line, name in page.values
            if name not in named
        ]
    return found
