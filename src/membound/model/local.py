"""Where the real model lies on this machine."""

import os
from pathlib import Path

FILE_NAME = "SmolLM2-135M-Instruct.Q4_1.gguf"


def cache_folder() -> Path:
    """The folder for fetched models: `MEMBOUND_CACHE`, or `membound` in the user's cache folder."""
    chosen = os.environ.get("MEMBOUND_CACHE")
    if chosen:
        return Path(chosen).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "membound"


def default_model_path() -> Path:
    """The path of SmolLM2-135M-Instruct; `FileNotFoundError` says how to fetch it."""
    path = cache_folder() / FILE_NAME
    if not path.is_file():
        raise FileNotFoundError(f"no model at {path}: run scripts/fetch-model")
    return path
