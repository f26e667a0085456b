"""Fixtures that several rooms share."""

import signal
from pathlib import Path

import pytest
from hypothesis import settings

from membound.model.local import default_model_path

# The same examples on every machine and day; `--hypothesis-profile=default` looks for new ones.
settings.register_profile("repeatable", deadline=None, derandomize=True)
settings.load_profile("repeatable")

# A shell starts what it puts in the background deaf to interrupts, and processes inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

DATA = Path(__file__).parent / "data"


@pytest.fixture(scope="session")
def model_path() -> Path:
    """Where the real model lies; `scripts/test` fetches it, a bare `pytest` may run without."""
    try:
        return default_model_path()
    except FileNotFoundError as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="session")
def data() -> Path:
    """The reference outputs, described in `tests/data/README.md`."""
    return DATA
