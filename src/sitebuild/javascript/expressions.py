"""One expression: its text in JavaScript, and its kind."""

import ast
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass

from sitebuild.javascript.kinds import (
    BOOL,
    FLOAT,
    NUMBERS,
    TEXT,
    WHOLE,
    Kind,
    Record,
    Row,
    join,
    told,
)
from sitebuild.javascript.names import js_name
from sitebuild.javascript.refused import OutsideSubsetError, outside

ARITHMETIC = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*"}
ORDER = {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">="}
EQUALITY = {ast.Eq: "===", ast.NotEq: "!=="}
CONSTANTS = {"inf": "Infinity", "nan": "NaN", "pi": repr(math.pi), "e": repr(math.e)}
MATHS = {
    "floor": WHOLE,
    "ceil": WHOLE,
    "sqrt": FLOAT,
    "isfinite": BOOL,
    "isinf": BOOL,
    "isnan": BOOL,
}
EXACT = 2**53
Said = tuple[str, Kind]


@dataclass(frozen=True)
class Signature:
    """A function that formulas may call."""

    parameters: tuple[tuple[str, Kind], ...]
    defaults: Mapping[str, ast.expr]
    returns: Kind


@dataclass(frozen=True)
class Scope:
    """What a name means where an expression stands: a value, a function, a kind of record."""

    values: dict[str, Kind]
    functions: dict[str, Signature]
    records: dict[str, Record]


def say(node: ast.expr, scope: Scope) -> Said:
    """The expression in JavaScript, in brackets where it needs them, and its kind."""
    match node:
        case ast.Constant():
            return _constant(node)
        case ast.Name(id=name):
            if name not in scope.values:
                raise OutsideSubsetError(node, f"`{name}` is not a value on every way to here")
            return js_name(name), scope.values[name]
        case ast.Attribute(value=ast.Name(id="math"), attr=name) if name in CONSTANTS:
            return CONSTANTS[name], FLOAT
        case ast.BinOp():
            return _arithmetic(node, scope)
        case ast.UnaryOp():
            return _unary(node, scope)
        case ast.Compare():
            return _comparison(node, scope)
        case ast.BoolOp(op=op, values=values):
            sign = " && " if isinstance(op, ast.And) else " || "
            return f"({sign.join(say_test(value, scope) for value in values)})", BOOL
        case ast.IfExp(test=test, body=body, orelse=orelse):
            yes, no = say(body, scope), say(orelse, scope)
            return f"({say_test(test, scope)} ? {yes[0]} : {no[0]})", _joined(node, yes[1], no[1])
        case ast.Call():
            return _call(node, scope)
        case ast.Subscript():
            return _part(node, scope)
        case ast.Dict():
            return _record(node, scope)
        case ast.Tuple(elts=elements):
            said = [say(element, scope) for element in elements]
            return f"[{', '.join(text for text, _ in said)}]", Row(tuple(kind for _, kind in said))
    raise outside(node)


def say_test(node: ast.expr, scope: Scope) -> str:
    """A condition: true or false already, for the languages disagree on what else is true."""
    text, kind = say(node, scope)
    if kind is not BOOL:
        raise OutsideSubsetError(
            node, f"`{ast.unparse(node)}` is not true or false: compare it, as in x != 0.0"
        )
    return text


def _constant(node: ast.Constant) -> Said:
    match node.value:
        case bool(value):
            return ("true" if value else "false"), BOOL
        case int(value) if value > EXACT:
            raise OutsideSubsetError(node, f"{value} is above 2**53: write it as a float")
        case int(value):
            return str(value), WHOLE
        case float(value):
            return ("Infinity" if math.isinf(value) else repr(value)), FLOAT
        case str(value):
            return json.dumps(value), TEXT
    raise outside(node)


def _number(node: ast.expr, scope: Scope) -> Said:
    text, kind = say(node, scope)
    if kind not in NUMBERS:
        raise OutsideSubsetError(node, f"`{ast.unparse(node)}` is not a number")
    return text, kind


def _arithmetic(node: ast.BinOp, scope: Scope) -> Said:
    if type(node.op) not in {*ARITHMETIC, ast.Div}:
        raise outside(node, node.op)
    (left, kind), (right, other) = _number(node.left, scope), _number(node.right, scope)
    if isinstance(node.op, ast.Div):
        safe = isinstance(node.right, ast.Constant) and node.right.value != 0
        return (f"({left} / {right})" if safe else f"$div({left}, {right})"), FLOAT
    if kind is other is WHOLE:
        raise OutsideSubsetError(
            node,
            f"both sides of `{ast.unparse(node)}` may be whole, which Python keeps exact and "
            "JavaScript does not: make one a float, as in 2.0 or float(math.floor(x))",
        )
    return f"({left} {ARITHMETIC[type(node.op)]} {right})", FLOAT


def _unary(node: ast.UnaryOp, scope: Scope) -> Said:
    if isinstance(node.op, ast.Not):
        return f"(!{say_test(node.operand, scope)})", BOOL
    if isinstance(node.op, ast.Invert):
        raise outside(node, node.op)
    text, kind = _number(node.operand, scope)
    if isinstance(node.op, ast.UAdd):
        return text, kind
    if kind is WHOLE and not (isinstance(node.operand, ast.Constant) and node.operand.value):
        raise OutsideSubsetError(
            node,
            f"`{ast.unparse(node)}` may be the whole number 0, which has no sign in Python: "
            "multiply by -1.0",
        )
    return f"(-{text})", kind


