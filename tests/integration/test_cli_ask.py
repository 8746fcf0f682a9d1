"""`lorebase ask` and `lorebase search` against an API that answers by the real schema."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lorebase.core.config import process_environment
from tests.fakes.api_world import Json, answer_stream, citation, hit, refusal, user_error
from tests.fakes.command_line import ConnectedCommandLine, connected
from tests.integration.embedded_parts import wait_until

DELTAS = (
    ("AnswerStarted", {"answer": {"id": "ans_1", "status": "GENERATING"}}),
    ("AnswerRetrieved", {"hits": []}),
    ("AnswerDelta", {"offset": 0, "text": "Cancel ", "parts": 1}),
    ("AnswerDelta", {"offset": 7, "text": "it [1].", "parts": 1}),
)


@pytest.fixture
def lorebase(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[ConnectedCommandLine]:
    with connected(monkeypatch, tmp_path / "home") as command_line:
        yield command_line


def answer(text: str, *citations: Json, reason: str = "STOP") -> Json:
    return {
        "__typename": "Answer",
        "id": "ans_1",
        "status": "COMPLETED",
        "text": text,
        "finishReason": reason,
        "support": None,
        "citations": list(citations),
    }


def completed(
    text: str, *citations: dict[str, object], reason: str = "STOP"
) -> tuple[str, dict[str, object]]:
    return "AnswerCompleted", {"finishReason": reason, "answer": answer(text, *citations, reason=reason)}


def test_an_answer_streams_in_and_its_evidence_follows(lorebase: ConnectedCommandLine) -> None:
    events = answer_stream(*DELTAS, completed("Cancel it [1].", citation(1, "call\n cancel()")))
    lorebase.world.answers["ans_1"] = events
    result = lorebase.run("ask", "How do I cancel a task?")
    assert result.exit_code == 0, result.stderr
    assert result.stdout.splitlines() == [
        "Cancel it [1].",
        "",
        "[1] folder/file.md, page 3, One › Two, characters 10–24",
        "    “call cancel()”",
        "",
        'Go on with: lorebase ask --conversation cnv_1 "…"',
    ]
    asked = lorebase.server.called("AskQuestion")[0]["input"]
    assert asked["question"] == "How do I cancel a task?"
    assert asked["retrieval"]["knowledgeBaseIds"] == ["kb_1"]


def test_a_conversation_is_gone_on_with(lorebase: ConnectedCommandLine) -> None:
    lorebase.world.answers["ans_1"] = answer_stream(completed("Yes."))
    result = lorebase.run("ask", "And then?", "--conversation", "cnv_7")
    assert result.exit_code == 0, result.stderr
    assert lorebase.server.called("AskQuestion") == [
        {"input": {"question": "And then?", "conversationId": "cnv_7"}}
    ]


def test_a_question_names_the_profile_that_finds_its_evidence(lorebase: ConnectedCommandLine) -> None:
    lorebase.world.answers["ans_1"] = answer_stream(completed("Yes."))
    assert lorebase.run("ask", "Why?", "--profile", "hyde@1").exit_code == 0
    [called] = lorebase.server.called("AskQuestion")
    assert called["input"]["retrieval"] == {"knowledgeBaseIds": ["kb_1"], "query": "", "profile": "hyde@1"}


def test_a_profile_in_a_conversation_searches_what_that_searches(lorebase: ConnectedCommandLine) -> None:
    lorebase.world.conversations["cnv_7"] = ["kb_1"]
    lorebase.world.answers["ans_1"] = answer_stream(completed("Yes."))
    result = lorebase.run("ask", "And then?", "--conversation", "cnv_7", "--profile", "hyde")
    assert result.exit_code == 0, result.stderr
    retrieval = {"knowledgeBaseIds": ["kb_1"], "query": "", "profile": "hyde"}
    asked = {"question": "And then?", "conversationId": "cnv_7", "retrieval": retrieval}
    assert lorebase.server.called("AskQuestion") == [{"input": asked}]


def test_a_profile_in_a_conversation_that_is_not_there_is_a_usage_error(
    lorebase: ConnectedCommandLine,
) -> None:
    result = lorebase.run("ask", "And then?", "--conversation", "cnv_8", "--profile", "hyde")
    assert (result.exit_code, result.stderr) == (2, "Error: There is no such conversation.\n")
    assert lorebase.server.called("AskQuestion") == []


def test_a_conversation_and_a_knowledge_base_together_are_a_usage_error(
    lorebase: ConnectedCommandLine,
) -> None:
    result = lorebase.run("ask", "x", "--conversation", "cnv_7", "--knowledge-base", "documents")
    assert result.exit_code == 2
    assert lorebase.server.calls == []


@pytest.mark.parametrize("cuts", [[0], [1], [3, 1], [4, 0, 0]])
def test_a_stream_that_breaks_off_goes_on_without_repeating_a_word(
    lorebase: ConnectedCommandLine, cuts: list[int]
) -> None:
    lorebase.server.cuts.extend(cuts)
    lorebase.world.answers["ans_1"] = answer_stream(*DELTAS, completed("Cancel it [1]."))
    result = lorebase.run("ask", "How?")
    assert result.exit_code == 0, result.stderr
    assert result.stdout.splitlines()[0] == "Cancel it [1]."
    followed = lorebase.server.called("FollowAnswer")
    assert len(followed) == len(cuts) + 1
    seen = [int(variables.get("after") or 0) for variables in followed]
    assert seen == [sum(cuts[:number]) for number in range(len(cuts) + 1)]


def test_another_attempt_begins_on_a_line_of_its_own(lorebase: ConnectedCommandLine) -> None:
    again = (
        ("StreamReset", {"snapshot": answer("")}),
        ("AnswerDelta", {"offset": 0, "text": "Await it.", "parts": 1}),
    )
    lorebase.world.answers["ans_1"] = answer_stream(*DELTAS, *again, completed("Await it."))
    assert lorebase.run("ask", "How?").stdout.startswith("Cancel it [1].\n\nAwait it.\n")


def test_characters_that_end_lines_elsewhere_do_not_break_the_stream(lorebase: ConnectedCommandLine) -> None:
    text = "one\u2028two\u2029three\x0bfour\x85five\x1csix"
    delta = ("AnswerDelta", {"offset": 0, "text": text, "parts": 1})
    lorebase.world.answers["ans_1"] = answer_stream(delta, completed(text))
    result = lorebase.run("ask", "How?")
    assert result.exit_code == 0, result.stderr
    assert result.stdout.startswith("one\u2028two\u2029threefourfivesix\n")


def test_a_failed_answer_is_an_error_with_its_reason(lorebase: ConnectedCommandLine) -> None:
    problem = {"code": "MODEL_UNAVAILABLE", "message": "The model does not answer.", "retryable": True}
    failed = ("AnswerFailed", {"error": problem, "answer": {"id": "ans_1", "text": "Cancel "}})
    lorebase.world.answers["ans_1"] = answer_stream(*DELTAS[:3], failed)
    result = lorebase.run("ask", "How?")
    assert result.exit_code == 1
    assert result.stdout == "Cancel \n"
    assert result.stderr == (
        "Error: The answer failed: The model does not answer. (MODEL_UNAVAILABLE) Asking again may help.\n"
    )


def test_no_evidence_is_said(lorebase: ConnectedCommandLine) -> None:
    lorebase.world.answers["ans_1"] = answer_stream(completed("I found nothing.", reason="NO_EVIDENCE"))
    result = lorebase.run("ask", "How?")
    assert result.stdout.startswith("I found nothing.\n(No evidence")


def test_a_source_that_was_deleted_since_is_said_to_be(lorebase: ConnectedCommandLine) -> None:
    gone = citation(1, "quote", documentVersion=None, chunk=None)
    lorebase.world.answers["ans_1"] = answer_stream(completed("Yes [1].", gone))
    assert "[1] a document that was deleted since" in lorebase.run("ask", "How?").stdout


def test_titles_quotes_and_answers_cannot_drive_the_terminal(lorebase: ConnectedCommandLine) -> None:
    evil = "\x1b]0;owned\x07\x1b[2J\u202egnp.[bold]\r"
    version = {"id": "v", "number": 1, "document": {"id": "d", "title": evil, "externalId": None}}
    cited = citation(1, evil, documentVersion=version)
    lorebase.world.answers["ans_1"] = answer_stream(completed(evil, cited))
    lorebase.world.hits = [hit(evil, evil, [{"start": 0, "end": 4}], section=[evil])]
    for arguments in (("ask", "How?"), ("search", "How?")):
        shown = lorebase.run(*arguments).stdout
        assert not set(shown) & set("\x1b\x07\r\u202e")
        assert "gnp.[bold]" in shown


def test_an_asked_question_that_is_refused_says_why(lorebase: ConnectedCommandLine) -> None:
    lorebase.world.refusals["AskQuestion"].append(refusal("FORBIDDEN", "The key lacks the scope ASK."))
    result = lorebase.run("ask", "How?")
    assert (result.exit_code, result.stderr) == (1, "Error: The key lacks the scope ASK. (FORBIDDEN)\n")


def test_an_interrupted_answer_is_cancelled(lorebase: ConnectedCommandLine) -> None:
    lorebase.world.answers["ans_1"] = answer_stream(*DELTAS)
    command = [sys.executable, "-m", "lorebase.cli", "ask", "How?"]
    process = subprocess.Popen(
        command, env=process_environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    wait_until(lambda: bool(lorebase.server.called("FollowAnswer")), "the stream")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert lorebase.server.called("CancelAnswer") == [{"input": {"id": "ans_1"}}]
    assert "Traceback" not in out + err
    assert err.endswith("Stopped.\n")


def test_found_passages_come_a_line_each_in_a_pipe(lorebase: ConnectedCommandLine) -> None:
    first = hit("A title", "One two\nthree", [{"start": 4, "end": 7}], section=["Top"], page=4)
    lorebase.world.hits = [first, hit("Another", "Four", [])]
    result = lorebase.run("search", "two")
    assert result.exit_code == 0, result.stderr
    assert [line.split("\t") for line in result.stdout.splitlines()] == [
        ["score", "document", "passage"],
        ["0.88", "A title · folder/file.md · Top · page 4", "One two three"],
        ["0.88", "Another · folder/file.md", "Four"],
    ]


def test_filters_mode_and_limit_reach_the_api(lorebase: ConnectedCommandLine) -> None:
    given = ("--filter", "tags:a,b", "--filter", "metadata.number>=3", "--mode", "vector", "--limit", "7")
    result = lorebase.run("search", "two", "--knowledge-base", "documents", *given)
    assert result.exit_code == 0, result.stderr
    metadata = [{"path": "number", "value": {"number": {"gte": 3.0}}}]
    assert lorebase.server.called("Search") == [
        {
            "first": 7,
            "input": {
                "knowledgeBaseIds": ["kb_1"],
                "query": "two",
                "mode": "VECTOR",
                "filter": {
                    "and": [
                        {"document": {"tags": {"hasAll": ["a", "b"]}}},
                        {"document": {"metadata": metadata}},
                    ]
                },
            },
        }
    ]


def test_what_is_not_said_is_left_to_the_profile(lorebase: ConnectedCommandLine) -> None:
    assert lorebase.run("search", "two", "--profile", "hyde").exit_code == 0
    [called] = lorebase.server.called("Search")
    assert called["input"] == {"knowledgeBaseIds": ["kb_1"], "query": "two", "profile": "hyde"}


def test_a_filter_that_is_wrong_is_a_usage_error_before_anybody_is_asked(
    lorebase: ConnectedCommandLine,
) -> None:
    result = lorebase.run("search", "two", "--filter", "page=nan")
    assert result.exit_code == 2
    assert result.stderr == "Error: The filter 'page=nan' needs a finite number.\n"
    assert lorebase.server.calls == []


def test_undeclared_metadata_is_a_usage_error_that_lists_what_is_declared(
    lorebase: ConnectedCommandLine,
) -> None:
    result = lorebase.run("search", "two", "--filter", " metadata.author=Ada")
    assert result.exit_code == 2
    assert "(declared: boolean, date_time, number, string, string_list)" in result.stderr


def test_nothing_found_is_said_beside_the_output(lorebase: ConnectedCommandLine) -> None:
    result = lorebase.run("search", "two")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "Nothing found.\n")


def test_what_the_api_answered_is_printed_as_json(lorebase: ConnectedCommandLine) -> None:
    lorebase.world.hits = [hit("T", "two\x9b", [])]
    result = lorebase.run("search", "two", "--json")
    assert json.loads(result.stdout)["nodes"][0]["chunk"]["text"] == "two\x9b"
    assert result.stdout.isascii()


def test_a_terminal_that_shows_ascii_only_ends_no_command(lorebase: ConnectedCommandLine) -> None:
    lorebase.world.answers["ans_1"] = answer_stream(completed("Größe → 5.", citation(1, "日本語")))
    lorebase.world.hits = [hit("日本語", "Größe", [])]
    environment = {**process_environment(), "PYTHONIOENCODING": "ascii", "LC_ALL": "C", "TERM": "dumb"}
    for arguments in (("ask", "Größe?"), ("search", "Größe?"), ("knowledge-base", "list"), ("--help",)):
        command = [sys.executable, "-m", "lorebase.cli", *arguments]
        done = subprocess.run(command, env=environment, capture_output=True, timeout=60, check=False)
        assert (done.returncode, done.stderr) == (0, b""), arguments
        assert done.stdout.decode("ascii")


def test_a_question_that_is_not_utf_8_is_a_usage_error(lorebase: ConnectedCommandLine) -> None:
    command = [os.fsencode(sys.executable), b"-m", b"lorebase.cli", b"search", b"\xff"]
    done = subprocess.run(command, env=process_environment(), capture_output=True, timeout=60, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith(b"Error: What was given cannot be sent")


def test_user_errors_of_an_answer_are_told(lorebase: ConnectedCommandLine) -> None:
    error = user_error("INVALID", "The question is empty.", ["input", "question"])
    payload = {"answer": None, "conversation": None, "message": None, "userErrors": [error]}
    lorebase.world.ask_refusal = payload
    result = lorebase.run("ask", "")
    assert (result.exit_code, result.stderr) == (1, "Error: The question is empty. (INVALID)\n")
