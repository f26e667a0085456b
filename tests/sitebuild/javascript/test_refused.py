"""What is outside the subset is refused with its place and a way out; nothing is guessed."""

import pytest

from sitebuild.javascript.module import transcribe
from sitebuild.javascript.refused import OutsideSubsetError

INSIDE = {  # one expression of a float x each
    "x ** 2": "multiply, or use math.sqrt",
    "x // 2.0": "write math.floor(a / b)",
    "x % 2.0": "write a - b * math.floor(a / b)",
    "sum((x, x))": "formulas call the functions above them, min, max",
    "round(x)": "formulas call the functions above them, min, max",
    "math.exp(x)": "formulas call the functions above them, min, max",
    "min((x, 2.0))": "formulas call the functions above them, min, max",
    "max(x, 2.0, key=abs)": "formulas call the functions above them, min, max",
    "[x]": "return a tuple or a dict",
    "[y for y in (x, x)]": "write the terms out",
    "f'{x}'": "return a plain text as a code",
    "None": "formulas are arithmetic",
    "x is None": "compare numbers with == or <",
    "x in (1.0, 2.0)": "compare with == and join with `or`",
    "(y := x)": "assign on a line of its own",
    "~1": "formulas are arithmetic",
    "x and 2.0": "`x` is not true or false: compare it, as in x != 0.0",
    "not x": "`x` is not true or false",
    "1.0 if x else 2.0": "`x` is not true or false",
    "(x > 1.0) + 1.0": "`x > 1.0` is not a number",
    "min(x, x > 1.0)": "`x > 1.0` is not a number",
    "'a' < 'b'": "the languages order differently",
    "x == 'a'": "the languages order differently",
    "x == (x > 1.0)": "the languages order differently",
    "1.0 if x > 1.0 else 'a'": "differ in kind",
    "math.floor(x) * 3": "make one a float, as in 2.0 or float(math.floor(x))",
    "math.floor(x) + max(1, x)": "both sides of `math.floor(x) + max(1, x)` may be whole",
    "-math.floor(x)": "multiply by -1.0",
    "-0": "multiply by -1.0",
    "9007199254740993": "9007199254740993 is above 2**53: write it as a float",
    "{'a': x, 'a': x}": "the field 'a' is given twice",
    "{'__proto__': x}": "a text that reads as a name",
    "{'2': x, '1': x}": "a text that reads as a name",
    "{**x}": "formulas are arithmetic",
    "{**x, 'a': 1.0}": "no field 'a' of this kind to change",
    "(x, x)[2]": "there is no such part",
    "(x, x)[True]": "there is no such part",
    "{'a': x}['b']": "there is no such part",
    "unknown": "`unknown` is not a value on every way to here",
    "x(2.0)": "`x` is a value here and cannot be called",
    "x > 1.0 and {'a': x}": "is not true or false",
    "min(g, x)": "`g` is not a value on every way to here",
}

BODIES = {  # statements of a function, and the line that is told
    "for i in (1, 2):\n  x = x + 1.0\nreturn x": (3, "write the terms out, or take their sum"),
    "while x > 1.0:\n  x = x / 2.0\nreturn x": (3, "write a closed form"),
    "raise ValueError(x)": (3, "before the formulas are called"),
    "assert x > 0.0\nreturn x": (3, "before the formulas are called"),
    "if x > 1.0:\n  return x": (2, "f does not return on every way through"),
    "return": (3, "formulas are arithmetic"),
    "return x\nreturn 2.0": (4, "no way leads here"),
    "if x > 1.0:\n  y = 1.0\nreturn y": (5, "`y` is not a value on every way to here"),
    "if x > 1.0:\n  y = 1.0\nelse:\n  y = 'a'\nreturn y": (7, "`y` is not a value on every way"),
    "if x > 1.0:\n  return x\nreturn 'none'": (5, "`'none'` is not what is returned above"),
    "if x > 1.0:\n  return {'a': x}\nreturn {'b': x}": (5, "is not what is returned above"),
    "a, b = (x, x, x)\nreturn a": (3, "cannot assign to `(a, b)` here"),
    "a, b = x\nreturn a": (3, "cannot assign to `(a, b)` here"),
    "a = b = x\nreturn a": (3, "formulas are arithmetic"),
    "x.y = 2.0\nreturn x": (3, "cannot assign to `x.y` here"),
    "max = x\nreturn max": (3, "`max` is Python's own"),
    "y = K\nK = 2.0\nreturn y": (3, "`K` is not a value on every way to here"),
    "return {'a': f(x)}": (2, "f calls itself, and must return a float then"),
}