def _comparison(node: ast.Compare, scope: Scope) -> Said:
    """a < b < c is a < b and b < c: nothing here has an effect, so b may be reckoned twice."""
    for op in node.ops:
        if type(op) not in {*ORDER, *EQUALITY}:
            raise outside(node, op)
    sides = [node.left, *node.comparators]
    said = [say(side, scope) for side in sides]
    links = []
    for op, (left, kind), (right, other) in zip(node.ops, said, said[1:], strict=False):
        numbers = {kind, other} <= NUMBERS
        if type(op) in ORDER and numbers:
            links.append(f"({left} {ORDER[type(op)]} {right})")
        elif type(op) in EQUALITY and (numbers or kind is other in (TEXT, BOOL)):
            links.append(f"({left} {EQUALITY[type(op)]} {right})")
        else:
            raise OutsideSubsetError(
                node, f"`{ast.unparse(node)}` compares things that the languages order differently"
            )
    return (links[0] if len(links) == 1 else f"({' && '.join(links)})"), BOOL


def _joined(node: ast.expr, first: Kind, second: Kind) -> Kind:
    kind = join(first, second)
    if kind is None:
        raise OutsideSubsetError(node, f"the two sides of `{ast.unparse(node)}` differ in kind")
    return kind


def _part(node: ast.Subscript, scope: Scope) -> Said:
    text, kind = say(node.value, scope)
    match kind, node.slice:
        case Record(), ast.Constant(value=str(key)) if kind.get(key) is not None:
            return f"{text}.{key}", kind.get(key)
        case Row(items), ast.Constant(value=n) if type(n) is int and 0 <= n < len(items):
            return f"{text}[{n}]", items[n]
    raise OutsideSubsetError(node, f"`{ast.unparse(node)}`: there is no such part")


def _record(node: ast.Dict, scope: Scope) -> Said:
    """A literal; or another record with some fields of it changed, as in {**case, "gpus": 2.0}."""
    keys, values = node.keys, node.values
    changed: Said | None = None
    if keys and keys[0] is None:
        changed = say(values[0], scope)
        keys, values = keys[1:], values[1:]
    fields: dict[str, Said] = {}
    for key, value in zip(keys, values, strict=True):
        match key:
            case ast.Constant(value=str(name)) if is_field(name):
                if name in fields:
                    raise OutsideSubsetError(key, f"the field {name!r} is given twice")
                fields[name] = say(value, scope)
            case _:
                raise OutsideSubsetError(node, "a field of a dict is a text that reads as a name")
    text = ", ".join(f"{name}: {text}" for name, (text, _) in fields.items())
    if changed is None and fields:
        return f"{{ {text} }}", Record(tuple((name, kind) for name, (_, kind) in fields.items()))
    if changed is None or not fields:
        raise outside(node)
    for name, (_, kind) in fields.items():
        if not isinstance(changed[1], Record) or changed[1].get(name) is not kind:
            raise OutsideSubsetError(
                node, f"`{ast.unparse(values[0])}` has no field {name!r} of this kind to change"
            )
    return f"{{ ...{changed[0]}, {text} }}", changed[1]


def is_field(name: str) -> bool:
    """Digits would be sorted to the front, and __proto__ is not a field in JavaScript."""
    return name.isidentifier() and name.isascii() and name != "__proto__"


def _call(node: ast.Call, scope: Scope) -> Said:
    match node.func:
        case ast.Name(id=name) if name in scope.values:
            raise OutsideSubsetError(node, f"`{name}` is a value here and cannot be called")
        case ast.Name(id=name) if name in scope.functions:
            return _own_call(name, node, scope)
        case ast.Name(id=("min" | "max") as name) if len(node.args) > 1 and not node.keywords:
            said = [_number(argument, scope) for argument in node.args]
            kind = said[0][1]
            for _, other in said[1:]:
                kind = _joined(node, kind, other)
            return f"${name}({', '.join(text for text, _ in said)})", kind
        case ast.Name(id=("abs" | "float") as name) if len(node.args) == 1 and not node.keywords:
            text, kind = _number(node.args[0], scope)
            return (text, FLOAT) if name == "float" else (f"$abs({text})", kind)
        case ast.Attribute(value=ast.Name(id="math"), attr=name) if name in MATHS:
            if len(node.args) == 1 and not node.keywords:
                return f"${name}({_number(node.args[0], scope)[0]})", MATHS[name]
    raise OutsideSubsetError(
        node,
        f"`{ast.unparse(node)}`: formulas call the functions above them, min, max, abs, float and "
        f"math.{', math.'.join(MATHS)}",
    )


def _own_call(name: str, node: ast.Call, scope: Scope) -> Said:
    """A call of another formula, its arguments in the order of the parameters."""
    signature = scope.functions[name]
    wanted = [parameter for parameter, _ in signature.parameters]
    given = dict(zip(wanted, node.args, strict=False))
    given |= {keyword.arg or "**": keyword.value for keyword in node.keywords}
    arguments = dict(signature.defaults) | given
    num_given = len(node.args) + len(node.keywords)
    if arguments.keys() != set(wanted) or len(given) != num_given:
        raise OutsideSubsetError(node, f"{name} takes {', '.join(wanted)}")
    texts = []
    for parameter, kind in signature.parameters:
        text, found = say(arguments[parameter], scope)
        if found != kind:
            raise OutsideSubsetError(
                node,
                f"{name}'s {parameter} is {told(kind)}: "
                f"`{ast.unparse(arguments[parameter])}` may be something else",
            )
        texts.append(text)
    return f"{js_name(name)}({', '.join(texts)})", signature.returns
