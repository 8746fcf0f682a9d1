"""The three stories by hand: a text goes in and its job is followed, it is found, it answers a question."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import pytest

from tests.integration.browser_story import Run, Scheme, Seen, Story, build_page, tell
from tests.stack import RunningStack

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


def shown(seen: Seen, tab: str) -> str:
    """What stood on the screen when the operation had answered, without the editor's line breaks."""
    return " ".join(next(run.shown for run in seen.runs if run.tab == tab).split())


@pytest.fixture
def screenshots(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return str(request.config.getoption("--screenshots") or tmp_path)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_three_stories_work_by_clicking(scheme: Scheme, stack: RunningStack, screenshots: str) -> None:
    build_page()
    known = stack.credentials
    mark = f"{scheme}-{uuid4().hex[:8]}"
    body = f"# Lighthouse {mark}\n\nThe lamp of lighthouse {mark} turns once every twelve seconds."
    document = {
        "knowledgeBaseId": known.knowledge_base_id,
        "externalId": f"browser/{mark}.md",
        "title": f"Lighthouse {mark}",
        "source": {"text": {"mediaType": "text/markdown", "body": body}},
    }
    question = f"How often does the lamp of lighthouse {mark} turn?"
    retrieval = {"knowledgeBaseIds": [known.knowledge_base_id], "query": ""}
    runs = [
        Run(tab="Viewer", expect=['"scopes"', known.workspace_id]),
        Run(
            tab="AddTextDocument",
            variables={"input": document},
            capture={"jobId": "data.upsertDocument.job.id"},
            expect=['"created": true', '"userErrors": []'],
        ),
        Run(tab="FollowJob", variables={"jobId": "${jobId}"}, expect=["JobSucceeded"]),
        Run(
            tab="Search",
            variables={
                "input": {"knowledgeBaseIds": [known.knowledge_base_id], "query": f"lighthouse {mark}"}
            },
            expect=[f"Lighthouse {mark}"],
        ),
        Run(
            tab="AskQuestion",
            variables={
                "input": {"workspaceId": known.workspace_id, "question": question, "retrieval": retrieval}
            },
            capture={"answerId": "data.ask.answer.id"},
            expect=["QUEUED"],
        ),
        Run(tab="FollowAnswer", variables={"answerId": "${answerId}"}, expect=["AnswerCompleted"]),
    ]
    seen = tell(Story(url=known.url, runs=runs, scheme=scheme, screenshots=screenshots))
    assert seen.mishaps() == []
    assert [run.tab for run in seen.runs] == [run.tab for run in runs]
    assert '"created": true' in shown(seen, "AddTextDocument")
    answer = next(run.response for run in seen.runs if run.tab == "FollowAnswer")
    assert "twelve seconds" in answer
    assert '"finishReason": "STOP"' in answer
    assert known.api_key not in seen.storage
    assert sorted(Path(screenshots).glob(f"{scheme}-*.png"))


def test_the_examples_run_as_they_stand(stack: RunningStack, screenshots: str) -> None:
    """Somebody who only clicks, and types nothing, sees answers: ids are filled in."""
    build_page()
    runs = [
        Run(tab="AddTextDocument", expect=['"userErrors": []']),
        Run(tab="ShowKnowledgeBase", expect=['"chunking"']),
        Run(tab="ListDocuments", expect=['"totalCount"']),
        Run(tab="ListJobs", expect=['"totalCount"']),
        Run(tab="Search", expect=['"tookMs"']),
        Run(tab="AskQuestion", expect=['"QUEUED"']),
        Run(tab="ListEmbeddingModels", expect=['"dimensions"']),
    ]
    seen = tell(Story(url=stack.credentials.url, runs=runs, screenshots=f"{screenshots}/examples"))
    assert seen.mishaps() == []
    for run in seen.runs:
        assert '"errors"' not in run.response, run.tab
