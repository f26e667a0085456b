"""A page in a window of the browser, and what went wrong in it."""

from dataclasses import dataclass, field

from playwright.sync_api import BrowserContext, Page

VIEWS = {
    "desktop": {"viewport": {"width": 1280, "height": 800}},
    "phone": {
        "viewport": {"width": 360, "height": 740},
        "device_scale_factor": 2,
        "has_touch": True,
        "is_mobile": True,
    },
}


@dataclass
class Opened:
    """A page in a window, and what went wrong while it loaded."""

    page: Page
    path: str
    view: str
    home: str
    problems: list[str] = field(default_factory=list)

    def use_palette(self, scheme: str) -> None:
        """Click the switch in the header until `scheme` (default or slate) is on."""
        if self.page.evaluate("document.body.dataset.mdColorScheme") != scheme:
            self.page.locator("label[for^=__palette]:visible").click()
            self.page.wait_for_function(f"document.body.dataset.mdColorScheme === '{scheme}'")


def open_page(window: BrowserContext, view: str, home: str, path: str) -> Opened:
    """Load a page; what goes wrong in it is noted in `problems`."""
    opened = Opened(window.new_page(), path, view, home)
    page, problems = opened.page, opened.problems
    page.on("request", lambda r: _note(problems, not _is_ours(r.url, home), f"elsewhere: {r.url}"))
    page.on("requestfailed", lambda r: problems.append(f"failed: {r.url} {r.failure}"))
    page.on("response", lambda r: _note(problems, r.status >= 400, f"{r.status}: {r.url}"))
    page.on("console", lambda m: _note(problems, m.type in ("error", "warning"), m.text))
    page.on("pageerror", lambda error: problems.append(f"uncaught: {error}"))
    page.goto(home + path, wait_until="load")
    page.wait_for_selector("label[for^=__palette]:visible")  # the theme's script has shown it
    return opened


def _note(problems: list[str], wrong: bool, text: str) -> None:
    if wrong:
        problems.append(text)


def _is_ours(url: str, home: str) -> bool:
    return url.startswith((home, "data:", "blob:"))
