"""Which code measured a record: a digest of the measuring function and of all it calls in labkit.

Found by reading the sources, without running them: comments, docstrings, annotations and the place of a file do not
count, so that a move changes no digest. What is reached through a variable (a method of an argument) is followed only
where the variable's annotation names its class.
"""

from __future__ import annotations

import ast
import hashlib
from functools import cache
from pathlib import Path

from labkit.base.papers import brought

__all__ = ["digest"]

_ROOT = Path(__file__).resolve().parent.parent
# Files, errors, loading, warnings: what they do to a number is in the model's hash. So a statement that only calls one
# of them does not count.
_ASIDE = ("labkit.base", "labkit.zoo")


def digest(measure: str) -> str:
    """Return 16 hexadecimal digits for the function at a dotted path, "" where there is none."""
    module, _, name = measure.rpartition(".")
    if module in (moved := brought("measures")):
        paper, place = moved[module]
        module = f"{paper.package}.{place}"
    found: dict[tuple[str, str], str] = {}
    _collect(module, name, found)
    if not found:
        return ""
    text = "\n".join(sorted(f"{called} {code}" for (_, called), code in found.items()))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _collect(module: str, name: str, found: dict[tuple[str, str], str]) -> None:
    """Add the definition of `name` in `module`, and whatever of labkit it names, to `found`."""
    waiting = [(module, name)]
    while waiting:
        place = waiting.pop()
        if place in found or place[0].startswith(_ASIDE):
            continue
        code, named = _definition(*place)
        if code:
            found[place] = code
        waiting += named


@cache
def _definition(module: str, name: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    """Return the code of a definition, "" where it only comes from elsewhere, and the places that it names."""
    known = _read(module)
    if known is None:
        return "", ()
    definitions, imports, package = known
    if name not in definitions:
        return "", ((imports[name],) if name in imports else ())
    node = _Bare().visit(ast.parse(ast.unparse(definitions[name])))
    inner = {**imports, **_imports(node, package)}
    node = _WithoutTelling({name for name, (origin, _) in inner.items() if origin.startswith(_ASIDE)}).visit(node)
    named = set()
    for part in ast.walk(node):
        if isinstance(part, ast.Name) and part.id in definitions:
            named.add((module, part.id))
        elif isinstance(part, ast.Name) and part.id in inner:
            named.add(inner[part.id])
        elif isinstance(part, ast.Attribute) and isinstance(part.value, ast.Name) and part.value.id in inner:
            named.add((".".join(inner[part.value.id]), part.attr))
    return ast.dump(_Unannotated().visit(node)), tuple(sorted(named))


@cache
def _read(module: str) -> tuple[dict[str, ast.AST], dict[str, tuple[str, str]], str] | None:
    """Return the definitions of a module of labkit by name, and its imports from labkit: name -> (module, name).

    The third is the package that its relative imports start from.
    """
    path = _ROOT.joinpath(*module.split(".")[1:])
    is_package, path = path.is_dir(), path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    if module.split(".")[0] != "labkit" or not path.is_file():
        return None
    tree = ast.parse(path.read_text(encoding="utf-8"))
    definitions: dict[str, ast.AST] = {}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            definitions[node.name] = node
        elif isinstance(node, ast.Assign):
            definitions.update({target.id: node for target in node.targets if isinstance(target, ast.Name)})
    package = module if is_package else module.rpartition(".")[0]
    return definitions, _imports(tree, package, tree.body) | _lazy(tree, module), package


def _imports(node: ast.AST, package: str, body: list[ast.stmt] | None = None) -> dict[str, tuple[str, str]]:
    found = {}
    for part in body if body is not None else ast.walk(node):
        if isinstance(part, ast.ImportFrom):
            parents = package.split(".")
            base = ".".join(parents[: len(parents) - part.level + 1]) if part.level else ""
            origin = ".".join(filter(None, (base, part.module)))
            if origin.split(".")[0] == "labkit":
                found.update({alias.asname or alias.name: (origin, alias.name) for alias in part.names})
    return found


def _lazy(tree: ast.Module, module: str) -> dict[str, tuple[str, str]]:
    """Return the names that a package imports when first used, as its `lazy_names` lists them."""
    for part in ast.walk(tree):
        if (
            isinstance(part, ast.Call)
            and getattr(part.func, "id", "") == "lazy_names"
            and isinstance(part.args[1], ast.Dict)
        ):
            listed = ast.literal_eval(part.args[1])
            return {name: (f"{module}.{place}", name) for place, names in listed.items() for name in names}
    return {}


class _Bare(ast.NodeTransformer):
    """Without what no number hangs on: docstrings, and errors with their words."""

    def visit_Raise(self, node: ast.Raise) -> ast.AST:
        return ast.Pass()

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        return None if isinstance(node.value, ast.Constant) else node


class _WithoutTelling(ast.NodeTransformer):
    """Without statements that only call a function set aside."""

    def __init__(self, aside: set[str]):
        self.aside = aside

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        called = node.value.func if isinstance(node.value, ast.Call) else None
        return None if isinstance(called, ast.Name) and called.id in self.aside else node


class _Unannotated(ast.NodeTransformer):
    """Without the types: what they name is followed, how they are written does not count. A field stays a field."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.returns = None
        self.generic_visit(node)
        node.body = [_plain(statement) for statement in node.body]
        return node

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.annotation = None
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        node.annotation = ast.Constant(None)
        return self.generic_visit(node)


def _plain(statement: ast.stmt) -> ast.stmt:
    """Return a function's `x: int = 1` as `x = 1`."""
    if isinstance(statement, ast.AnnAssign) and statement.value is not None:
        return ast.Assign([statement.target], statement.value)
    return statement
