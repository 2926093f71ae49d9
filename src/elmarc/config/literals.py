"""Read the values that a Python file assigns, without running a line of it.

Understood: literals, names assigned before, `+` of texts or lists, arithmetic, `os.path.join`, `{**other}`.
"""

from __future__ import annotations

import ast
import operator
import os.path
from collections.abc import Callable
from typing import Any, TypeAlias

from elmarc.config import limits
from elmarc.errors import ConfigError

ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
}
Value: TypeAlias = Any


class AssignmentReader:
    """The assignments of one file, in order; what cannot be read is refused only where it is used."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.values: dict[str, Value | ConfigError] = {}
        self.notes: list[str] = []

    def read(self, text: str) -> None:
        """Take in every assignment.

        Raises
        ------
        ConfigError
            The text is no Python, or a statement other than an assignment would have to be executed.
        """
        for statement in self._parse(text):
            self._statement(statement)

    def value_of(self, name: str) -> Value:
        """Return what a name stands for, or raise the ConfigError that says why it cannot be read."""
        value = self.values[name]
        if isinstance(value, ConfigError):
            raise value
        return value

    def _parse(self, text: str) -> list[ast.stmt]:
        try:
            return ast.parse(text).body
        except SyntaxError as error:
            raise ConfigError(f"{self.source}, line {error.lineno}: not Python: {error.msg}") from None
        except (ValueError, RecursionError, MemoryError) as error:
            raise ConfigError(f"{self.source}: not Python that can be read: {error}") from None

    def _statement(self, statement: ast.stmt) -> None:
        match statement:
            case ast.Assign(targets=targets, value=node) if all(isinstance(t, ast.Name) for t in targets):
                self._assign([target.id for target in targets if isinstance(target, ast.Name)], node)
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as node):
                self._assign([name], node)
            case ast.Import() | ast.ImportFrom() | ast.Pass() | ast.FunctionDef() | ast.ClassDef():
                return
            case ast.Expr(value=ast.Constant()):
                return
            case _:
                raise self._refusal(statement)

    def _assign(self, names: list[str], node: ast.expr) -> None:
        value: Value | ConfigError
        try:
            value = self._value(node)
        except ConfigError as error:
            value = error
        self.values |= dict.fromkeys(names, value)

    def _value(self, node: ast.expr) -> Value:
        match node:
            case ast.Constant(value=value):
                return value
            case ast.Name(id=name) if name in self.values:
                return self.value_of(name)
            case ast.List(elts=items) | ast.Tuple(elts=items):
                return [self._value(item) for item in items]
            case ast.Dict():
                return self._dict(node)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return self._calculate(node, operator.sub, 0, self._value(operand))
            case ast.BinOp(left=left, op=op, right=right) if type(op) in ARITHMETIC:
                return self._calculate(node, ARITHMETIC[type(op)], self._value(left), self._value(right))
            case ast.Call(func=func, args=args, keywords=[]) if ast.unparse(func) == "os.path.join":
                return self._join(node, [self._value(arg) for arg in args])
            case _:
                raise self._refusal(node)

    def _dict(self, node: ast.Dict) -> dict[str, Value]:
        result: dict[str, Value] = {}
        for key_node, value_node in zip(node.keys, node.values, strict=True):
            value = self._value(value_node)
            if key_node is None and isinstance(value, dict):
                result |= value
                continue
            key = self._value(key_node) if key_node else None
            if not isinstance(key, str):
                raise self._refusal(key_node or value_node)
            if key in result:
                self.notes.append(f"{key} is written twice; the last one counts (line {value_node.lineno})")
            result[key] = value
        return result

    def _calculate(self, node: ast.expr, do: Callable[[Any, Any], Any], left: Value, right: Value) -> Value:
        numbers = all(type(side) in (int, float) for side in (left, right))
        joined = do is operator.add and type(left) is type(right) and type(left) in (str, list)
        try:
            if numbers or joined:
                value = do(left, right)
                if limits.check_calculated(value):
                    return value
        except ArithmeticError:
            pass
        raise self._refusal(node)

    def _join(self, node: ast.expr, parts: list[Value]) -> str:
        if not parts or not all(isinstance(part, str) for part in parts):
            raise self._refusal(node)
        joined = os.path.join(*parts)
        if not limits.check_calculated(joined):
            raise self._refusal(node)
        return joined

    def _refusal(self, node: ast.stmt | ast.expr) -> ConfigError:
        code = ast.unparse(node).splitlines()[0]
        return ConfigError(
            f"{self.source}, line {node.lineno}: `{code[:60]}` would have to be executed, and this file is "
            "only read, never executed; write the value itself"
        )
