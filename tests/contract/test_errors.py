"""A UserError is a ValueError; none is taken for the damage that other ValueErrors stand for."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from advlearn.support.errors import UserError

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted((ROOT / "src").rglob("*.py"))


def trees() -> Iterator[tuple[str, ast.Module]]:
    for path in SOURCES:
        yield str(path.relative_to(ROOT)), ast.parse(path.read_text(encoding="utf-8"))


def raisers() -> set[str]:
    """Names of the functions whose docstring says that they raise a UserError."""
    found = set()
    for _, tree in trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef):
                _, _, raises = (ast.get_docstring(node) or "").partition("Raises")
                if "UserError" in raises:
                    found.add(node.name)
    return found


def named(node: ast.expr | None) -> set[str]:
    """Names of the exceptions that a handler is for."""
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name)} if node else set()


def swallowed(name: str, tree: ast.Module, known: set[str]) -> list[str]:
    """Calls within a ``try`` whose UserError a handler of ValueErrors would take."""
    tuples = {
        target.id: named(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Tuple)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    found = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.Try):
            continue
        for handler in node.handlers:
            caught = named(handler.type)
            caught |= {name for each in caught for name in tuples.get(each, ())}
            if "UserError" in caught:
                break
            if "ValueError" in caught:
                found += [
                    f"{name}:{call.lineno} {called}"
                    for statement in node.body
                    for call in ast.walk(statement)
                    if isinstance(call, ast.Call)
                    and isinstance(call.func, ast.Name)
                    and (called := call.func.id) in known
                ]
    return found


def test_a_user_error_is_a_value_error() -> None:
    assert issubclass(UserError, ValueError)


def test_no_handler_of_value_errors_takes_a_user_error() -> None:
    known = raisers()
    assert {"read_json", "read_csv", "check_labels"} <= known
    known -= {"load_file"}  # safetensors has one, too
    assert [one for name, tree in trees() for one in swallowed(name, tree, known)] == []


def test_the_search_sees_a_call_that_is_not_guarded() -> None:
    text = "try:\n    read_json(x)\nexcept (OSError, ValueError):\n    pass\n"
    assert swallowed("f", ast.parse(text), {"read_json"}) == ["f:2 read_json"]
    guarded = text.replace("except (", "except UserError:\n    raise\nexcept (")
    assert swallowed("f", ast.parse(guarded), {"read_json"}) == []
