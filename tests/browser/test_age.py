"""A page of copied commands says that it is old, on the reader's day, however old the build is."""

from collections.abc import Iterator
from datetime import date, timedelta

import pytest
from playwright.sync_api import Browser, Page

from browser.built_site import EDITIONS
from browser.windows import VIEWS

pytestmark = [pytest.mark.site, pytest.mark.browser]

GUIDE = "deployment-tools/"


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page in a window that remembers nothing."""
    window = browser.new_context(reduced_motion="reduce", **VIEWS["desktop"])
    window.set_default_timeout(60_000)
    yield window.new_page()
    window.close()


def days(page: Page) -> list[date]:
    """Until when each note of the page stays hidden."""
    found = page.locator("[data-fresh-until]").evaluate_all("notes => notes.map(n => n.dataset)")
    return [date.fromisoformat(note["freshUntil"]) for note in found]


def shown(page: Page, address: str, day: date) -> list[bool]:
    """Which notes are to be seen on `day`."""
    page.clock.set_fixed_time(f"{day}T12:00:00Z")
    page.goto(address)
    return [note.is_visible() for note in page.locator("[data-fresh-until]").all()]


@pytest.mark.parametrize("edition", EDITIONS)
def test_the_guide_and_each_sheet_say_that_they_are_old_from_their_day_on(page, home, edition):
    address = home + EDITIONS[edition] + GUIDE
    page.goto(address)
    until = days(page)
    assert len(until) >= 14  # the page itself, and each of its sheets
    assert max(until) == until[0]
    for day in (max(until), max(until) + timedelta(days=1), min(until), until[1]):
        assert shown(page, address, day) == [day > last for last in until]


def test_before_its_first_day_is_over_nothing_is_old(page, home):
    page.goto(home + GUIDE)
    assert not any(shown(page, home + GUIDE, min(days(page))))
