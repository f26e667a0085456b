"""A sheet on the page: the same commands in both languages, its age on both sides of the day."""

import contextlib
import re
import tomllib
from datetime import date, timedelta
from pathlib import Path

import pytest

from membound.page.recorder import Recorder
from membound.page.tools.age import last_fresh_day
from membound.page.tools.markdown import show_age, show_comparison, show_same_ideas, show_sheet
from membound.page.tools.sheet import read_sheets

ROOT = Path(__file__).parents[3]
SHEETS = read_sheets(ROOT / "docs" / "tools")
CLIENTS = {
    file.name: file.read_text(encoding="utf-8") for file in ROOT.glob("docs/tools/clients/*.py")
}
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.M | re.S)
HEADING = re.compile(r'<h3 id="([^"]+)">(.*?)</h3>')


def said(show) -> dict[str, str]:
    tree = tomllib.loads((ROOT / "docs" / "labels.toml").read_text(encoding="utf-8"))
    words = {label: text for section in tree.values() for label, text in section.items()}
    recorder = Recorder({"en": {}, "zh": words})
    with contextlib.redirect_stdout(recorder):
        show()
    return {
        language: "".join(p if isinstance(p, str) else p[language] for p in recorder.parts)
        for language in ("en", "zh")
    }


@pytest.mark.parametrize("name", SHEETS)
def test_both_editions_show_the_same_commands_and_only_their_words_differ(name):
    page = said(lambda: show_sheet(SHEETS[name], name, CLIENTS))
    english, chinese = FENCE.findall(page["en"]), FENCE.findall(page["zh"])
    assert english == chinese
    sheet = SHEETS[name]
    commands = (*sheet.install, *sheet.run, *sheet.call)
    assert len(english) == len(commands) + len(sheet.clients)
    assert not re.search(r"[\u4e00-\u9fff]", page["en"])
    assert sheet.what["zh"] in page["zh"]


def test_every_tool_has_the_same_headings_in_the_same_order():
    for name, sheet in SHEETS.items():
        page = said(lambda sheet=sheet, name=name: show_sheet(sheet, name, CLIENTS))
        found = HEADING.findall(page["en"])
        labels = ["Install", "Run", "Call", "Flags", "Server", "Limits"]
        assert [label for _, label in found] == labels
        assert [anchor for anchor, _ in found] == [f"{name}-{label.lower()}" for label in labels]
        assert [anchor for anchor, _ in HEADING.findall(page["zh"])] == [a for a, _ in found]


def test_a_sheet_says_that_it_is_old_from_the_day_on_which_it_is():
    sheet = SHEETS["ollama"]
    last = last_fresh_day(sheet.taken)
    notes = [
        re.search(r'<strong class="mb-old" ([^>]*)>', said(show)["en"])[1]
        for show in (
            lambda: show_sheet(sheet, "ollama", CLIENTS, today=last),
            lambda: show_sheet(sheet, "ollama", CLIENTS, today=last + timedelta(days=1)),
        )
    ]
    assert notes == [f'data-fresh-until="{last}" hidden', f'data-fresh-until="{last}"']


def test_a_page_says_that_it_is_old_when_its_newest_sheet_is():
    taken = [date(2026, 1, 1), date(2026, 3, 1)]
    fresh = said(lambda: show_age(taken, today=date(2026, 8, 28)))
    old = said(lambda: show_age(taken, today=date(2026, 8, 29)))
    assert 'data-fresh-until="2026-08-28" hidden markdown' in fresh["en"]
    assert 'data-fresh-until="2026-08-28" markdown' in old["en"]
    for page in (fresh, old):  # stated in words too, for a reader without scripts
        assert "between 2026-01-01 and 2026-03-01" in page["en"]
        assert "after 2026-08-28, 180 days later" in page["en"]
        assert "2026-08-28（180 天之后）" in page["zh"]


def test_tools_side_by_side_link_to_their_sheets():
    five = {name: SHEETS[name] for name in ("vllm", "ollama")}
    page = said(lambda: show_comparison(five, ["use", "address"]))
    assert "| [vLLM](../deployment-tools/#vllm) | many users on GPUs" in page["en"]
    assert "| [Ollama](../deployment-tools/#ollama) | 一个人" in page["zh"]


def test_a_tool_without_a_flag_for_an_idea_gets_a_dash():
    page = said(lambda: show_same_ideas([SHEETS["vllm"], SHEETS["ollama"]]))
    row = next(line for line in page["en"].splitlines() if "tensor parallelism" in line)
    assert row.endswith("| – |")
    assert "<span>--tensor</span><wbr><span>-parallel</span><wbr><span>-size</span>" in row
