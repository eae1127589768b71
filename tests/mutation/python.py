"""Defects of Python, found on the syntax tree."""

import ast
from collections.abc import Iterator
from copy import copy

from tests.mutation.mutant import Mutant

_COMPARISONS: dict[type[ast.cmpop], list[type[ast.cmpop]]] = {
    ast.Eq: [ast.NotEq],
    ast.NotEq: [ast.Eq],
    ast.Lt: [ast.LtE, ast.GtE],
    ast.LtE: [ast.Lt, ast.Gt],
    ast.Gt: [ast.GtE, ast.LtE],
    ast.GtE: [ast.Gt, ast.Lt],
    ast.Is: [ast.IsNot],
    ast.IsNot: [ast.Is],
    ast.In: [ast.NotIn],
    ast.NotIn: [ast.In],
}
_OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.Mod: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.BitXor: ast.BitAnd,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
}
_NAMES = {"min": "max", "max": "min"}
_DELETED = (ast.Assign, ast.AugAssign, ast.Delete, ast.Raise, ast.Break, ast.Continue)
_WITHOUT_DEFECTS = (ast.Import, ast.ImportFrom, ast.JoinedStr)  # f-strings have no places of their parts


class _Condition(ast.Expr):
    """A condition that no operator is part of."""


def mutants(path: str, text: str) -> Iterator[Mutant]:
    """Return the file with each defect that is known here, one at a time."""
    offsets = [0]
    for line in text.encode().splitlines(keepends=True):
        offsets.append(offsets[-1] + len(line))

    def offset(line: int, column: int) -> int:
        """Return a place in the text; the syntax tree counts bytes."""
        return len(text.encode()[: offsets[line - 1] + column].decode())

    for node in _nodes(ast.parse(text)):
        for new in _defects(node):
            start = offset(node.lineno, node.col_offset)  # type: ignore[attr-defined]
            end = offset(node.end_lineno, node.end_col_offset)  # type: ignore[attr-defined]
            yield Mutant.at(path, text, start, end, new)


def _nodes(node: ast.AST) -> Iterator[ast.AST]:
    """Walk through what a program does: no docstrings, and no types of names."""
    if isinstance(node, _WITHOUT_DEFECTS):
        return
    for name, value in ast.iter_fields(node):
        if name in {"annotation", "returns"}:
            continue
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, ast.AST) and not _is_docstring(each):
                yield each
                yield from _nodes(each)
                if name in {"test", "ifs"} and isinstance(each, ast.Name | ast.Attribute | ast.Call | ast.NamedExpr):
                    yield ast.copy_location(_Condition(each), each)


def _is_docstring(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _defects(node: ast.AST) -> Iterator[str]:
    match node:
        case _Condition(condition):
            yield ast.unparse(ast.UnaryOp(ast.Not(), condition))
        case ast.Compare(ops=[operator]):
            yield from (_with(node, ops=[new()]) for new in _COMPARISONS[type(operator)])
        case ast.BoolOp(op=operator):
            yield _with(node, op=ast.And() if isinstance(operator, ast.Or) else ast.Or())
        case ast.UnaryOp(operand=operand):
            yield ast.unparse(operand)
        case ast.BinOp(op=operator) if type(operator) in _OPERATORS:
            yield _with(node, op=_OPERATORS[type(operator)]())
        case ast.Name(id=name) if name in _NAMES:
            yield _NAMES[name]
        case ast.Constant(value=bool(value)):
            yield repr(not value)
        case ast.Constant(value=int(value)):
            yield from (repr(value + 1), repr(value - 1))
        case ast.Constant(value=float(value)):
            yield from (repr(value * 2 or 1.0), repr(value / 2 or -1.0))
        case ast.Constant(value=str() | bytes() as value) if value:
            yield repr(value[:0])
        case ast.JoinedStr():
            yield "''"
        case ast.Return(value=value) if value and not (isinstance(value, ast.Constant) and value.value is None):
            yield "return None"
        case ast.Assign(col_offset=0) | ast.AnnAssign(col_offset=0):
            pass  # a constant without which nothing runs
        case ast.Expr(value=ast.Call()) | ast.AnnAssign(value=ast.AST()):
            yield "pass"
        case _ if isinstance(node, _DELETED):
            yield "pass"


def _with(node: ast.AST, **fields: object) -> str:
    changed = copy(node)
    for name, value in fields.items():
        setattr(changed, name, value)
    return ast.unparse(changed)
