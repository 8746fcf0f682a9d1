"""The documentation tells the truth where a machine can check it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from graphql import GraphQLSchema, build_schema, parse, validate
from pydantic_core import PydanticUndefined
from typer.core import TyperGroup
from typer.main import get_command

from lorebase.api.graphql.enums import UserErrorCode
from lorebase.api.graphql.errors import RequestErrorCode
from lorebase.api.transports import closing
from lorebase.core.config import Settings
from lorebase.core.errors import ErrorCode

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
OPERATIONS = ROOT / "schema" / "operations"
EXAMPLES = [path for path in (ROOT / "examples").rglob("*.md") if "node_modules" not in path.parts]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted(DOCS.rglob("*.md")), *sorted(EXAMPLES)]
FRONTEND = [DOCS / "frontend.md", *sorted((DOCS / "frontend").glob("*.md"))]
DECISIONS = sorted((DOCS / "adr").glob("[0-9]*.md"))

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]+\]\(([^)\s]+)\)")
CODE = re.compile(r"`([^`\n]+)`")
HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)
SETTING = re.compile(r"\b(?:LOREBASE|OPENAI)_[A-Z_]*[A-Z]\b")
SETTING_ROW = re.compile(r"^\| `([A-Z_]+)` \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)
COMMAND = re.compile(r"(?:^|[\s`/])lorebase ((?:[a-z][a-z-]*)(?: .*)?)$")
LINES_OF_A_DECISION = 60
# Inside a server only: CANCELLED ends as a state, a title that is too long as TOO_LARGE.
UNSEEN_CODES = {ErrorCode.CANCELLED, ErrorCode.TITLE_TOO_LONG}


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def prose(page: Path) -> str:
    """The page without its fenced blocks, in which brackets are no links."""
    return FENCE.sub("", page.read_text(encoding="utf-8"))


def fences(*languages: str) -> Iterator[tuple[Path, str]]:
    for page in PAGES:
        for language, content in FENCE.findall(page.read_text(encoding="utf-8")):
            if language in languages:
                yield page, content


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives to headings."""
    kept = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in HEADING.findall(prose(page)))
    return {heading.strip().replace(" ", "-") for heading in kept}


def setting_names() -> dict[str, str]:
    """Each setting's variable and its default as the tables write it."""
    names = {}
    for field, facts in Settings.model_fields.items():
        names[str(facts.validation_alias or f"LOREBASE_{field.upper()}")] = written(field)
    return names


def written(field: str) -> str:
    facts = Settings.model_fields[field]
    if field == "models_directory":
        return "in the environment"
    if facts.default is PydanticUndefined:
        return "`[]`"
    if isinstance(facts.default, bool):
        return f"`{str(facts.default).lower()}`"
    return "unset" if facts.default is None else f"`{getattr(facts.default, 'value', facts.default)}`"


def commands() -> Iterator[tuple[Path, str]]:
    """What follows `lorebase` in code spans and in shell blocks."""
    for page in PAGES:
        for span in CODE.findall(prose(page)):
            yield from ((page, found) for found in COMMAND.findall(span))
    for page, content in fences("sh", "console"):
        for line in content.splitlines():
            yield from ((page, found) for found in COMMAND.findall(line.partition("#")[0].rstrip()))


def options_of(words: list[str]) -> set[str] | None:
    """The options of the command that the words name; None when there is no such command."""
    from lorebase.cli.app import app

    found = get_command(app)
    for word in words:
        if not isinstance(found, TyperGroup):
            break
        inner = found.commands.get(word)
        if inner is None:
            return None
        found = inner
    return {"--help", *(option for parameter in found.params for option in parameter.opts)}


@pytest.fixture(scope="module")
def schema() -> GraphQLSchema:
    return build_schema((ROOT / "schema" / "schema.graphql").read_text(encoding="utf-8"))


