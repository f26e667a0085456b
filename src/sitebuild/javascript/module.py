"""From the text of a Python module to an ES module."""

import ast
import json
from collections.abc import Mapping

from sitebuild.javascript.expressions import Scope, is_field, say
from sitebuild.javascript.functions import Function
from sitebuild.javascript.kinds import ANNOTATED, Record
from sitebuild.javascript.names import BUILT_IN, js_name
from sitebuild.javascript.refused import OutsideSubsetError, outside
from sitebuild.javascript.runtime import RUNTIME


def transcribe(sources: Mapping[str, str]) -> str:
    """Modules, `{file: text}`, as one in JavaScript that gives their results bit for bit.

    It exports their public names, and as `PARAMETERS` each function's parameters in order. A later
    module may import from those before it. What lies outside the subset raises
    `OutsideSubsetError`.
    """
    module = _Module()
    for file, text in sources.items():
        try:
            for node in ast.parse(text, file).body:
                module.take(node)
        except OutsideSubsetError as error:
            error.file = file
            raise
        except SyntaxError as error:
            raise OutsideSubsetError(error, f"{error.msg}: it is not Python", file) from error
    signatures = module.scope.functions
    parameters = {
        name: [parameter for parameter, _ in signature.parameters]
        for name, signature in signatures.items()
        if not name.startswith("_")
    }
    public = [name for name in (*module.scope.values, *signatures) if not name.startswith("_")]
    exported = [name if js_name(name) == name else f"{js_name(name)} as {name}" for name in public]
    return "\n".join(
        [
            f"// Made from {' and '.join(sources)} while the site was built: edit that, not this.",
            RUNTIME,
            *module.lines,
            f"const $parameters = {json.dumps(parameters)};",
            f"export {{ {', '.join([*exported, '$parameters as PARAMETERS'])} }};",
            "",
        ]
    )


class _Module:
    """What a module has defined so far, and its lines."""

    def __init__(self) -> None:
        self.scope = Scope({}, {}, {})
        self.lines: list[str] = []

    def take(self, node: ast.stmt) -> None:
        """Transcribe one statement."""
        match node:
            case ast.Expr(value=ast.Constant(value=str())):
                return
            case ast.Import(names=[ast.alias(name="math", asname=None)]):
                return
            case ast.ImportFrom(module="typing", names=[ast.alias(name="TypedDict", asname=None)]):
                return
            case ast.ImportFrom(names=names):
                self._refuse_unknown(node, names)
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                self._refuse_taken(node, name)
                text, self.scope.values[name] = say(value, self.scope)
                self.lines.append(f"const {js_name(name)} = {text};\n")
            case ast.ClassDef(name=name, bases=[ast.Name(id="TypedDict")]):
                self._refuse_taken(node, name)
                self.scope.records[name] = _read_record(node)
            case ast.FunctionDef(name=name):
                self._refuse_taken(node, name)
                function = Function(node, self.scope)
                self.scope.functions[name] = function.signature
                self.lines.append(function.text)
            case _:
                raise outside(node)

    def _refuse_unknown(self, node: ast.ImportFrom, names: list[ast.alias]) -> None:
        for alias in names:
            scope = self.scope
            known = {**scope.values, **scope.functions, **scope.records}
            if alias.name not in known or alias.asname:
                raise OutsideSubsetError(
                    node, f"`{alias.name}` is not, by this name, in the modules before this one"
                )

    def _refuse_taken(self, node: ast.stmt, name: str) -> None:
        scope = self.scope
        if name in BUILT_IN or name in {**scope.values, **scope.functions, **scope.records}:
            raise OutsideSubsetError(node, f"the name `{name}` is taken: choose another")


def _read_record(node: ast.ClassDef) -> Record:
    """The fields of a `TypedDict`."""
    fields = {}
    for line in node.body:
        match line:
            case ast.Expr(value=ast.Constant(value=str())):
                continue
            case ast.AnnAssign(target=ast.Name(id=name), annotation=ast.Name(id=kind), value=None):
                if kind not in ANNOTATED or not is_field(name):
                    raise OutsideSubsetError(line, f"a field is one of {', '.join(ANNOTATED)}")
                fields[name] = ANNOTATED[kind]
            case _:
                raise outside(line)
    return Record(tuple(fields.items()))
