"""The system's Chromium: found, not downloaded."""

import os
import shutil
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
ON_MACOS = (
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)
# No name but this machine's resolves: a page that leans on a third party breaks here.
ARGUMENTS = ("--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",)


def find_chromium() -> str | None:
    """The path of the browser: CHROMIUM, else the first that is installed, else none."""
    if chosen := os.environ.get("CHROMIUM"):
        return chosen
    found = (shutil.which(name) for name in NAMES)
    return next((path for path in (*found, *ON_MACOS) if path and Path(path).is_file()), None)


def arguments() -> list[str]:
    """What the browser is started with; as root, as in a container, it refuses its sandbox."""
    is_root = hasattr(os, "geteuid") and os.geteuid() == 0
    return [*ARGUMENTS, *(["--no-sandbox"] if is_root else [])]
