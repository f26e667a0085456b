"""What the guide tells a reader to type, run: each client and each curl, against a local server."""

import json
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from membound.page.tools.sheet import read_sheets
from support.model_server import ANSWER, model_server

ROOT = Path(__file__).parents[3]
SHEETS = read_sheets(ROOT / "docs" / "tools")
CLIENTS = {
    file.name: file.read_text(encoding="utf-8") for file in ROOT.glob("docs/tools/clients/*.py")
}
CALLS = [
    (name, i, command)
    for name, sheet in SHEETS.items()
    for i, call in enumerate(sheet.call)
    for command in re.split(r"\n(?=curl )", call.command.strip())
]
BODY = re.compile(r"-d '(.*?)'", re.S)


@pytest.fixture(scope="module")
def server():
    with model_server() as server:
        yield server


def address(server) -> str:
    return f"http://127.0.0.1:{server.server_port}"


def run_client(source: str) -> str:
    """What a client prints."""
    for package in ("openai", "ollama", "requests"):
        if re.search(rf"^(?:from|import) {package}\b", source, re.M) and not find_spec(package):
            pytest.skip(f"{package} is not installed: scripts/test installs it")
    run = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr
    return run.stdout.strip()


def one_sheet_per_client() -> list[tuple[str, str]]:
    """Sheets fill in an address and two names: a client runs for the first that shows it."""
    first = {client: name for name, sheet in SHEETS.items() for client in sheet.clients}
    return [(name, client) for client, name in first.items()]


@pytest.mark.parametrize(("name", "client"), one_sheet_per_client())
def test_a_client_prints_the_answer(name, client, server):
    shown = SHEETS[name].client(CLIENTS[client])
    assert SHEETS[name].base in shown
    assert run_client(shown.replace(SHEETS[name].base, address(server))) == ANSWER


@pytest.mark.parametrize("name", SHEETS)
def test_a_client_is_filled_in_completely(name):
    for client in SHEETS[name].clients:
        shown = SHEETS[name].client(CLIENTS[client])
        compile(shown, client, "exec")
        assert "$" not in shown
        assert (SHEETS[name].model in shown) == ("$model" in CLIENTS[client])


def test_ollamas_answer_without_stream_false_is_no_single_json(server):
    sheet = SHEETS["ollama"]
    shown = sheet.client(CLIENTS["ollama_requests.py"]).replace(sheet.base, address(server))
    streaming = re.sub(r'\n *"stream": False,.*', "", shown)
    assert streaming != shown
    with pytest.raises(AssertionError, match="JSONDecodeError"):
        run_client(streaming)


def test_openai_without_a_key_raises(server, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    sheet = SHEETS["vllm"]
    shown = sheet.client(CLIENTS["openai_chat.py"]).replace(sheet.base, address(server))
    keyless = re.sub(r', api_key="[^"]*"', "", shown)
    assert keyless != shown
    with pytest.raises(AssertionError, match="api_key"):
        run_client(keyless)


@pytest.mark.parametrize(("name", "i", "command"), CALLS)
def test_the_body_of_a_curl_is_json(name, i, command):
    for body in BODY.findall(command):
        assert json.loads(body)


@pytest.mark.parametrize(("name", "i", "command"), CALLS)
def test_a_curl_is_answered(name, i, command, server):
    bash, curl = shutil.which("bash"), shutil.which("curl")
    if not (bash and curl):
        pytest.skip("no bash or no curl here")
    local = command.replace(SHEETS[name].base, address(server))
    server.asked.clear()
    run = subprocess.run(
        [bash, "-c", local.replace("curl ", "curl -sS --fail-with-body ", 1)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    ((path, body),) = server.asked
    assert path in command
    if body:
        assert ANSWER in run.stdout, "the answer came in pieces"
    if BODY.search(command):
        assert body == json.loads(BODY.search(command)[1])
