"""The calculator on its page says what Python says: each bit of it, and in the page's words."""

import base64
import itertools
import json
import math
import random
import struct
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from browser.built_site import EDITIONS, need_site
from browser.windows import VIEWS
from membound.cost.calculator import estimate
from membound.cost.case import own_weights, refusal
from membound.cost.options import CACHES, ENGINES, OWN_BITS, case, weight_formats
from membound.cost.tables import devices, find_device, find_model, models
from membound.page.calculator import FIELDS, OF_MODEL
from membound.units import GIB

pytestmark = [pytest.mark.site, pytest.mark.browser]

RUN = """async ([script, cases]) => {
  const { estimate } = await import(script);
  const view = new DataView(new ArrayBuffer(8));
  const write = (x) => {
    if (typeof x === "object") return Object.keys(x).sort().flatMap((key) => write(x[key]));
    if (typeof x !== "number") return [x];
    view.setFloat64(0, x);
    return [view.getBigUint64(0).toString(16).padStart(16, "0")];
  };
  return JSON.parse(cases).map((given) => {
    try { return write(estimate(given)); } catch (e) {
      if (e instanceof RangeError) return ["raises"];
      throw e;
    }
  });
}"""

SHOWN = """() => [...document.querySelectorAll(".calculator dd")]
  .map((dd) => [dd.dataset.name, dd.textContent])"""
TOO_FAR_RIGHT = """() => [...document.querySelectorAll(".calculator *")]
  .filter((e) => e.getBoundingClientRect().right > innerWidth).map((e) => e.outerHTML)"""


def bits(x) -> list:
    """All numbers of an answer, in the order of their names, as their 64 bits in hex."""
    if isinstance(x, dict):
        return [part for _, held in sorted(x.items()) for part in bits(held)]
    return [x if isinstance(x, str | bool) else struct.pack(">d", x).hex()]


def in_python(given: dict) -> list:
    try:
        return bits(estimate(given))
    except (ZeroDivisionError, OverflowError, ValueError):
        return ["raises"]


def grid() -> list[dict]:
    """Every model in every engine, and every device, format and load with them in turn."""
    turns = {
        "device": itertools.cycle(devices().values()),
        "cache": itertools.cycle(CACHES),
        "gpus": itertools.cycle([1.0, 2.0, 4.0, 8.0]),
        "concurrency": itertools.cycle([1.0, 7.0, 64.0, 333.0, 3.0]),
        "context": itertools.cycle([512.0, 8191.0, 40_000.0, 131_072.0, 1000.0, 2.0, 4097.0]),
    }
    made = []
    for spec, engine in itertools.product(models().values(), ENGINES):
        for weights in weight_formats(spec) * 2:
            turn = {name: next(turn) for name, turn in turns.items()}
            device, cache = turn.pop("device"), turn.pop("cache")
            turn["answer"] = turn["context"] // 2
            made.append(case(spec, weights, cache, device, engine, **turn))
    return made


def anything(count: int) -> list[dict]:
    """Numbers that no table has: odd shares, fractions, and models that nobody has trained."""
    rng = random.Random(0)
    known = grid()
    made = []
    for _ in range(count):
        given = dict(rng.choice(known))
        for name in rng.sample(list(FIELDS), 6):
            _words, least, most, whole = FIELDS[name]
            most = min(most, 1e6)
            number = math.exp(rng.uniform(math.log(max(least, 0.5)), math.log(most)))
            if name in given:
                given[name] = float(round(number)) if whole else number
        made.append(given)
    return made


@pytest.fixture(scope="module")
def page(browser: Browser, home: str) -> Iterator[Page]:
    need_site()
    window = browser.new_context(reduced_motion="reduce", **VIEWS["desktop"])
    page = window.new_page()
    page.goto(f"{home}sizing/")
    yield page
    window.close()


def test_thousands_of_cases_are_equal_bit_for_bit(page: Page):
    cases = grid() + anything(3000)
    script = page.evaluate("new URL('../assets/formulas.mjs', location.href).href")
    found = page.evaluate(RUN, [script, json.dumps(cases)])
    expected = [in_python(given) for given in cases]
    assert len(cases) > 4000
    wrong = [
        n for n, (ours, theirs) in enumerate(zip(expected, found, strict=True)) if ours != theirs
    ]
    assert wrong == [], cases[wrong[0]]
    assert sum(answer == ["raises"] for answer in expected) < len(cases) / 10


def test_a_factor_that_is_off_by_its_last_bit_is_found_in_every_case(page: Page):
    cases = grid()[::7]
    source = page.evaluate("fetch('../assets/formulas.mjs').then(reply => reply.text())")
    nudged = source.replace("1073741824.0", repr(math.nextafter(1073741824.0, math.inf)), 1)
    assert nudged != source
    script = "data:text/javascript;base64," + base64.b64encode(nudged.encode()).decode()
    found = page.evaluate(RUN, [script, json.dumps(cases)])
    assert all(ours != in_python(given) for ours, given in zip(found, cases, strict=True))


