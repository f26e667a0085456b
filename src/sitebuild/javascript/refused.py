"""What cannot be carried over: where it stands, and what to write instead."""

import ast
from pathlib import Path

from sitebuild.problems import Problem

INSTEAD: dict[type[ast.AST], str] = {
    ast.Pow: "`**` is rounded differently in each language: multiply, or use math.sqrt",
    ast.FloorDiv: "write math.floor(a / b)",
    ast.Mod: "write a - b * math.floor(a / b)",
    ast.MatMult: "write the sums out",
    ast.For: "write the terms out, or take their sum as a parameter",
    ast.While: "write a closed form",
    ast.ListComp: "write the terms out",
    ast.GeneratorExp: "write the terms out",
    ast.DictComp: "write the fields out",
    ast.SetComp: "write the terms out",
    ast.List: "return a tuple or a dict",
    ast.Set: "return a tuple or a dict",
    ast.JoinedStr: "the page words its messages: return a plain text as a code",
    ast.Lambda: "write a function of its own",
    ast.Is: "compare numbers with == or <",
    ast.IsNot: "compare numbers with != or <",
    ast.In: "compare with == and join with `or`",
    ast.NotIn: "compare with != and join with `and`",
    ast.Raise: "refuse bad input before the formulas are called",
    ast.Assert: "refuse bad input before the formulas are called",
    ast.Try: "ask before, not after: compare with if",
    ast.ClassDef: "return a dict",
    ast.NamedExpr: "assign on a line of its own",
    ast.Starred: "write the arguments out",
}


class OutsideSubsetError(ValueError):
    """A formula that cannot be transcribed; `file` is known once the whole file is looked at."""

    def __init__(self, node: ast.AST, why: str, file: str = "formulas"):
        super().__init__(why)
        self.file, self.line, self.why = file, node.lineno, why

    def __str__(self) -> str:
        return str(self.problem)

    @property
    def problem(self) -> Problem:
        """The same, as a build reports it."""
        return Problem(Path(self.file), self.line, self.why)


def outside(node: ast.AST, kind: ast.AST | None = None) -> OutsideSubsetError:
    """The refusal of a construct: of `kind` (an operator, which has no line), or of `node`."""
    construct = type(kind or node)
    text = ast.unparse(node).splitlines()[0]
    instead = INSTEAD.get(construct, "formulas are arithmetic, comparisons, if, and calls")
    return OutsideSubsetError(node, f"`{text}` cannot become JavaScript: {instead}")
