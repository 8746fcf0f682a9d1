"""The rules of the house that a machine can check; CONTRIBUTING.md says why they are there."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "lorebase"
FILES = sorted(SOURCE.rglob("*.py"))
LINES_OF_A_FILE = 400
LINES_OF_A_FUNCTION = 40
LINES_OF_A_RESOLVER = 12
RESOLVER_MARKS = {"computed", "connection", "field", "mutation", "subscription", "upward"}

Function = ast.FunctionDef | ast.AsyncFunctionDef


def relative(path: Path) -> str:
    return path.relative_to(SOURCE).as_posix()


def functions(path: Path) -> Iterator[Function]:
    tree = ast.parse(path.read_text())
    yield from (node for node in ast.walk(tree) if isinstance(node, Function))


def lines_of_body(function: Function) -> int:
    """Lines without signature and docstring: what a reader has to hold in mind."""
    body = function.body[1:] if ast.get_docstring(function) else function.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def is_resolver(function: Function) -> bool:
    names = {
        part.attr if isinstance(part, ast.Attribute) else getattr(part, "id", "")
        for decorator in function.decorator_list
        for part in ast.walk(decorator)
    }
    return bool(names & RESOLVER_MARKS)


def uses(path: Path, module: str, attribute: str) -> bool:
    return any(
        isinstance(node, ast.Attribute)
        and node.attr == attribute
        and isinstance(node.value, ast.Name)
        and node.value.id == module
        for node in ast.walk(ast.parse(path.read_text()))
    )


def test_there_is_a_house_to_check() -> None:
    assert len(FILES) > 50


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_no_file_is_longer_than_the_wall(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= LINES_OF_A_FILE


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_no_function_is_longer_than_the_wall(path: Path) -> None:
    long = [
        f"{f.name}: {lines_of_body(f)}" for f in functions(path) if lines_of_body(f) > LINES_OF_A_FUNCTION
    ]
    assert long == []


def test_resolvers_are_thin() -> None:
    resolvers = [
        f for path in (SOURCE / "api" / "graphql").rglob("*.py") for f in functions(path) if is_resolver(f)
    ]
    fat = [f"{f.name}: {lines_of_body(f)}" for f in resolvers if lines_of_body(f) > LINES_OF_A_RESOLVER]
    assert len(resolvers) > 20
    assert fat == []


def test_only_the_settings_read_the_environment() -> None:
    readers = [relative(p) for p in FILES if uses(p, "os", "environ") or uses(p, "os", "getenv")]
    assert readers == ["core/config.py"]


def test_only_the_unit_of_work_commits() -> None:
    """Services ask a unit of work to commit (`uow.commit()`); the session itself is committed in one file."""
    committers = {
        relative(path)
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "commit"
        and not (isinstance(node.func.value, ast.Name) and node.func.value.id == "uow")
    }
    assert committers <= {"repositories/unit_of_work.py"}


def test_every_module_says_what_it_is_in_one_line() -> None:
    lacking = [relative(p) for p in FILES if not (ast.get_docstring(ast.parse(p.read_text())) or "").strip()]
    assert lacking == []


def test_no_error_is_swallowed() -> None:
    swallowing = [
        f"{relative(path)}:{node.lineno}"
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or (len(node.body) == 1 and isinstance(node.body[0], ast.Pass)))
    ]
    assert swallowing == []


def test_tests_use_fakes_and_not_patches() -> None:
    patched = [p.name for p in (ROOT / "tests").rglob("*.py") if "mock" + ".patch" in p.read_text()]
    assert patched == []


def test_prompts_are_files() -> None:
    """Messages to a model are built from templates: no module but the clients knows a role."""
    speakers = [relative(p) for p in FILES if '"role": "system"' in p.read_text()]
    assert speakers == ["clients/openai_chat.py"]
