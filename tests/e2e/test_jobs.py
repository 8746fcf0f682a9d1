"""Jobs can be stopped and tried again, and the list of jobs says how each went."""

from __future__ import annotations

from tests.e2e.client import Api, Json
from tests.e2e.conftest import Pause
from tests.e2e.library import Library, eventually, failure, follow_job, succeed, unread


async def job(api: Api, job_id: str) -> Json:
    return dict(await api.run("show-job", id=job_id))


async def stuck(library: Library, external_id: str) -> str:
    """The job of a document that waits for the sleeping model."""
    job_id = str((await library.add(external_id, unread("Words that wait.")))["job"]["id"])

    async def embedding() -> bool:
        return bool((await job(library.api, job_id))["progress"]["stage"] == "EMBED")

    await eventually(embedding, "the stage EMBED")
    return job_id


async def test_a_running_job_is_stopped_and_started_again(library: Library, pause: Pause) -> None:
    with pause("models"):
        job_id = await stuck(library, "stop.md")
        assert (await library.api.mutate("cancel-job", id=job_id))["job"]["id"] == job_id
        events = await follow_job(library.api, job_id)
        assert (events[-1]["__typename"], events[-1]["job"]["status"]) == ("JobFailed", "CANCELLED")
        document = (await library.listed())["stop.md"]
        assert (document["status"], document["searchable"]) == ("FAILED", False)
    again = await library.api.mutate("retry-job", id=job_id)
    assert again["job"]["status"] in {"QUEUED", "RUNNING", "SUCCEEDED"}

    async def done() -> bool:
        return bool((await job(library.api, job_id))["status"] == "SUCCEEDED")

    await eventually(done, "the success of the second attempt")
    assert await library.found("words that wait") == {"stop.md"}


async def test_a_job_that_succeeded_is_neither_stopped_nor_tried_again(library: Library) -> None:
    job_id = (await library.add("done.md", "Done is done."))["job"]["id"]
    await succeed(library.api, job_id)
    assert (await library.api.mutate("cancel-job", id=job_id))["job"]["status"] == "SUCCEEDED"
    assert await library.api.refusal("retry-job", id=job_id) == "WRONG_STATE"
    assert await library.found("done") == {"done.md"}


async def test_a_deletion_is_not_taken_back(library: Library) -> None:
    document_id = await library.shelve("gone.md", "Going, going, gone.")
    deleted = await library.api.mutate("delete-document", id=document_id)
    await succeed(library.api, deleted["job"]["id"])
    assert (await library.api.mutate("cancel-job", id=deleted["job"]["id"]))["job"]["status"] == "SUCCEEDED"
    assert await library.listed() == {}


async def test_a_failed_job_says_why_and_can_be_found(library: Library) -> None:
    payload = await library.upload("broken.pdf", b"%PDF-1.7\nbroken", "application/pdf")
    found = await failure(library.api, payload["job"]["id"])
    assert (found["code"], found["retryable"]) == ("CORRUPT", False)
    node = await library.api.run(
        "list-jobs", workspaceId=library.workspace_id, filter={"status": {"eq": "FAILED"}}, first=5
    )
    newest = node["jobs"]["nodes"][0]
    assert (newest["id"], newest["error"]) == (payload["job"]["id"], found)
    assert newest["subject"]["id"] == payload["document"]["id"]
    assert newest["finishedAt"] >= newest["startedAt"]


async def test_the_jobs_of_a_stage_are_counted_to_its_end(library: Library) -> None:
    body = "\n\n".join(f"# Part {number}\n\n" + f"Sentence {number} of many. " * 60 for number in range(12))
    job_id = (await library.add("long.md", body))["job"]["id"]
    events = await succeed(library.api, job_id)
    for event in events:
        if event["__typename"] == "JobProgressed" and event["progress"]["total"] is not None:
            assert 0 <= event["progress"]["completed"] <= event["progress"]["total"]
    finished = await job(library.api, job_id)
    assert (finished["status"], finished["attempt"], finished["error"]) == ("SUCCEEDED", 1, None)
