"""One browser, one server, a window of each size, and one load of each page in each window."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Keyboard, sync_playwright

from browser.built_site import need_site, page_paths
from browser.chromium import arguments, find_chromium
from browser.site_server import serve
from browser.windows import VIEWS, Opened, open_page


@pytest.fixture(scope="session")
def home() -> Iterator[str]:
    """The address of the served site."""
    with serve(need_site()) as address:
        yield address


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The browser, or a skip that says what is missing."""
    path = find_chromium()
    if path is None:
        pytest.skip("no Chromium here: install one, or name it in CHROMIUM")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=arguments())
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def windows(browser: Browser) -> Iterator[dict[str, BrowserContext]]:
    """A window of each size."""
    made = {
        view: browser.new_context(color_scheme="light", reduced_motion="reduce", **options)
        for view, options in VIEWS.items()
    }
    for window in made.values():
        window.set_default_timeout(60_000)
    yield made
    for window in made.values():
        window.close()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Every page in every window; at the desk alone for a test that asks for `keyboard`."""
    if "opened" in metafunc.fixturenames:
        views = ["desktop"] if "keyboard" in metafunc.fixturenames else list(VIEWS)
        pairs = [(view, path) for view in views for path in page_paths()]
        labels = [f"{view}:{path or 'home'}" for view, path in pairs]
        metafunc.parametrize("opened", pairs, ids=labels, indirect=True, scope="module")


@pytest.fixture(scope="module")
def opened(
    request: pytest.FixtureRequest, home: str, windows: dict[str, BrowserContext]
) -> Iterator[Opened]:
    """One page in one window, loaded once for all tests of it."""
    view, path = request.param
    opened = open_page(windows[view], view, home, path)
    yield opened
    opened.page.close()


@pytest.fixture
def keyboard(opened: Opened) -> Keyboard:
    """The keyboard of the window."""
    return opened.page.keyboard


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo) -> Iterator[None]:
    """Keep a picture of the page that failed."""
    report = yield
    opened = getattr(item, "funcargs", {}).get("opened")
    if call.when == "call" and report.failed and opened and not opened.page.is_closed():
        folder = Path(item.config.rootpath, "test-results")
        folder.mkdir(exist_ok=True)
        opened.page.screenshot(
            path=folder / f"{re.sub(r'[^a-z0-9]+', '-', item.name)}.png", full_page=True
        )
    return report