MODULES = {
    "import numpy": "formulas are arithmetic",
    "from math import sqrt": "`sqrt` is not, by this name, in the modules before this one",
    "class A:\n  pass": "return a dict",
    "class A(TypedDict):\n  x: int": "a field is one of float, bool, str",
    "class A(TypedDict):\n  x: float = 1.0": "formulas are arithmetic",
    "class A(TypedDict):\n  __proto__: float": "a field is one of",
    "class A(TypedDict):\n  x: float\ndef f(a: A):\n  return a['y']": "there is no such part",
    "class A(TypedDict):\n  x: float\ndef f(a: A):\n  return {**a, 'y': 1.0}": "no field 'y'",
    "class A(TypedDict):\n  x: float\ndef f(a: A):\n  return {**a, 'x': 1}": "no field 'x'",
    "class A(TypedDict):\n  x: float\ndef f(a: A):\n  return {'x': 1.0, **a}": "reads as a name",
    "class A(TypedDict):\n  x: float\ndef f(a: A):\n  return a\ndef g(x):\n  return f(x)": (
        "f's a is a record"
    ),
    "min = 2.0": "the name `min` is taken",
    "a = 1.0\na = 2.0": "the name `a` is taken",
    "def f(*x):\n  return 1.0": "no decorator, no * and no ** parameter",
    "@cache\ndef f(x):\n  return x": "no decorator",
    "def f(x: int):\n  return x": "`x` is int: a formula takes float, bool, str",
    "def f(x=1):\n  return x": "`x` is a float, its default 1 is not",
    "def f(math):\n  return math": "`math` is Python's own",
    "def f(x):\n  return x\ndef g(x):\n  return f(math.floor(x))": "f's x is a float",
    "def f(x):\n  return x\ndef g(x):\n  return f(x, x)": "f takes x",
    "def f(x):\n  return x\ndef g(x):\n  return f()": "f takes x",
    "def f(x):\n  return x\ndef g(x):\n  return f(x, x=x)": "f takes x",
    "def f(x):\n  return x\ndef g(x):\n  return f(**x)": "f takes x",
    "def f(x):\n  return x\ndef g(x):\n  return f(*x)": "write the arguments out",
    "def f(x):\n  return x\ndef g(f):\n  return f(1.0)": "`f` is a value here",
    "def g(x):\n  return h(x)\ndef h(x):\n  return x": "formulas call the functions above them",
}


def refusal(source: str) -> OutsideSubsetError:
    with pytest.raises(OutsideSubsetError) as told:
        transcribe({"src/formulas.py": source})
    return told.value


@pytest.mark.parametrize(("expression", "instead"), INSIDE.items())
def test_an_expression_that_the_languages_read_differently_is_refused(expression, instead):
    error = refusal(f"import math\n\ndef g(x):\n  return {expression}\n")
    assert (error.line, instead in error.why) == (4, True), str(error)


@pytest.mark.parametrize(("body", "told"), BODIES.items())
def test_a_statement_outside_the_subset_is_refused_at_its_line(body, told):
    lines = "".join(f"  {line}\n" for line in body.splitlines())
    error = refusal(f"K = 1.0\ndef f(x):\n{lines}")
    assert (error.line, told[1] in error.why) == (told[0], True), str(error)


@pytest.mark.parametrize(("source", "instead"), MODULES.items())
def test_a_module_outside_the_subset_is_refused(source, instead):
    assert instead in str(refusal(source))


def test_a_refusal_names_the_file_and_the_line():
    with pytest.raises(OutsideSubsetError, match=r"^src/b\.py:2: `x \*\* 2.0` cannot become"):
        transcribe({"src/a.py": "A = 1.0", "src/b.py": "def f(x):\n  return x ** 2.0\n"})


def test_what_is_not_python_is_refused_at_its_line():
    with pytest.raises(OutsideSubsetError, match=r"^src/a\.py:2: .* it is not Python$"):
        transcribe({"src/a.py": "A = 1.0\nB = = 2.0\n"})
