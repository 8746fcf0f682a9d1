"""Retrieval sets in the format of BEIR: which files belong together, and what is wrong with a file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lorebase.cli.errors import UsageFailed
from lorebase.cli.evaluating.beir import Passage, read_sets

HEADER = "query-id\tcorpus-id\tscore\n"


def write(folder: Path, name: str, *entries: dict[str, str]) -> None:
    (folder / name).write_text("".join(json.dumps(entry) + "\n" for entry in entries), encoding="utf-8")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "wings"
    place.mkdir()
    write(place, "corpus.jsonl", {"_id": "1", "title": "T", "text": "Ä wing."}, {"_id": "2", "text": "Tail."})
    write(place, "queries.jsonl", {"_id": "a", "text": "What?"}, {"_id": "unjudged", "text": "Why?"})
    (place / "qrels.tsv").write_text(HEADER + "a\t1\t2\na\t2\t0\ngone\t1\t1\n")
    return place


def test_a_set_is_read_with_its_grades(folder: Path) -> None:
    (found,) = read_sets(folder)
    assert (found.name, found.queries, found.grades) == ("wings", {"a": "What?"}, {"a": {"1": 2}})
    assert list(found.passages()) == [Passage("1", "T", "Ä wing."), Passage("2", "", "Tail.")]
    assert found.cases() == [{"query": "What?", "relevant": [{"externalId": "1", "grade": 2}]}]


def test_judgements_may_stand_where_beir_has_them_and_without_a_header(folder: Path) -> None:
    (folder / "qrels").mkdir()
    (folder / "qrels.tsv").rename(folder / "qrels" / "test.tsv")
    (folder / "qrels" / "test.tsv").write_text('a\t"1\t1.0\n')
    (found,) = read_sets(folder)
    assert found.grades == {"a": {'"1': 1}}


def test_one_corpus_may_have_a_set_for_each_language(folder: Path) -> None:
    write(
        folder,
        "corpus.jsonl",
        {"_id": "d", "text": "Ein Flügel.", "lang": "de"},
        {"_id": "e", "text": "A wing.", "lang": "en"},
    )
    for part in ("de", "hard"):
        write(folder, f"queries.{part}.jsonl", {"_id": "a", "text": "Was?"})
        (folder / f"qrels.{part}.tsv").write_text(HEADER + "a\td\t1\n")
    sets = {each.name: each for each in read_sets(folder)}
    assert set(sets) == {"wings", "wings-de", "wings-hard"}
    assert [passage.id for passage in sets["wings-de"].passages()] == ["d"]
    assert [passage.id for passage in sets["wings-hard"].passages()] == ["d", "e"]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("qrels.tsv", "a 1 1\n", "Line 1 of"),
        ("qrels.tsv", HEADER + "a\t1\tyes\n", "Line 2 of"),
        ("queries.jsonl", "{}\n", "has no '_id'"),
        ("queries.jsonl", '{"_id": "a"}\n', "has no 'text'"),
        ("corpus.jsonl", "[1]\n", "is not a JSON object"),
        ("corpus.jsonl", "\nnot JSON\n", "Line 2 of"),
    ],
)
def test_what_is_wrong_is_named_by_its_line(folder: Path, name: str, content: str, said: str) -> None:
    (folder / name).write_text(content)
    with pytest.raises(UsageFailed, match=said):
        read_sets(folder)


@pytest.mark.parametrize("missing", ["corpus.jsonl", "queries.jsonl", "qrels.tsv"])
def test_a_file_that_is_missing_is_named(folder: Path, missing: str) -> None:
    (folder / missing).unlink()
    with pytest.raises(UsageFailed, match=missing):
        read_sets(folder)
