"""Every file under functions/ has the same shape, so that knowing one is knowing all."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.config import REPOSITORY

HANDLERS = sorted((REPOSITORY / "functions").rglob("*.py"))
LONGEST_BODY = 30
ONE_SENTENCE = re.compile(r"[A-Z][^\n.!?]*\.")
ALLOWED_AT_MODULE_LEVEL = (ast.Expr, ast.Import, ast.ImportFrom, ast.FunctionDef, ast.Assign, ast.AnnAssign)
ADAPTERS_WITH_A_CLIENT = frozenset(
    {"DynamoDbTable", "EventBridgeBus", "HurriedItems", "HurriedObjects", "HurriedQueue", "S3ObjectStore"}
    | {"StepFunctionsExecutions"}
)

pytestmark = pytest.mark.parametrize("path", HANDLERS, ids=lambda path: str(path.stem))


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


def functions_of(module: ast.Module) -> dict[str, ast.FunctionDef]:
    return {node.name: node for node in module.body if isinstance(node, ast.FunctionDef)}


def decorators(function: ast.FunctionDef) -> list[str]:
    return [ast.unparse(decorator) for decorator in function.decorator_list]


def names_called(node: ast.AST) -> set[str]:
    return {ast.unparse(call.func) for call in ast.walk(node) if isinstance(call, ast.Call)}


def done_at_import(node: ast.AST) -> Iterator[ast.Call]:
    """Calls that run when the module is imported: those of a lambda's body do not."""
    if isinstance(node, ast.Lambda):
        return
    if isinstance(node, ast.Call):
        yield node
    for child in ast.iter_child_nodes(node):
        yield from done_at_import(child)


def test_its_docstring_is_one_sentence(path: Path) -> None:
    docstring = ast.get_docstring(parsed(path), clean=False)
    assert docstring is not None
    assert ONE_SENTENCE.fullmatch(docstring), docstring


def test_its_handler_takes_an_event_and_a_context(path: Path) -> None:
    handler = functions_of(parsed(path))["lambda_handler"]
    given = [argument.arg for argument in handler.args.args]
    if "api_handler" in decorators(handler):  # which takes the context, and turns errors into problem documents
        assert given == ["event"]
    else:
        assert given == ["event", "context"]
    first, last = handler.body[0].lineno, handler.end_lineno
    assert last is not None
    assert last - first < LONGEST_BODY, "a handler translates; what takes longer belongs into the package"


def test_it_imports_no_other_handler(path: Path) -> None:
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, "a relative import"
            assert not (node.module or "").startswith("functions"), node.module
        elif isinstance(node, ast.Import):
            assert not any(alias.name.startswith("functions") for alias in node.names)


def test_nothing_happens_when_it_is_imported(path: Path) -> None:
    module = parsed(path)
    assert [type(node) for node in module.body if not isinstance(node, ALLOWED_AT_MODULE_LEVEL)] == []
    assigned = [node for node in module.body if isinstance(node, ast.Assign | ast.AnnAssign)]
    assert [ast.unparse(call) for node in assigned for call in done_at_import(node)] == []


def test_one_cached_root_reads_its_settings_and_picks_its_adapters(path: Path) -> None:
    functions = functions_of(parsed(path)).values()
    [root] = [function for function in functions if "cache" in decorators(function)]
    assert any(name.endswith("Settings.from_env") for name in names_called(root))
    for other in functions:
        if other is not root:
            assert names_called(other) & ADAPTERS_WITH_A_CLIENT == set(), other.name
            assert not any(name.endswith(".from_env") for name in names_called(other)), other.name
