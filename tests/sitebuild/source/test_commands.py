"""Commands that no longer work, wherever they are planted, and what may stand beside them."""

from pathlib import Path

import pytest

from sitebuild.source.commands import DEAD, find_dead, find_dead_commands

ROOT = Path(__file__).parents[3]

PLANTS = {
    "make": "git clone https://github.com/ggml-org/llama.cpp\ncd llama.cpp && make",
    "make-jobs": "cd llama.cpp\nmake -j8",
    "root-binary": './llama-cli -m model.gguf -p "hello" -n 128',
    "old-owner": "git clone https://github.com/ggerganov/llama.cpp",
    "engine": "trtllm-build --checkpoint_dir ckpt --output_dir engine",
    "checkpoint": "python convert_checkpoint.py --model_dir llama",
    "streams": 'curl http://localhost:11434/api/generate \\\n  -d \'{"model": "m"}\'',
    "streams-python": (
        'requests.post("http://localhost:11434/api/chat", json={"model": "m", "messages": []})'
    ),
    "keyless": 'client = OpenAI(base_url="http://localhost:8000/v1")',
    "keyless-lines": 'client = OpenAI(\n    base_url="http://localhost:8000/v1",\n)',
    "old-server": "python -m vllm.entrypoints.openai.api_server --model m",
    "draft-max": "llama serve -m m.gguf -md d.gguf --draft-max 5",
    "guided": '{"model": "m", "guided_json": {"type": "object"}}',
    "wsl": "# Ollama for macOS / Linux / Windows (WSL2)",
    "thebloke": "llama cli -hf TheBloke/Llama-2-7B-GGUF",
}

ALIVE = {
    "cmake": "cd llama.cpp\ncmake -B build\ncmake --build build --config Release",
    "make-in-a-sentence": "llama.cpp: make sure that the file is there.",
    "make-elsewhere": "cd my-project && make",
    "built": "./build/bin/llama-cli -m model.gguf",
    "whole": 'curl http://localhost:11434/api/generate -d \'{"model": "m", "stream": false}\'',
    "whole-python": 'requests.post(f"{base}/api/chat", json={"model": "m", "stream": False})',
    "by-line": 'for line in requests.post("…/api/generate", json={}).iter_lines(): pass',
    "named": "The native routes are `/api/generate` and `/api/chat`.",
    "key": 'client = OpenAI(base_url="http://localhost:8000/v1", api_key="EMPTY")',
    "new-server": "vllm serve m",
    "new-flag": "llama serve -m m.gguf -md d.gguf --spec-draft-n-max 5",
    "draft-model": "mlx_lm.server --model m --draft-model d",
    "structured": '{"model": "m", "structured_outputs": {"json": {}}}',
}


@pytest.mark.parametrize("name", PLANTS)
def test_a_dead_command_is_found(name):
    assert len(list(find_dead(PLANTS[name]))) == 1


@pytest.mark.parametrize("name", ALIVE)
def test_a_command_that_works_is_let_pass(name):
    assert list(find_dead(ALIVE[name])) == []


def test_every_rule_has_its_plant():
    for dead in DEAD:
        assert any(dead.find(text) is not None for text in PLANTS.values()), dead.pattern.pattern


@pytest.mark.parametrize("name", PLANTS)
@pytest.mark.parametrize(
    ("file", "before", "after"),
    [
        ("docs/en/page.md", "# A page\n\n```bash\n", "\n```\n"),
        ("docs/zh/deep/page.md", "# 一页\n\n```bash\n", "\n```\n"),
        ("README.md", "# membound\n\n```bash\n", "\n```\n"),
        ("docs/tools/tool.toml", "name = 'x'\n\n[[run]]\ncommand = '''\n", "'''\n"),
        ("docs/tools/clients/client.py", "# 1\n# 2\n# 3\n", "\n"),
    ],
)
def test_a_dead_command_fails_in_every_file_that_a_reader_copies_from(
    tmp_path, name, file, before, after
):
    planted = tmp_path / file
    planted.parent.mkdir(parents=True, exist_ok=True)
    planted.write_text(before + PLANTS[name] + after, encoding="utf-8")
    (problem,) = find_dead_commands(tmp_path)
    assert problem.file == Path(file)
    assert before.count("\n") < problem.line <= before.count("\n") + 1 + PLANTS[name].count("\n")
    assert problem.message.startswith('dead command "')


@pytest.mark.parametrize("name", ["root-binary", "old-owner", "guided", "thebloke", "wsl"])
def test_a_dead_command_in_prose_is_found_too(tmp_path, name):
    (tmp_path / "docs/en").mkdir(parents=True)
    (tmp_path / "docs/en/page.md").write_text(f"# A page\n\nType `{PLANTS[name]}`.\n")
    (problem,) = find_dead_commands(tmp_path)
    assert problem.line == 3


def test_nothing_dead_stands_in_this_repository():
    assert find_dead_commands(ROOT) == []