def test_there_is_something_to_check() -> None:
    names = {name_of(page) for page in PAGES}
    assert names >= {
        "README.md",
        "CONTRIBUTING.md",
        "CHANGELOG.md",
        "docs/architecture.md",
        "docs/frontend.md",
    }
    assert len(DECISIONS) > 10
    assert len(list(commands())) > 20
    assert list(fences("graphql"))


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    broken = []
    for link in LINK.findall(prose(page)):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_file_that_is_named_exists(page: Path) -> None:
    named = [
        span for span in CODE.findall(prose(page)) if re.fullmatch(r"[\w./-]+/[\w.-]+\.(py|sh|graphql)", span)
    ]
    missing = [
        span
        for span in named
        if not any((root / span).exists() for root in (ROOT, ROOT / "src" / "lorebase"))
    ]
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_no_page_names_a_place_of_one_machine(page: Path) -> None:
    assert re.findall(r"(?<![\w.])/(?:work|home|root|tmp)/\S+", page.read_text(encoding="utf-8")) == []


def test_operators_find_every_setting_with_its_default() -> None:
    rows = SETTING_ROW.findall((DOCS / "operators.md").read_text(encoding="utf-8"))
    assert {name: default for name, default, _ in rows} == setting_names()
    assert len(rows) == len(setting_names()), "a setting stands in two rows"
    assert [name for name, _, meaning in rows if not meaning.strip()] == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_no_page_names_a_setting_that_does_not_exist(page: Path) -> None:
    assert set(SETTING.findall(page.read_text(encoding="utf-8"))) <= set(setting_names())


def test_the_walk_for_frontend_teams_names_every_operation() -> None:
    links = LINK.findall((DOCS / "frontend.md").read_text(encoding="utf-8"))
    named = {Path(link).stem for link in links if "schema/operations/" in link}
    assert named == {path.stem for path in OPERATIONS.glob("*.graphql")}


def test_the_index_for_frontend_teams_names_every_page() -> None:
    linked = {link for link in LINK.findall(prose(FRONTEND[0])) if link.startswith("frontend/")}
    assert linked == {f"frontend/{page.name}" for page in FRONTEND[1:]}


def test_every_graphql_example_fits_the_schema(schema: GraphQLSchema) -> None:
    wrong = [
        f"{name_of(page)}: {error.message}"
        for page, content in fences("graphql")
        for error in validate(schema, parse(content))
    ]
    assert wrong == []


def test_every_operation_file_fits_the_schema(schema: GraphQLSchema) -> None:
    wrong = [
        f"{path.name}: {error.message}"
        for path in OPERATIONS.glob("*.graphql")
        for error in validate(schema, parse(path.read_text(encoding="utf-8")))
    ]
    assert wrong == []


def test_every_command_that_is_named_exists() -> None:
    unknown = []
    for page, line in commands():
        bare = re.sub(r'"[^"]*"', "", line)
        words = [word for word in bare.split() if re.fullmatch(r"[a-z][a-z-]*", word)]
        options = options_of(words)
        if options is None or not set(re.findall(r"--[a-z-]+", bare)) <= options:
            unknown.append(f"{name_of(page)}: lorebase {line}")
    assert unknown == []


def test_every_code_that_clients_see_is_explained() -> None:
    explained = {code for page in FRONTEND for code in CODE.findall(prose(page))}
    seen = {code.value for code in (*ErrorCode, *RequestErrorCode) if code not in UNSEEN_CODES}
    assert seen | {code.name for code in UserErrorCode} <= explained


def test_every_way_in_which_a_socket_closes_is_explained() -> None:
    page = (DOCS / "frontend" / "streams.md").read_text(encoding="utf-8")
    codes = {value for name, value in vars(closing).items() if name.isupper() and isinstance(value, int)}
    ours = {code for code in codes if code > 1000}
    assert len(ours) > 5
    assert {int(code) for code in re.findall(r"^\| (\d{4}) \|", page, re.MULTILINE)} == ours


def test_decisions_are_numbered_without_gaps_and_listed() -> None:
    assert [int(path.name[:4]) for path in DECISIONS] == list(range(len(DECISIONS)))
    architecture = (DOCS / "architecture.md").read_text(encoding="utf-8")
    assert [path.name for path in DECISIONS if f"(adr/{path.name})" not in architecture] == []


@pytest.mark.parametrize("path", DECISIONS, ids=name_of)
def test_a_decision_fits_a_screen_and_says_why(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= LINES_OF_A_DECISION
    assert HEADING.findall(text)[1:] == ["Context", "Decision", "Consequences"]
    assert re.search(r"^- Status: \w", text, re.MULTILINE)
    assert re.search(r"^- Date: (\d{4}-\d\d-\d\d|YYYY-MM-DD)$", text, re.MULTILINE)