def choose(page: Page, home: str, edition: str = "en", **state: object) -> None:
    """Open the page at an address that holds these choices."""
    page.goto("about:blank")
    text = "&".join(f"{name}={value}" for name, value in state.items())
    page.goto(f"{home}{EDITIONS[edition]}sizing/#{text}")
    page.wait_for_selector(".calculator .verdict")


def gathered(page: Page) -> dict:
    script = "import(new URL('../assets/calculator.mjs', location.href))"
    return page.evaluate(f"{script}.then(module => module.gather().inputs)")


@pytest.mark.parametrize(
    ("model", "weights", "cache", "device", "engine", "load"),
    [
        (
            "llama-3.1-8b",
            "Q4_K_M",
            "q8_0",
            "rtx-4090",
            "llama.cpp",
            {"context": 4096, "answer": 100},
        ),
        ("deepseek-v3", "fp8", "fp8", "h200-sxm", "vllm", {"gpus": 8, "concurrency": 50}),
        ("gpt-oss-20b", "mxfp4", "f16", "l4", "exact", {"concurrency": 1, "memory_percent": 71.5}),
        ("gemma-3-27b", "int8", "f16", "a100-80gb-sxm", "llama.cpp", {"chunk": 300, "kept_gib": 2}),
    ],
)
def test_what_is_chosen_on_the_page_is_what_python_is_given(
    page: Page, home: str, model, weights, cache, device, engine, load
):
    choose(page, home, model=model, weights=weights, kv=cache, device=device, engine=engine, **load)
    expected = case(find_model(model), weights, cache, find_device(device), engine, **load)
    found = gathered(page)
    assert {name: found[name] for name in expected} == expected


def test_a_reader_s_own_numbers_go_into_the_formulas(page: Page, home: str):
    none = ("expert_parameters", "experts", "experts_per_token", "kv_lora_rank", "rope_head_dim")
    own = dict.fromkeys(OF_MODEL, 64) | dict.fromkeys((*none, "window_layers", "window"), 0)
    own |= {"parameters": 7e9, "context_limit": 50_000}
    choose(page, home, model="own", weights="int4", tied="yes", **own)
    found = gathered(page)
    numbers = [
        float(own[n]) for n in ("parameters", "expert_parameters", "experts", "experts_per_token")
    ]
    sizes = (float(own["vocab_size"]), float(own["hidden_size"]), True, OWN_BITS["int4"])
    expected = {name: own[name] for name in OF_MODEL} | own_weights(*numbers, *sizes)
    assert {name: found[name] for name in expected} == expected
    assert page.locator("[data-part=of_model]").evaluate("details => details.open")


@pytest.mark.parametrize("edition", EDITIONS)
def test_the_answer_is_shown_in_the_page_s_words(page: Page, home: str, edition: str):
    choose(page, home, edition, concurrency=16)
    found = estimate(
        case(
            find_model("llama-3.1-8b"),
            "bf16",
            "f16",
            find_device("h100-sxm"),
            "vllm",
            concurrency=16.0,
        )
    )
    shown = dict(page.evaluate(SHOWN))
    memory = found["memory"]
    assert shown["part-cache"].startswith(f"{memory['cache'] / GIB:.3g} GiB")
    assert shown["part-total"].startswith(f"{memory['total'] / GIB:.3g} GiB")
    assert shown["largest"] == f"{found['largest_concurrency']:,.0f}"
    assert shown["longest"] == f"{found['longest_context']:,.0f}"
    assert shown["tpot"] == f"{1000 * found['decode']['seconds']:.3g} ms"
    assert shown["all"] == f"{found['tokens_per_s']:,.0f}"
    verdict = page.locator(".verdict").text_content()
    assert {"en": "Memory binds", "zh": "卡在内存带宽"}[edition] in verdict
    assert f"{found['changed_per_s']:,.0f}" in verdict
    assert "{" not in verdict
    assert "undefined" not in page.locator("#calculator").text_content()


def test_the_address_holds_the_state_and_gives_it_back(page: Page, home: str):
    choose(page, home)
    page.select_option("[name=model]", "qwen3-32b")
    page.select_option("[name=gpus]", "2")
    page.fill("[name=concurrency]", "33")
    page.locator("[data-part=assumed] summary").click()
    page.fill("[name=memory_percent]", "77.5")
    link = page.evaluate("location.href")  # page.url lags behind
    verdict = page.locator(".verdict").text_content()
    again = page.context.new_page()
    again.goto(link)
    again.wait_for_selector(".calculator .verdict")
    assert again.locator(".verdict").text_content() == verdict
    held = {
        name: again.locator(f"[name={name}]").input_value()
        for name in ("model", "gpus", "concurrency", "memory_percent")
    }
    assert held == {
        "model": "qwen3-32b",
        "gpus": "2",
        "concurrency": "33",
        "memory_percent": "77.5",
    }
    again.close()


def test_an_edit_of_a_known_model_makes_it_the_reader_s_own(page: Page, home: str):
    choose(page, home, model="qwen3-8b")
    page.locator("[data-part=of_model] summary").click()
    page.fill("[name=kv_heads]", "32")
    assert page.locator("[name=model]").input_value() == "own"
    found = gathered(page)
    assert (found["kv_heads"], found["layers"], found["parameters"]) == (32, 36, 8_190_735_360)


