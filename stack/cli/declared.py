"""What a command takes, read from its module without importing what its work needs.

Help must not wait for the libraries of the nightly run. So of the module that declares a command
only those statements are executed that the signature of its function `command` names.
"""

import ast
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

COMMAND = "command"
SETTINGS = "CONTEXT_SETTINGS"
"""Of a command that hands arguments on."""


def find_declaration(module: str) -> dict[str, Any] | None:
    """`command`, which does nothing, and `CONTEXT_SETTINGS` if the module has them.

    None: it declares no command of its own, as that of a group.
    """
    tree = parsed(module)
    functions = [each for each in tree.body if isinstance(each, ast.FunctionDef)]
    signature = next((each for each in functions if each.name == COMMAND), None)
    if signature is None:
        return None
    signature.body = [ast.Pass()]
    tree.body = list(reversed(list(_needed(tree.body, {COMMAND, SETTINGS}))))
    namespace: dict[str, Any] = {"__name__": module}
    exec(compile(ast.fix_missing_locations(tree), module, "exec"), namespace)  # noqa: S102 - our own module
    return namespace


def parsed(module: str) -> ast.Module:
    """The source of a module of ours."""
    spec = find_spec(module)
    assert spec is not None  # noqa: S101 - a test loads every command
    assert spec.origin is not None  # noqa: S101
    return ast.parse(Path(spec.origin).read_text(encoding="utf-8"))


def _needed(statements: list[ast.stmt], wanted: set[str]) -> Iterator[ast.stmt]:
    """The statements that bind what is wanted, and what these need themselves; the last first."""
    for statement in reversed(statements):
        if isinstance(statement, ast.Import | ast.ImportFrom):
            statement.names = [
                each for each in statement.names if (each.asname or each.name) in wanted
            ]
            if statement.names:
                yield statement
        elif wanted.intersection(_bound(statement)):
            wanted.update(each.id for each in ast.walk(statement) if isinstance(each, ast.Name))
            yield statement


def _bound(statement: ast.stmt) -> list[str]:
    match statement:
        case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
            return [name]
        case ast.Assign(targets=targets):
            return [each.id for each in targets if isinstance(each, ast.Name)]
        case ast.AnnAssign(target=ast.Name(id=name)):
            return [name]
        case _:
            return []
