"""One function: its parameters, its statements, and what it returns."""

import ast

from sitebuild.javascript.expressions import Scope, Signature, say, say_test
from sitebuild.javascript.kinds import ANNOTATED, FLOAT, Kind, Row, join, told
from sitebuild.javascript.names import BUILT_IN, js_name
from sitebuild.javascript.refused import OutsideSubsetError, outside

Known = dict[str, Kind]
"""The names that have a value on every way to a line, by kind."""


class Function:
    """A function in JavaScript, `text`, and how others may call it, `signature`."""

    def __init__(self, node: ast.FunctionDef, module: Scope):
        parameters, defaults = _read_parameters(node, module)
        self.module = _with_itself(node, parameters, defaults, module)
        stored = (
            n for n in ast.walk(node) if isinstance(n, ast.Name) and n.ctx.__class__ is ast.Store
        )
        self.own = dict.fromkeys([*parameters, *(name.id for name in stored)])
        self.returns: Kind | None = None
        lines, after = self._body(node.body, dict(parameters), "  ")
        if after is not None:
            raise OutsideSubsetError(node, f"{node.name} does not return on every way through")
        if _calls(node, node.name) and self.returns is not FLOAT:
            raise OutsideSubsetError(
                node, f"{node.name} calls itself, and must return a float then"
            )
        self.signature = Signature(tuple(parameters.items()), defaults, self.returns)
        with_defaults = [
            js_name(name) + (f" = {say(defaults[name], module)[0]}" if name in defaults else "")
            for name in parameters
        ]
        local = [js_name(name) for name in self.own if name not in parameters]
        self.text = "\n".join(
            [
                *_comment(node),
                f"function {js_name(node.name)}({', '.join(with_defaults)}) {{",
                *([f"  let {', '.join(local)};"] if local else []),
                *lines,
                "}\n",
            ]
        )

    def _scope(self, known: Known) -> Scope:
        """A name that a function assigns anywhere is its own throughout."""
        around = {name: kind for name, kind in self.module.values.items() if name not in self.own}
        return Scope(around | known, self.module.functions, self.module.records)

    def _body(
        self, statements: list[ast.stmt], known: Known, pad: str
    ) -> tuple[list[str], Known | None]:
        """The lines, and what is known behind them: None if no way leads there."""
        lines: list[str] = []
        after: Known | None = known
        for node in statements:
            if after is None:
                raise OutsideSubsetError(node, "no way leads here: the lines above have returned")
            match node:
                case ast.Expr(value=ast.Constant(value=str())):
                    continue
                case ast.Return(value=ast.expr() as value):
                    lines.append(f"{pad}return {self._returned(value, after)};")
                    after = None
                case ast.Assign(targets=[target], value=value):
                    lines.append(pad + self._assigned(target, value, after))
                case ast.AnnAssign(target=ast.Name() as target, value=ast.expr() as value):
                    lines.append(pad + self._assigned(target, value, after))
                case ast.AugAssign(target=ast.Name() as target, op=op, value=value):
                    both = ast.copy_location(ast.BinOp(target, op, value), node)
                    lines.append(pad + self._assigned(target, both, after))
                case ast.If():
                    more, after = self._branches(node, after, pad)
                    lines += more
                case _:
                    raise outside(node)
        return lines, after

    def _returned(self, value: ast.expr, known: Known) -> str:
        text, kind = say(value, self._scope(known))
        joined = kind if self.returns is None else join(self.returns, kind)
        if joined is None:
            raise OutsideSubsetError(value, f"`{ast.unparse(value)}` is not what is returned above")
        self.returns = joined
        return text

    def _assigned(self, target: ast.expr, value: ast.expr, known: Known) -> str:
        text, kind = say(value, self._scope(known))
        match target, kind:
            case ast.Name(id=name), _:
                pairs, to = {name: kind}, js_name(name)
            case ast.Tuple(elts=elements), Row(items) if len(elements) == len(items) and all(
                isinstance(element, ast.Name) for element in elements
            ):
                pairs = {e.id: item for e, item in zip(elements, items, strict=True)}
                to = f"[{', '.join(js_name(element.id) for element in elements)}]"
            case _:
                raise OutsideSubsetError(target, f"cannot assign to `{ast.unparse(target)}` here")
        for name in pairs:
            _refuse_taken(target, name)
        known |= pairs
        return f"{to} = {text};"

    def _branches(self, node: ast.If, known: Known, pad: str) -> tuple[list[str], Known | None]:
        test = say_test(node.test, self._scope(known))
        yes, after_yes = self._body(node.body, dict(known), f"{pad}  ")
        lines = [f"{pad}if ({test}) {{", *yes]
        match node.orelse:
            case [ast.If() as elif_]:
                no, after_no = self._branches(elif_, dict(known), pad)
                lines += [f"{pad}}} else {no[0].lstrip()}", *no[1:]]
            case orelse:
                no, after_no = self._body(orelse, dict(known), f"{pad}  ")
                lines += [f"{pad}}} else {{", *no] if no else []
                lines.append(f"{pad}}}")
        if after_yes is None or after_no is None:
            return lines, after_yes if after_no is None else after_no
        both = {n: join(kind, after_no[n]) for n, kind in after_yes.items() if n in after_no}
        return lines, {name: kind for name, kind in both.items() if kind is not None}


