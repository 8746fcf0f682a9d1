"""Who may do what, and that one workspace never sees another."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from websockets.exceptions import ConnectionClosed

from tests.e2e.client import Api, Json, Refused, only_field, refusal_of
from tests.e2e.library import Library, gather, succeed
from tests.e2e.shelf import Shelf
from tests.stack import RunningStack


@dataclass(frozen=True)
class Neighbour:
    """Another workspace of the same installation, made by the operator."""

    workspace_id: str
    key: str


@pytest.fixture(scope="module")
def neighbour(stack: RunningStack) -> Neighbour:
    made = stack.command("workspace", "create", "Neighbour")
    assert made.returncode == 0, made.stderr
    told = dict(line.split(": ", 1) for line in made.stdout.splitlines())
    return Neighbour(told["workspace"], told["key"])


@pytest.fixture
async def other(stack: RunningStack, neighbour: Neighbour) -> AsyncIterator[Library]:
    """A knowledge base of the neighbour."""
    async with Api(stack.credentials.url, neighbour.key) as api:
        yield await Library.create(api, neighbour.workspace_id, "Secrets of the neighbour")


async def new_key(api: Api, workspace_id: str, *scopes: str) -> tuple[str, str]:
    made = await api.mutate("create-api-key", workspaceId=workspace_id, name="Some key", scopes=list(scopes))
    return made["apiKey"]["id"], made["secret"]


async def codes_of(api: Api, operation: str, **variables: object) -> list[str]:
    """The codes with which an operation is refused, in `errors` or in `userErrors`."""
    body = await api.result(operation, **variables)
    try:
        return [refusal_of(only_field(body))]
    except Refused as refused:
        return refused.codes


async def test_a_reading_key_reads_and_changes_nothing(
    stack: RunningStack, api: Api, on_shelf: Library, shelf: Shelf
) -> None:
    _, secret = await new_key(api, on_shelf.workspace_id, "READ")
    async with Api(api.url, secret) as reader:
        reading = Library(reader, on_shelf.workspace_id, on_shelf.id)
        assert "bread.txt" in await reading.found("sourdough bread")
        document_id = shelf.documents["bread.txt"]
        refused: dict[str, Json] = {
            "add-text-document": {
                "knowledgeBaseId": on_shelf.id,
                "externalId": "bread.txt",
                "source": {"text": {"body": "Overwritten."}},
            },
            "update-document": {"id": document_id, "title": "Overwritten"},
            "delete-document": {"id": document_id},
            "create-knowledge-base": {"workspaceId": on_shelf.workspace_id, "name": "Mine"},
            "create-api-key": {"workspaceId": on_shelf.workspace_id, "name": "More", "scopes": ["ADMIN"]},
            "ask-question": {
                "workspaceId": on_shelf.workspace_id,
                "question": "May I?",
                "retrieval": {"knowledgeBaseIds": [on_shelf.id], "query": ""},
            },
        }
        for operation, given in refused.items():
            assert await codes_of(reader, operation, input=given) == ["FORBIDDEN"], operation
        with pytest.raises(Refused) as caught:
            await reading.upload("bread.txt", b"Overwritten.", "text/plain")
        assert caught.value.codes == ["FORBIDDEN"]
        with pytest.raises(Refused) as caught:
            await reader.run("list-api-keys", workspaceId=on_shelf.workspace_id)
        assert caught.value.codes == ["FORBIDDEN"]
    shown = await api.run("show-document", id=shelf.documents["bread.txt"])
    assert (shown["title"], shown["version"]) == ("Sourdough at home", 1)


@pytest.mark.parametrize("scope", ["READ", "WRITE", "ASK"])
async def test_every_key_can_see_what_it_is(scope: str, api: Api, on_shelf: Library) -> None:
    _, secret = await new_key(api, on_shelf.workspace_id, scope)
    async with Api(api.url, secret) as guest:
        viewer = await guest.run("viewer")
    assert viewer["scopes"] == [scope]
    assert viewer["apiKey"]["prefix"] == secret[: len(viewer["apiKey"]["prefix"])]
    assert [space["id"] for space in viewer["workspaces"]["nodes"]] == [on_shelf.workspace_id]


async def test_a_key_without_the_scope_to_read_finds_nothing(api: Api, on_shelf: Library) -> None:
    _, secret = await new_key(api, on_shelf.workspace_id, "ASK")
    async with Api(api.url, secret) as asker:
        with pytest.raises(Refused) as refused:
            await Library(asker, on_shelf.workspace_id, on_shelf.id).search("bread")
    assert refused.value.codes == ["FORBIDDEN"]


async def test_a_revoked_key_is_refused_at_once(api: Api, on_shelf: Library) -> None:
    key_id, secret = await new_key(api, on_shelf.workspace_id, "READ", "WRITE")
    async with Api(api.url, secret) as guest:
        assert "bread.txt" in await Library(guest, on_shelf.workspace_id, on_shelf.id).listed()
        revoked = await api.mutate("revoke-api-key", id=key_id)
        assert revoked["apiKey"]["revokedAt"] is not None
        await assert_locked_out(guest, on_shelf)


async def assert_locked_out(guest: Api, library: Library) -> None:
    """A caller without a valid key gets the same refusal everywhere."""
    for operation, variables in (
        ("viewer", {}),
        ("list-documents", {"knowledgeBaseId": library.id}),
        ("delete-document", {"input": {"id": library.id}}),
        ("follow-job", {"jobId": library.id}),
    ):
        response = await guest.result(operation, **variables)
        assert [error["extensions"]["code"] for error in response["errors"]] == ["UNAUTHENTICATED"]
        assert response.get("data") is None
    with pytest.raises(Refused) as refused:
        await gather(guest.events("follow-job", jobId=library.id))
    assert refused.value.codes == ["UNAUTHENTICATED"]
    with pytest.raises((ConnectionClosed, AssertionError)) as closed:
        async with guest.socket():
            pass
    assert isinstance(closed.value, ConnectionClosed)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4403


@pytest.mark.parametrize(
    "wrong",
    [
        "lb_",
        "lb_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZG1pbiJ9.",
        "x" * 5000,
        "' OR 1=1 --",
    ],
)
async def test_a_wrong_key_is_refused_like_a_revoked_one(
    wrong: str, stack: RunningStack, on_shelf: Library
) -> None:
    async with Api(stack.credentials.url, wrong) as stranger:
        await assert_locked_out(stranger, on_shelf)


async def test_nobody_in_particular_sees_nothing(
    stack: RunningStack, on_shelf: Library, shelf: Shelf
) -> None:
    async with Api(stack.credentials.url, None) as nobody:
        assert await nobody.run("viewer") is None
        for operation, variables in (
            ("show-document", {"id": shelf.documents["tasks.md"]}),
            ("search", {"input": {"knowledgeBaseIds": [on_shelf.id], "query": "task"}}),
            ("delete-document", {"input": {"id": shelf.documents["tasks.md"]}}),
        ):
            assert await codes_of(nobody, operation, **variables) == ["UNAUTHENTICATED"], operation
        with pytest.raises(Refused) as refused:
            await Library(nobody, on_shelf.workspace_id, on_shelf.id).upload("a.txt", b"a", "text/plain")
        assert refused.value.codes == ["UNAUTHENTICATED"]


async def test_two_workspaces_never_see_each_other(other: Library, on_shelf: Library) -> None:
    mine = await other.shelve("diary.md", "The neighbour hides gold under the sourdough bread.")
    assert await other.found("sourdough bread") == {"diary.md"}
    for mode in ("HYBRID", "VECTOR", "KEYWORD"):
        texts = [hit["chunk"]["text"] for hit in (await on_shelf.search("gold", mode, first=100))["nodes"]]
        assert not any("gold" in text for text in texts)
    for api, theirs in ((on_shelf.api, other), (other.api, on_shelf)):
        assert await api.run("show-knowledge-base", id=theirs.id) is None
        assert await api.run("list-documents", knowledgeBaseId=theirs.id) is None
        assert await api.run("list-jobs", workspaceId=theirs.workspace_id) is None
        names = [space["id"] for space in (await api.run("viewer"))["workspaces"]["nodes"]]
        assert theirs.workspace_id not in names
    assert await on_shelf.api.run("show-document", id=mine) is None


async def test_a_foreign_id_is_not_found_just_like_a_made_up_one(other: Library, on_shelf: Library) -> None:
    added = await other.add("target.md", "Hands off.")
    await succeed(other.api, added["job"]["id"])
    asked = await other.ask("Whose is it?")
    api = on_shelf.api
    made_up = added["document"]["id"][:-4] + "AAAA"
    for target in (added["document"]["id"], made_up, on_shelf.id, "doc_", "%"):
        for operation in ("update-document", "delete-document"):
            given = {"title": "Mine"} if operation == "update-document" else {}
            assert await api.refusal(operation, id=target, **given) == "NOT_FOUND"
    assert await api.refusal("cancel-job", id=added["job"]["id"]) == "NOT_FOUND"
    assert await api.refusal("retry-job", id=added["job"]["id"]) == "NOT_FOUND"
    assert await api.refusal("cancel-answer", id=asked["answer"]["id"]) == "NOT_FOUND"
    source = {"text": {"body": "Smuggled."}}
    smuggled = await api.refusal("add-text-document", knowledgeBaseId=other.id, source=source)
    assert smuggled == "NOT_FOUND"
    for operation, variables in (
        ("search", {"input": {"knowledgeBaseIds": [other.id], "query": "hands"}}),
        ("search", {"input": {"knowledgeBaseIds": [on_shelf.id, other.id], "query": "hands"}}),
    ):
        assert await codes_of(api, operation, **variables) == ["NOT_FOUND"]
    for operation, subject in (
        ("follow-job", {"jobId": added["job"]["id"]}),
        ("follow-answer", {"answerId": asked["answer"]["id"]}),
        ("follow-workspace-jobs", {"workspaceId": other.workspace_id}),
    ):
        with pytest.raises(Refused) as refused:
            await gather(api.events(operation, **subject))
        assert refused.value.codes == ["NOT_FOUND"], operation
    assert (await other.listed())["target.md"]["title"] != "Mine"


async def test_a_cursor_of_another_stream_is_refused(on_shelf: Library, other: Library) -> None:
    theirs = await other.add("events.md", "An event.")
    cursor = (await succeed(other.api, theirs["job"]["id"]))[0]["cursor"]
    library = await Library.create(on_shelf.api, on_shelf.workspace_id, "Cursors")
    ours = await library.add("events.md", "An event.")
    await succeed(library.api, ours["job"]["id"])
    with pytest.raises(Refused) as refused:
        await gather(library.api.events("follow-job", jobId=ours["job"]["id"], after=cursor))
    assert refused.value.codes == ["BAD_USER_INPUT"]


async def test_keys_are_listed_without_their_secrets(api: Api, on_shelf: Library) -> None:
    key_id, secret = await new_key(api, on_shelf.workspace_id, "READ")
    node = await api.run("list-api-keys", workspaceId=on_shelf.workspace_id, first=100)
    listed = {key["id"]: key for key in node["apiKeys"]["nodes"]}
    assert listed[key_id]["prefix"] == secret[: len(listed[key_id]["prefix"])]
    assert secret not in str(node)
