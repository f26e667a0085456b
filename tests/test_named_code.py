"""Pages name code as `path#symbol`: a name that has moved or gone is found here."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BLOCKS = ("cheat_sheet.py", "wrong_calculators.py")
PLACE = re.compile(r'"((?:src|tests)/[\w/]+\.py)#([\w.]+)"')


def places(block: str) -> list[tuple[str, str]]:
    """What a page's block names, path and symbol."""
    text = (ROOT / "docs" / "blocks" / block).read_text("utf-8")
    return PLACE.findall(text)


def defines(source: str, symbol: str) -> bool:
    """Whether a module defines a function or class, or with a dot a class its method."""
    body = ast.parse(source).body
    for name in symbol.split("."):
        named = (node for node in body if getattr(node, "name", None) == name)
        found = next(named, None)
        if found is None:
            return False
        body = getattr(found, "body", [])
    return True


@pytest.mark.parametrize("block", BLOCKS)
def test_the_code_that_a_page_names_is_there(block):
    missing = [
        f"{path}#{symbol}"
        for path, symbol in places(block)
        if not (ROOT / path).is_file() or not defines((ROOT / path).read_text("utf-8"), symbol)
    ]
    assert not missing


def test_the_cheat_sheet_names_code_for_every_row():
    text = (ROOT / "docs" / "blocks" / "cheat_sheet.py").read_text("utf-8")
    rows = [
        node
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Row"
    ]
    assert len(rows) > 30
    assert all(row.args[4].elts for row in rows)
    assert len(places("cheat_sheet.py")) == sum(len(row.args[4].elts) for row in rows)


@pytest.mark.parametrize(
    ("symbol", "there"),
    [("outer", True), ("Thing", True), ("Thing.method", True), ("inner", False), ("NAME", False)],
)
def test_only_what_a_module_defines_at_its_top_counts(symbol, there):
    source = (
        "NAME = 1\ndef outer():\n    def inner(): pass\nclass Thing:\n    def method(self): pass\n"
    )
    assert defines(source, symbol) is there