@pytest.mark.parametrize("typed", ["", "many", "-3", "1.5", "0", "1e99", "NaN", "<b>"])
def test_a_number_that_cannot_be_is_told_kindly_and_the_last_one_stays(
    page: Page, home: str, typed: str
):
    choose(page, home, concurrency=5)
    verdict = page.locator(".verdict").text_content()
    page.fill("[name=concurrency]", typed)
    assert (
        "a whole number from 1 to 65,536 fits here"
        in page.locator("#told-concurrency").text_content()
    )
    assert page.locator("[name=concurrency]").get_attribute("aria-invalid") == "true"
    assert page.locator(".verdict").text_content() == verdict
    page.fill("[name=concurrency]", "6")
    assert page.locator("#told-concurrency").text_content() == ""


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ({"context": 200_000}, "at most 131,072 tokens"),
        ({"answer": 8192}, "fewer than 8,192 tokens"),
        ({"gpus": 64}, "64 GPUs"),
        ({"engine": "llama.cpp", "gpus": 2}, "choose 1 GPU"),
        ({"model": "nonsense", "gpus": "x"}, "It fits"),
        ({"device": "l4"}, "It does not fit"),
        ({"device": "m4-max"}, "It fits"),
        ({"kv": "q8_0"}, "vllm has no cache in q8_0: choose f16, fp8, or another engine"),
        ({"context": 131_072, "concurrency": 65_536}, "Of this context 3 fit. No group"),
        (
            {"model": "deepseek-v3", "weights": "fp8", "device": "h200-sxm", "gpus": 8}
            | {"context": 32_768, "concurrency": 64},
            "3 groups as large as this one",
        ),
        (
            {"model": "gemma-3-27b", "weights": "Q4_K_M", "device": "rtx-4090"}
            | {"engine": "llama.cpp", "context": 131_072, "concurrency": 1},
            "not one fits, but 1 of 90,624 tokens. llama.cpp can share whole layers",
        ),
    ],
)
def test_each_state_has_a_sentence(page: Page, home: str, state: dict, words: str):
    choose(page, home, **state)
    assert words in page.locator(".verdict").text_content()


def test_thousands_may_be_set_apart_as_the_page_sets_them(page: Page, home: str):
    choose(page, home)
    for typed, number in (("16,384", 16_384), ("1 024", 1024), ("65，536", 65_536)):
        page.fill("[name=context]", typed)
        assert page.locator("#told-context").text_content() == ""
        assert gathered(page)["context"] == number
    for name, typed in (("context", "8,19"), ("price_per_hour", "2,500")):
        page.fill(f"[name={name}]", typed)
        assert "fits here" in page.locator(f"#told-{name}").text_content()


def test_where_nothing_fits_it_says_what_would(page: Page, home: str):
    inputs = case(find_model("llama-3.1-70b"), "bf16", "f16", find_device("h100-sxm"), "vllm")
    assert refusal(inputs) == ""
    choose(page, home, model="llama-3.1-70b")
    assert (
        f"{estimate(inputs)['gpus_needed']:.0f} such GPUs would hold it"
        in page.locator(".verdict").text_content()
    )


def test_with_all_its_parts_open_it_stays_within_a_phone(browser: Browser, home: str):
    window = browser.new_context(**VIEWS["phone"])
    page = window.new_page()
    page.goto(f"{home}zh/sizing/#device=own&model=own&context=abc")
    page.wait_for_selector(".calculator .verdict")
    page.evaluate("document.querySelectorAll('.calculator details').forEach(d => d.open = true)")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.evaluate(TOO_FAR_RIGHT) == []
    window.close()


def test_without_javascript_the_table_has_python_s_numbers(browser: Browser, home: str):
    window = browser.new_context(java_script_enabled=False)
    page = window.new_page()
    page.goto(f"{home}sizing/")
    assert "needs JavaScript" in page.locator("#calculator").inner_text()
    rows = page.locator("table", has_text="TPOT, ms").first.locator("tbody tr").all()
    assert len(rows) >= 10
    for row in rows:
        cells = row.locator("td").all_text_contents()
        model, weights = cells[0].split()
        gpus, device = cells[1].split(" × ")
        concurrency, context = (
            float(text.replace(",", "")) for text in cells[2].split("\u00a0×\u00a0")
        )
        load = {"gpus": float(gpus), "concurrency": concurrency, "context": context}
        engine = "llama.cpp" if weights == "Q4_K_M" else "vllm"
        found = estimate(
            case(find_model(model), weights, "f16", find_device(device), engine, **load)
        )
        assert cells[3:] == [
            f"{found['memory']['total'] / GIB:.1f}",
            "yes" if found["fits"] else "no",
            f"{found['largest_concurrency']:,.0f}",
            f"{1000 * found['decode']['seconds']:.1f}",
            f"{found['tokens_per_s']:,.0f}",
        ]
    window.close()
