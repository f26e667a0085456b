"""What a reader operates: the palette, the search, and the way to the other edition."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from browser.built_site import EDITIONS, edition_of, page_paths
from browser.windows import VIEWS

pytestmark = [pytest.mark.site, pytest.mark.browser]

TEXT_COLOURS = """() => [...new Set([...document.querySelectorAll("svg.fig text")]
  .map(text => getComputedStyle(text).fill))]"""


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page in a window that remembers nothing."""
    window = browser.new_context(color_scheme="light", reduced_motion="reduce", **VIEWS["desktop"])
    window.set_default_timeout(60_000)
    yield window.new_page()
    window.close()


def scheme_of(page: Page) -> str:
    return page.evaluate("document.body.dataset.mdColorScheme")


def with_figure(page: Page, home: str) -> None:
    """Go to the first page that has a figure."""
    for path in page_paths():
        page.goto(home + path)
        if page.locator("svg.fig").count():
            return
    pytest.skip("no page has a figure yet")


def test_the_palette_follows_the_system_until_the_reader_chooses(page: Page, home: str):
    page.emulate_media(color_scheme="dark")
    page.goto(home)
    assert scheme_of(page) == "slate"


def test_the_palette_switch_changes_figures_and_lasts_in_both_editions(page: Page, home: str):
    with_figure(page, home)
    light = page.evaluate(TEXT_COLOURS)
    page.locator("label[for^=__palette]:visible").click()
    assert scheme_of(page) == "slate"
    assert not set(light) & set(page.evaluate(TEXT_COLOURS))
    page.reload()
    assert scheme_of(page) == "slate"
    page.locator("header a[hreflang]").click()
    page.wait_for_load_state()
    assert scheme_of(page) == "slate"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_keyboard_stops_at_the_switch_that_is_seen(page: Page, home: str, scheme: str):
    page.emulate_media(color_scheme=scheme)
    page.goto(home)
    switch = page.locator("[name=__palette]:focus + label")
    for _ in range(10):
        page.keyboard.press("Tab")
        if switch.count():
            break
    assert switch.is_visible()
    page.keyboard.press("ArrowRight")
    page.wait_for_function("document.querySelector('[name=__palette]:focus + label').offsetWidth")
    assert scheme_of(page) == {"light": "slate", "dark": "default"}[scheme]


def test_the_language_link_leads_there_and_back(page: Page, home: str):
    inner = next(path for path in reversed(page_paths()) if path.startswith("zh/"))
    page.goto(home + inner)
    for path in (inner.removeprefix("zh/"), inner):
        page.locator("header a[hreflang]").click()
        page.wait_for_url(home + path)


@pytest.mark.parametrize(("edition", "word"), [("en", "cache"), ("zh", "缓存"), ("zh", "cache")])
def test_the_search_finds_a_word_and_leads_to_it(page: Page, home: str, edition: str, word: str):
    page.goto(home + EDITIONS[edition])
    page.locator(".md-search__input").click()
    page.keyboard.insert_text(word)
    page.keyboard.press("End")  # the search waits for a key
    found = page.locator(".md-search-result__link").first
    found.wait_for()
    found.click()
    page.wait_for_load_state()
    # a word may stand in the tab that is not open
    assert word in page.locator("article").text_content().lower()
    assert edition_of(page.url.removeprefix(home)) == edition
