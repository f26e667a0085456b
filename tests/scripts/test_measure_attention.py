"""What scripts/measure-attention times of the real model; how long it took is for people."""

import importlib.util
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "lib" / "measure_attention.py"


@pytest.mark.model
@pytest.mark.usefixtures("model_path")
def test_every_cache_is_timed_beside_the_contiguous_one(monkeypatch, capsys):
    spec = importlib.util.spec_from_file_location("measure_attention", SCRIPT)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    monkeypatch.setattr(script, "CONTEXT", 32)
    script.measure_caches(1)
    lines = capsys.readouterr().out.splitlines()
    assert all(line.endswith("of contiguous") for line in lines[-4:])
    for name in ("contiguous", "paged, side by side", "paged, scattered", "window"):
        assert any(line.strip().startswith(name) for line in lines), name
