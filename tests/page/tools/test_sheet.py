"""The sheets of the deployment guide: complete, in both languages, and true to each other."""

import shlex
from pathlib import Path

import pytest

from membound.page.tools.sheet import IDEAS, SERVER_ROWS, read_sheet, read_sheets

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "docs" / "tools"
SHEETS = read_sheets(FOLDER)
CLIENTS = {file.name: file.read_text(encoding="utf-8") for file in FOLDER.glob("clients/*.py")}


def edited(tmp_path: Path, old: str, new: str) -> Path:
    text = (FOLDER / "ollama.toml").read_text(encoding="utf-8")
    assert old in text
    file = tmp_path / "edited.toml"
    file.write_text(text.replace(old, new, 1), encoding="utf-8")
    return file


def test_every_tool_that_the_guide_promises_has_a_sheet():
    assert SHEETS.keys() == {
        "dynamo", "exllamav3", "ktransformers", "llama-cpp", "llama-cpp-python", "lmdeploy",
        "mlx-lm", "ollama", "sglang", "tensorrt-llm", "tgi", "transformers", "vllm",
    }  # fmt: skip


@pytest.mark.parametrize("name", SHEETS)
def test_a_sheet_says_how_to_install_run_and_call_in_bash_and_in_python(name):
    sheet = SHEETS[name]
    assert sheet.install
    assert sheet.run
    assert sheet.flags
    assert sheet.limits
    assert sheet.sources
    assert any("curl" in call.command for call in sheet.call)
    assert sheet.clients
    assert tuple(sheet.server) == SERVER_ROWS


@pytest.mark.parametrize("name", SHEETS)
def test_a_sheet_calls_the_address_that_it_names(name):
    sheet = SHEETS[name]
    for call in sheet.call:
        words = shlex.split(call.command)
        addresses = [word for word in words if word.startswith("http")]
        assert addresses
        assert all(word.startswith(f"{sheet.base}/") for word in addresses)


@pytest.mark.parametrize("name", SHEETS)
def test_a_command_fits_on_the_page_without_scrolling(name):
    sheet = SHEETS[name]
    commands = [each.command for each in (*sheet.install, *sheet.run, *sheet.call)]
    commands += [sheet.client(CLIENTS[client]) for client in sheet.clients]
    assert [line for text in commands for line in text.splitlines() if len(line) > 80] == []


@pytest.mark.parametrize("name", SHEETS)
def test_a_flag_is_told_once(name):
    flags = [flag.flag for flag in SHEETS[name].flags]
    assert len(set(flags)) == len(flags)
    ideas = [flag.idea for flag in SHEETS[name].flags if flag.idea]
    assert len(set(ideas)) == len(ideas)


def test_every_client_is_shown_by_some_sheet():
    assert {name for sheet in SHEETS.values() for name in sheet.clients} == CLIENTS.keys()


def test_every_idea_has_a_flag_in_at_least_four_of_the_five_large_tools():
    large = [SHEETS[name] for name in ("vllm", "sglang", "tensorrt-llm", "llama-cpp", "ollama")]
    for idea in IDEAS:
        assert sum(sheet.flag_for(idea) is not None for sheet in large) >= 4, idea


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('zh = "Linux 和 macOS："', 'de = "Linux und macOS:"', "a text has en and zh"),
        ('zh = "Linux 和 macOS："', 'zh = ""', "a text has en and zh"),
        ("licence =", "license =", "'license' is no key of a sheet"),
        ('model = "qwen2.5:0.5b"', "", "model"),
        ("taken = 2026-08-21", 'taken = "August"', "taken is a date such as 2026-11-02"),
        ("metrics =", "statistics =", r"\[server\] has the rows address, routes"),
        ('idea = "context length"', 'idea = "length"', "'length' is none of context length"),
        ("[server]", "[server", "line"),
    ],
)
def test_a_sheet_with_a_mistake_is_refused_by_name(tmp_path, old, new, says):
    with pytest.raises(ValueError, match=rf"edited\.toml: .*{says}"):
        read_sheet(edited(tmp_path, old, new))
