"""What holds of every page: in both editions, in both windows, in both palettes."""

from importlib.util import find_spec
from pathlib import Path

import pytest
from playwright.sync_api import Keyboard

from browser.built_site import edition_of
from browser.windows import Opened

pytestmark = [pytest.mark.site, pytest.mark.browser]

AXE = Path(find_spec("axe_playwright_python").origin).with_name("axe.min.js")
COLOURS = {"runOnly": ["color-contrast", "link-in-text-block"]}
ALL_BUT_COLOURS = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "rules": {rule: {"enabled": False} for rule in COLOURS["runOnly"]},
}

TOO_WIDE = """() => {
  const width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= width) return [];
  return [...document.querySelectorAll("body *")]
    .filter(e => e.getBoundingClientRect().right > width + 1)
    .slice(0, 5).map(e => e.outerHTML.slice(0, 120));
}"""
REPEATED_IDS = """() => {
  const ids = [...document.querySelectorAll("[id]")].map(e => e.id);
  return ids.filter((id, i) => ids.indexOf(id) !== i);
}"""
FIGURE_TEXTS = """() => [...document.querySelectorAll("svg.fig text")]
  .filter(text => text.getClientRects().length)
  .map(text => {
    const matrix = text.getScreenCTM();
    const size = parseFloat(getComputedStyle(text).fontSize) * Math.hypot(matrix.a, matrix.b);
    const box = text.getBoundingClientRect();
    return { text: text.textContent, size, out: box.left < -1 || box.right > innerWidth + 1 };
  })"""
UNNAMED_FIGURES = """() => [...document.querySelectorAll("svg[role=img]")]
  .filter(svg => (svg.getAttribute("aria-labelledby") || "none").split(" ")
    .some(id => !document.getElementById(id)?.textContent.trim()))
  .map(svg => svg.outerHTML.slice(0, 120))"""
DRAWINGS_SHOWN = """() => [...document.querySelectorAll("figure.fig-box")]
  .map(figure => [...figure.querySelectorAll("svg.fig")]
    .filter(svg => svg.getClientRects().length).length)"""
VIOLATIONS = """async ([rules, where]) => (await axe.run(
    where ? document.querySelectorAll(where) : document,
    { ...rules, resultTypes: ["violations"], elementRef: false })).violations
  .filter(v => ["serious", "critical"].includes(v.impact))
  .map(v => `${v.id} (${v.impact}), ${v.nodes.length} times: ` +
            v.nodes.slice(0, 3).map(n => n.html.slice(0, 160)).join("\\n    "))"""
# axe takes seconds for the colours of a long page: it looks at two texts of each look.
MARK_SAMPLES = """() => {
  const behind = element => {
    for (; element; element = element.parentElement) {
      const colour = getComputedStyle(element).backgroundColor;
      if (!/, 0\\)$/.test(colour)) return colour;
    }
  };
  const times = {};
  for (const element of document.querySelectorAll("body *")) {
    const texts = [...element.childNodes].filter(n => n.nodeType === Node.TEXT_NODE);
    if (!texts.some(n => n.data.trim()) || !element.getClientRects().length) continue;
    const { color, fill, opacity, fontSize, fontWeight } = getComputedStyle(element);
    const look = [element.tagName, color, fill, opacity, fontSize, fontWeight, behind(element)];
    times[look] = (times[look] || 0) + 1;
    element.toggleAttribute("data-sample", times[look] <= 2);
  }
  return Object.keys(times).length;
}"""
FOCUSED = """() => {
  const e = document.activeElement;
  if (!e || e === document.body) return null;
  // The theme draws a radio button as a label: a tab's is its own, the palette's is the next one.
  const tab = e.closest(".tabbed-set")?.querySelector(`label[for="${e.id}"]`);
  const seen = e.matches("input[type=radio]") ? tab || e.nextElementSibling : e;
  const box = seen.getBoundingClientRect(), style = getComputedStyle(seen);
  return {
    name: `${e.tagName}.${e.className} ${(e.textContent || e.ariaLabel || "").trim().slice(0, 40)}`,
    visible: box.width > 0 && box.height > 0 && box.bottom > 0 && box.top < innerHeight &&
      box.right > 0 && box.left < innerWidth &&
      seen.checkVisibility({ opacityProperty: true, visibilityProperty: true }),
    marked: (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0) ||
      style.boxShadow !== "none" || e.matches("input[type=text]"), // it has a caret
    first: e.dataset.first ? true : (e.dataset.first = "yes", false),
  };
}"""


def test_a_page_loads_from_this_site_alone_and_without_an_error(opened: Opened):
    assert opened.problems == []


def test_a_page_is_never_wider_than_the_screen(opened: Opened):
    assert opened.page.evaluate(TOO_WIDE) == []


def test_an_id_is_used_once(opened: Opened):
    assert opened.page.evaluate(REPEATED_IDS) == []


def test_a_page_has_a_title_one_heading_and_its_language(opened: Opened):
    page = opened.page
    assert page.title().strip()
    assert page.locator("h1").count() == 1
    assert page.evaluate("document.documentElement.lang").split("-")[0] == edition_of(opened.path)


def test_every_image_has_a_text_for_those_who_do_not_see_it(opened: Opened):
    assert opened.page.evaluate("[...document.images].every(i => i.hasAttribute('alt'))")
    assert opened.page.evaluate(UNNAMED_FIGURES) == []


def test_the_text_of_figures_is_large_enough_and_within_the_screen(opened: Opened):
    least = {"desktop": 10, "phone": 9}[opened.view]
    texts = opened.page.evaluate(FIGURE_TEXTS)
    assert [text for text in texts if text["size"] < least] == []
    assert [text for text in texts if text["out"]] == []


def test_each_figure_shows_one_of_its_two_drawings(opened: Opened):
    assert set(opened.page.evaluate(DRAWINGS_SHOWN)) <= {1}


def test_the_language_link_leads_to_the_same_page(opened: Opened):
    if opened.path == "404.html":
        pytest.skip("any address can show it")
    other = "" if edition_of(opened.path) == "zh" else "zh/"
    links = opened.page.locator("header a[hreflang]")
    assert links.count() == 1
    leads_to = links.evaluate("link => link.href")
    assert leads_to == opened.home + other + opened.path.removeprefix("zh/")


def test_axe_finds_nothing_serious(opened: Opened):
    opened.page.evaluate(AXE.read_text(encoding="utf-8"))
    assert opened.page.evaluate(VIOLATIONS, [ALL_BUT_COLOURS, None]) == []


@pytest.mark.parametrize("scheme", ["default", "slate"])
def test_texts_stand_out_from_what_is_behind_them(opened: Opened, scheme: str):
    opened.page.evaluate(AXE.read_text(encoding="utf-8"))
    opened.use_palette(scheme)
    assert opened.page.evaluate(MARK_SAMPLES) >= 5
    assert opened.page.evaluate(VIOLATIONS, [COLOURS, "[data-sample]"]) == []


def test_the_keyboard_reaches_only_what_is_seen_and_shows_where_it_is(
    opened: Opened, keyboard: Keyboard
):
    keyboard.press("Tab")
    stops = []
    while (stop := opened.page.evaluate(FOCUSED)) and not stop["first"] and len(stops) < 150:
        stops.append(stop)
        keyboard.press("Tab")
    assert len(stops) >= 5
    assert [stop["name"] for stop in stops if not stop["visible"]] == []
    assert [stop["name"] for stop in stops if not stop["marked"]] == []