def _with_itself(
    node: ast.FunctionDef, parameters: Known, defaults: dict[str, ast.expr], module: Scope
) -> Scope:
    """The module as a function sees it, itself included, which is taken to return a float."""
    itself = Signature(tuple(parameters.items()), defaults, FLOAT)
    return Scope(module.values, {**module.functions, node.name: itself}, module.records)


def _calls(node: ast.FunctionDef, name: str) -> bool:
    called = (n.func for n in ast.walk(node) if isinstance(n, ast.Call))
    return any(isinstance(function, ast.Name) and function.id == name for function in called)


def _read_parameters(node: ast.FunctionDef, module: Scope) -> tuple[Known, dict[str, ast.expr]]:
    """Kinds and defaults by name; how an argument is passed, by place or by name, is Python's."""
    held = node.args
    if held.vararg or held.kwarg or node.decorator_list:
        raise OutsideSubsetError(node, f"{node.name}: no decorator, no * and no ** parameter")
    kinds: Known = {}
    positional = [*held.posonlyargs, *held.args]
    for parameter in (*positional, *held.kwonlyargs):
        annotation = ast.unparse(parameter.annotation) if parameter.annotation else "float"
        known = ANNOTATED | module.records
        if annotation not in known:
            fits = ", ".join(known)
            raise OutsideSubsetError(
                parameter, f"`{parameter.arg}` is {annotation}: a formula takes {fits}"
            )
        _refuse_taken(parameter, parameter.arg)
        kinds[parameter.arg] = known[annotation]
    last = positional[len(positional) - len(held.defaults) :]
    pairs = [*zip(last, held.defaults, strict=True)]
    pairs += zip(held.kwonlyargs, held.kw_defaults, strict=True)
    defaults = {parameter.arg: default for parameter, default in pairs if default is not None}
    for name, default in defaults.items():
        if say(default, Scope({}, {}, {}))[1] is not kinds[name]:
            raise OutsideSubsetError(
                default,
                f"`{name}` is {told(kinds[name])}, its default {ast.unparse(default)} is not",
            )
    return kinds, defaults


def _refuse_taken(node: ast.AST, name: str) -> None:
    if name in BUILT_IN:
        raise OutsideSubsetError(node, f"the name `{name}` is Python's own: choose another")


def _comment(node: ast.FunctionDef) -> list[str]:
    """The docstring's first line."""
    text = (ast.get_docstring(node) or "").split("\n")[0].replace("*/", "* /")
    return [f"/** {text} */"] if text else []
