"""Formulas in Chromium give what they give in Python: each bit of it, or an error in both."""

import base64
import json
import math
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from playwright.sync_api import Browser, Page

from sitebuild.javascript.module import transcribe

pytestmark = pytest.mark.browser

RUN = """async ([source, calls]) => {
  const read = (hex) => {
    const view = new DataView(new ArrayBuffer(8));
    view.setBigUint64(0, BigInt("0x" + hex));
    return view.getFloat64(0);
  };
  const write = (x) => {
    if (typeof x !== "number") return x === null || typeof x !== "object" ? x
      : Array.isArray(x) ? x.map(write)
      : Object.fromEntries(Object.entries(x).map(([key, held]) => [key, write(held)]));
    if (Number.isNaN(x)) return "nan";
    const view = new DataView(new ArrayBuffer(8));
    view.setFloat64(0, x);
    return view.getBigUint64(0).toString(16).padStart(16, "0");
  };
  const module = await import("data:text/javascript;base64," + source);
  return calls.map(([name, given]) => {
    try { return write(module[name](...given.map(read))); } catch (e) {
      if (e instanceof RangeError) return "raises";
      throw e;
    }
  });
}"""


def bits(x: object) -> object:
    """A float as its 64 bits in hex, so that -0 is not 0; JSON has no such numbers."""
    if isinstance(x, dict):
        return {key: bits(value) for key, value in x.items()}
    if isinstance(x, tuple):
        return [bits(value) for value in x]
    if isinstance(x, str | bool):
        return x
    return "nan" if math.isnan(x) else struct.pack(">d", x).hex()


def in_python(source: str, calls: list[tuple[str, list[float]]]) -> list[object]:
    module: dict = {}
    exec(source, module)
    found = []
    for name, given_ in calls:
        try:
            found.append(bits(module[name](*given_)))
        except (ZeroDivisionError, OverflowError, ValueError):
            found.append("raises")
    return found


def in_browser(page: Page, source: str, calls: list[tuple[str, list[float]]]) -> list[object]:
    text = base64.b64encode(transcribe({"a.py": source}).encode()).decode()
    given_ = [[name, [struct.pack(">d", x).hex() for x in xs]] for name, xs in calls]
    return page.evaluate(RUN, [text, json.loads(json.dumps(given_))])


@pytest.fixture(scope="module")
def page(browser: Browser):
    page = browser.new_page()
    yield page
    page.close()


EDGES = [
    0.0,
    -0.0,
    1.0,
    -1.5,
    0.1,
    3.0,
    2.0**53,
    1e16,
    5e-324,
    1e308,
    math.inf,
    -math.inf,
    math.nan,
]
PAIRS = [[x, y] for x in EDGES for y in EDGES]

CONSTRUCTS = {
    "division": "return x / y",
    "division by what is written": "return (x / 3, x / 7.0, 1 / 3)",
    "min keeps the first": "return (min(x, y), min(y, x), min(1.0, x, y), min(x, 0))",
    "max keeps the first": "return (max(x, y), max(y, x), max(1.0, x, y), max(0, x))",
    "whole numbers have no -0": "return (math.floor(x), math.ceil(x))",
    "a whole number among floats": "return (math.ceil(x) * 0.5, y - math.floor(x), 0 + x, 0 * x)",
    "square roots": "return math.sqrt(x)",
    "what a number is": "return (math.isfinite(x), math.isinf(x), math.isnan(x))",
    "signs": "return (-x, +x, abs(x), -1, -2.5, 1.0 - -x)",
    "one comparison": "return (x < y, x <= y, x > y, x >= y, x == y, x != y)",
    "chained comparisons": "return (0.0 <= x < y <= 2.0, x == y == 1.0, x < y > 0.5 != x)",
    "and, or, not": "return (x > y and y > 0.0 or not x == 1.0, True and not (x < 0.0))",
    "the order of operations": "return (x - (y - 1.0), x / (y / 3.0) / 2.0, x * y + 0.1, -x * y)",
    "numbers as they are written": "return (1e-05, 1e22, 1e400, 123456789012345680.0, math.pi)",
    "one or the other": "return x + 1.0 if x < y else (y if y > 1.0 else 2)",
    "if and elif": "if x > y:\n  z = x\nelif x == y:\n  return 0.5\nelse:\n  z = y\nreturn z",
    "if without else": "z = x\nif z < 0.0:\n  z = -z\nif y < 0.0:\n  return z\nreturn z + 1.0",
    "a parameter assigned": "x += y\nx *= 2.0\ny: float = x - 1.0\nreturn (x, y)",
    "tuples": "a, b = (y, x)\na, b = b, a\nt = (a, (b, 3.0))\nreturn (t[0], t[1][0] - t[1][1])",
    "records": "r = {'kv': x, 'new': {'of': y}}\nreturn {'a': r['kv'], 'b': r['new']['of'] * 2.0}",
    "texts": "w = 'memory' if x > y else 'back\\\\slash \"é'\nreturn {'w': w, 'is': w == 'memory'}",
    "names that JavaScript reserves": "new = x\nvar = y\nInfinity = new + var\nreturn Infinity",
    "a local like a constant": "K = x\nreturn K * G",
    "calls, by place, by name, by default": "return (g(x), g(x, y), g(b=x, a=y), g(y, b=1.0))",
    "a function that calls itself": "return halved(min(abs(x), 50.0) if x == x else 0.0)",
    "a reserved function": "return delete(x)",
    "a record of a named kind": "c = {'new': x, 'sure': x > y}\nreturn pick({**c, 'new': y})",
}
PREAMBLE = """\
import math
from typing import TypedDict
K = 7.0
G = 1024.0 * 1024.0 * K / 3.0
def g(a: float, b: float = 2.5) -> float:
  return a - b * 3.0
def halved(n):
  if n < 1.0:
    return n
  return halved(n / 2.0) + 1.0
class Case(TypedDict):
  "Words."
  new: float
  sure: bool
def pick(case: Case):
  other = {**case, "sure": not case["sure"]}
  return case["new"] if other["sure"] else -case["new"]
def delete(default):
  return default * 2.0
"""


