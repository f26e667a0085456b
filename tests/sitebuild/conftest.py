"""A small site of its own for each test."""

from pathlib import Path

import pytest

from support.small_site import SmallSite


@pytest.fixture
def site(tmp_path: Path) -> SmallSite:
    """A site that builds."""
    return SmallSite(tmp_path)
