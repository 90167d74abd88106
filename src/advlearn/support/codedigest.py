"""Digests of code: what a stage's result can depend on, read from the sources without running them.

Snakemake does not notice a change in a module that a rule runs by ``python -m``; a digest passed
through ``params`` makes it notice, and keeps the between-workflow cache from serving old results.
"""

from __future__ import annotations

import ast
import hashlib
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from advlearn.support.errors import UserError

PACKAGE = "advlearn"
_MODULE = re.compile(rf"{PACKAGE}(\.\w+)+\.?")


def package_root() -> Path:
    """Folder of the installed package, wherever the workflow is used from."""
    spec = find_spec(PACKAGE)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent


class Sources:
    """The sources of the package at one moment, for digests that may be asked for later.

    To read them all takes a thirtieth of the time that it takes to parse those of one stage.

    Args:
        root: folder of the package; the installed one by default.
    """

    def __init__(self, root: Path | None = None) -> None:
        self._files = _files(root or package_root())
        self._content = {
            path: path.read_bytes()
            for file in self._files.values()
            for path in (file, *_data_of(file))
        }
        self._data = {file: _data_of(file) for file in self._files.values()}
        self._imported: dict[str, set[str]] = {}

    def digest(self, *modules: str) -> str:  # noqa: D417 (modules)
        """Hexadecimal digest of ``modules`` and everything of this package that they import.

        Comments, docstrings and layout do not count: they cannot change a result. Data files of the
        package (such as the catalogue of data sets) count for the modules that live beside them.

        Args:
            module: dotted name, for example ``advlearn.studies.selective.stages.craft``.

        Raises:
            ModuleNotFoundError: there is no such module in the package.
        """
        total = hashlib.blake2b(digest_size=8)
        for name in sorted(set().union(*map(self.dependencies, modules))):
            file = self._files[name]
            own = _parsed(self._content[file])[1].copy()
            for path in self._data[file]:
                own.update(self._content[path])
            total.update(name.encode())
            total.update(own.digest())
        return total.hexdigest()

    def dependencies(self, module: str) -> set[str]:
        """Names of the modules of this package that ``module`` reaches by imports, and its own.

        Raises:
            ModuleNotFoundError: there is no such module in the package.
        """
        if module not in self._files:
            raise ModuleNotFoundError(f"no module {module} in the package")
        found: set[str] = set()
        parts = module.split(".")
        waiting = [".".join(parts[:length]) for length in range(2, len(parts) + 1)]
        while waiting:
            name = waiting.pop()
            if name in found:
                continue
            found.add(name)
            waiting.extend(self._imports(name))
        return found

    def _imports(self, module: str) -> set[str]:
        if module not in self._imported:
            names, _ = _parsed(self._content[self._files[module]])
            self._imported[module] = _modules_behind(names, self._files)
        return self._imported[module]


def _files(root: Path) -> dict[str, Path]:
    """Module -> its file, for all modules of the package but the package itself."""
    files = {}
    for folder, _, names in os.walk(root):
        parts = Path(folder).relative_to(root).parts
        for name in names:
            stem, extension = os.path.splitext(name)  # noqa: PTH122 (a Path for each takes long)
            if extension == ".py":
                own = parts if stem == "__init__" else (*parts, stem)
                files[".".join((PACKAGE, *own))] = Path(folder, name)
    files.pop(PACKAGE, None)
    return files


def _modules_behind(names: Iterable[str], files: Mapping[str, Path]) -> set[str]:
    """The modules behind dotted names."""
    reached: set[str] = set()
    for name in names:
        if name.endswith("."):
            # The fixed part of a name that is completed when the module is imported.
            reached.update(
                other
                for other in files
                if other.startswith(name) and re.fullmatch("[a-z][^.]*", other[len(name) :])
            )
            continue
        parts = name.split(".")
        for length in range(2, len(parts) + 1):
            prefix = ".".join(parts[:length])
            if prefix in files:
                reached.add(prefix)
    return reached


@cache
def _parsed(source: bytes) -> tuple[frozenset[str], hashlib.blake2b]:
    """What a source can import, and the digest of what in it can change a result."""
    tree = ast.parse(source)
    names = _names(tree)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and _is_text(body[0]):
            del body[0]
    return names, hashlib.blake2b(ast.dump(tree).encode(), digest_size=16)


def _names(tree: ast.AST) -> frozenset[str]:
    """Every dotted name of this package in a tree, imported or in a string."""
    names: set[str] = set()
    for node in _walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            # Registries name their modules in strings and import them when asked.
            names.add(node.value)
    return frozenset(name for name in names if _MODULE.fullmatch(name))


def _walk(tree: ast.AST) -> Iterator[ast.AST]:
    """Every node that can run: what only type checkers read changes no result."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING":
            waiting.extend(node.orelse)
            continue
        yield node
        waiting.extend(ast.iter_child_nodes(node))


def _data_of(file: Path) -> list[Path]:
    """The data files that count for a source: those beside the ``__init__`` of their folder."""
    if file.name != "__init__.py":
        return []
    others = {".py", ".pyc", ".pyi", ".typed", ".md"}
    return [
        path
        for path in sorted(file.parent.iterdir())
        if path.is_file() and path.suffix not in others
    ]


def _is_text(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def own_function_digest(name: str) -> str | None:
    """Digest of the source file behind ``package.module:function``, or none for a registered name.

    The file is found, not imported. What it imports in turn is not followed.

    Raises:
        UserError: no file of this module is on Python's path, or the file has no such name.
    """
    module, _, function = name.partition(":")
    if not function:
        return None
    try:
        spec = find_spec(module)
    except (ImportError, ValueError):
        spec = None
    if spec is None or spec.origin is None or not Path(spec.origin).is_file():
        raise UserError(
            f"there is no Python module {module!r}",
            where=f"configuration value {name!r}",
            remedy="put its folder on PYTHONPATH, or correct the name: package.module:function",
        )
    source = Path(spec.origin).read_bytes()
    if Path(spec.origin).suffix == ".py" and not _may_have(source, function):
        raise UserError(
            f"the module {module!r} has nothing called {function!r}",
            where=f"configuration value {name!r}, file {spec.origin}",
            remedy="correct the name: package.module:function",
        )
    return hashlib.blake2b(source, digest_size=8).hexdigest()


def _may_have(source: bytes, name: str) -> bool:
    """Whether a module may have ``name`` once it is imported, as far as its source shows."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return True  # the import will say what is wrong, and where
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found = [node.name]
        elif isinstance(node, ast.Import | ast.ImportFrom):
            found = [each.asname or each.name.partition(".")[0] for each in node.names]
        else:
            found = [node.id] if isinstance(node, ast.Name) else []
        if {name, "*", "__getattr__"} & set(found):
            return True
    return False