@pytest.mark.parametrize("name", CONSTRUCTS)
def test_a_construct_gives_the_same_bits_or_an_error_in_both(page: Page, name: str):
    body = "".join(f"  {line}\n" for line in CONSTRUCTS[name].splitlines())
    source = f"{PREAMBLE}def f(x, y):\n{body}"
    calls = [("f", pair) for pair in PAIRS]
    assert in_browser(page, source, calls) == in_python(source, calls)


def test_reserved_names_can_be_called_and_parameters_are_listed(page: Page):
    text = base64.b64encode(transcribe({"a.py": PREAMBLE}).encode()).decode()
    seen = page.evaluate(
        """async (source) => { const m = await import("data:text/javascript;base64," + source);
          return [m.delete(3), m.PARAMETERS, m.K]; }""",
        text,
    )
    listed = {"g": ["a", "b"], "halved": ["n"], "pick": ["case"], "delete": ["default"]}
    assert seen == [6, listed, 7]


NUMBER = st.sampled_from(["a", "b", "c", "0.1", "3.0", "1e300", "5e-324", "2.0"])


def compound(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    pair = st.tuples(inner, inner)
    compared = st.builds(
        lambda ab, op: f"{ab[0]} {op} {ab[1]}",
        pair,
        st.sampled_from(["<", "<=", ">", ">=", "==", "!="]),
    )
    test = compared | st.builds(
        "({} {} not {})".format, compared, st.sampled_from(["and", "or"]), compared
    )
    return st.one_of(
        st.builds(lambda ab, op: f"({ab[0]} {op} {ab[1]})", pair, st.sampled_from("+-*/")),
        st.builds(lambda ab, f: f"{f}({ab[0]}, {ab[1]})", pair, st.sampled_from(["min", "max"])),
        st.builds("({} if {} else {})".format, inner, test, inner),
        st.builds("float(math.{}({}))".format, st.sampled_from(["floor", "ceil"]), inner),
        st.builds("{}({})".format, st.sampled_from(["abs", "-", "math.sqrt"]), inner),
    )


EXPRESSIONS = st.recursive(NUMBER, compound, max_leaves=12)


@settings(max_examples=60)
@given(
    expressions=st.lists(EXPRESSIONS, min_size=20, max_size=20),
    numbers=st.lists(st.tuples(*[st.floats()] * 3), min_size=4, max_size=4),
)
def test_random_expressions_give_the_same_bits(page: Page, expressions, numbers):
    functions = [f"def f{n}(a, b, c):\n  return {text}\n" for n, text in enumerate(expressions)]
    source = "import math\n" + "".join(functions)
    calls = [(f"f{n}", list(xs)) for n in range(len(expressions)) for xs in numbers]
    assert in_browser(page, source, calls) == in_python(source, calls)
