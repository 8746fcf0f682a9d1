"""Files and texts that nobody should send: each gets a plain typed error, and nothing else suffers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from lorebase.core.resources import read_operation
from tests.e2e import raw_http
from tests.e2e.client import Api, Json, refusal_of
from tests.e2e.library import Library, failure, succeed
from tests.factories_files import (
    EXECUTABLE,
    MACRO_TYPE,
    PNG,
    PdfPage,
    RawDocx,
    archive,
    archive_with_twins,
    pdf,
    pdf_with_content,
    pdf_with_page_loop,
    simple_pdf,
)
from tests.stack import RunningStack

MIB = 1024 * 1024
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


@pytest.fixture(autouse=True, scope="module")
def unharmed(stack: RunningStack) -> Iterator[None]:
    """After everything in this module the same processes run, and a healthy document goes in as before."""
    before = [(part.name, part.pid, part.restarts) for part in stack.status.parts]
    yield
    assert [(part.name, part.pid, part.restarts) for part in stack.status.parts] == before
    asyncio.run(add_a_healthy_document(stack))


async def add_a_healthy_document(stack: RunningStack) -> None:
    known = stack.credentials
    async with Api(known.url, known.api_key) as api:
        library = await Library.create(api, known.workspace_id, "After the storm")
        await library.shelve("healthy.md", "The air is clear after the storm.")
        assert await library.found("air after a storm") == {"healthy.md"}


@dataclass(frozen=True)
class Bad:
    """A file under a name, and the code of its refusal."""

    name: str
    content: bytes
    code: str
    media_type: str = "application/octet-stream"


AT_THE_DOOR = (
    Bad("empty.txt", b"", "BLANK", "text/plain"),
    Bad("archive.pdf", archive({"a.txt": b"not a PDF"}), "UNSUPPORTED_MEDIA_TYPE", "application/pdf"),
    Bad("program.pdf", EXECUTABLE, "UNSUPPORTED_MEDIA_TYPE", "application/pdf"),
    Bad("program.exe", EXECUTABLE, "UNSUPPORTED_MEDIA_TYPE"),
    Bad("picture.txt", PNG, "UNSUPPORTED_MEDIA_TYPE", "text/plain"),
    Bad("macros.docm", RawDocx(content_type=MACRO_TYPE).build(), "UNSUPPORTED_MEDIA_TYPE", DOCX),
    Bad("large.txt", b"A word and another one. " * (33 * MIB // 24), "TOO_LARGE", "text/plain"),
)
IN_THE_WORKER = (
    Bad("blank.txt", b" \n\t \xe2\x80\x8b\xef\xbb\xbf \n", "EMPTY_DOCUMENT", "text/plain"),
    Bad("cut.pdf", simple_pdf("Half of a file.")[:400], "CORRUPT", "application/pdf"),
    Bad("header.pdf", b"%PDF-1.7\n", "CORRUPT", "application/pdf"),
    Bad("garbage.pdf", b"%PDF-1.4\n" + bytes(range(256)) * 40, "CORRUPT", "application/pdf"),
    Bad("loop.pdf", pdf_with_page_loop(), "CORRUPT", "application/pdf"),
    Bad("scan.pdf", pdf_with_content(b"0 0 100 100 re f"), "NO_TEXT", "application/pdf"),
    Bad(
        "locked.pdf",
        pdf([PdfPage([("Nobody may read this.", 11)])], password="only-for-tests"),
        "ENCRYPTED",
        "application/pdf",
    ),
    Bad(
        "bomb.docx",
        RawDocx(extra={"word/media/zeros.bin": bytes(101 * MIB)}).build(),
        "DECOMPRESSION_LIMIT",
        DOCX,
    ),
    Bad("twins.docx", archive_with_twins(RawDocx().parts(), "word/document.xml"), "CORRUPT", DOCX),
    Bad(
        "laughs.docx",
        RawDocx(
            before='<!DOCTYPE a [<!ENTITY a "ha">'
            + "".join(f'<!ENTITY a{n + 1} "&a{n or ""};&a{n or ""};">' for n in range(40))
            + "]>",
            body="<w:p><w:r><w:t>&a40;</w:t></w:r></w:p>",
        ).build(),
        "CORRUPT",
        DOCX,
    ),
)


@pytest.mark.parametrize("bad", AT_THE_DOOR, ids=lambda bad: bad.name)
async def test_a_file_that_cannot_be_taken_is_refused_at_the_door(bad: Bad, library: Library) -> None:
    payload = await library.upload(bad.name, bad.content, bad.media_type)
    assert refusal_of(payload) == bad.code
    assert await library.listed() == {}


@pytest.mark.parametrize("bad", IN_THE_WORKER, ids=lambda bad: bad.name)
async def test_a_file_that_cannot_be_read_says_why_on_the_document(bad: Bad, library: Library) -> None:
    payload = await library.upload(bad.name, bad.content, bad.media_type)
    assert payload["userErrors"] == []
    found = await failure(library.api, payload["job"]["id"])
    assert (found["code"], found["retryable"]) == (bad.code, False)
    document = (await library.listed())[bad.name]
    assert document["status"] in {"FAILED", "QUARANTINED"}
    assert document["searchable"] is False
    assert document["latestJob"]["error"]["code"] == bad.code
    assert_plain(found["message"])
    assert (await library.search("anything", "VECTOR"))["nodes"] == []


async def test_a_file_that_cannot_be_read_is_still_known_by_its_name(library: Library) -> None:
    payload = await library.upload("minutes of May.pdf", b"%PDF-1.7\n", "application/pdf")
    await failure(library.api, payload["job"]["id"])
    assert (await library.listed())["minutes of May.pdf"]["title"] == "minutes of May.pdf"


def assert_plain(message: str) -> None:
    """A sentence for people, without a word of ours or our machine's."""
    assert message
    for internal in ("Traceback", "Error(", "0x", "/tmp", "site-packages", ".py", "pdfium", "lxml"):
        assert internal not in message


READABLE = {
    "invalid UTF-8": (b"Caf\xe9 au lait in the morning.", "au lait in the morning."),
    "UTF-16": ("Grüße aus der Höhle.".encode("utf-16"), "Grüße aus der Höhle."),
    "NUL bytes": (b"A text with\0 a hole in it.", "a hole in it."),
    "formula": (b"name,value\nx,=cmd|' /C calc'!A0\n", "=cmd|' /C calc'!A0"),
}


@pytest.mark.parametrize("kind", READABLE)
async def test_odd_bytes_are_read_as_text(kind: str, library: Library) -> None:
    content, expected = READABLE[kind]
    payload = await library.upload("odd.csv" if kind == "formula" else "odd.txt", content, "")
    await succeed(library.api, payload["job"]["id"])
    shown = await library.api.run("show-document", id=payload["document"]["id"])
    assert expected in shown["currentVersion"]["text"]
    assert "\0" not in shown["currentVersion"]["text"]


async def test_a_hole_in_inline_text_is_left_out(library: Library) -> None:
    document_id = await library.shelve("hole.md", "A text with a\0hole.")
    shown = await library.api.run("show-document", id=document_id)
    assert shown["currentVersion"]["text"] == "A text with ahole."


async def test_a_file_name_is_a_label_and_never_a_path(library: Library, stack: RunningStack) -> None:
    name = "../../../\u202etxt.exe\x07/../etc/pass\u202ewd.txt"
    payload = await library.api.upload(
        name, b"Harmless words.", "text/plain", knowledgeBaseId=library.id, externalId="odd name"
    )
    await succeed(library.api, payload["job"]["id"])
    shown = await library.api.run("show-document", id=payload["document"]["id"])
    assert shown["title"] == "passwd.txt"
    assert not list(stack.home.rglob("passwd*"))


@pytest.mark.parametrize(
    ("given", "code", "field"),
    [
        ({"title": "x" * MIB}, "TOO_LARGE", "title"),
        ({"tags": [f"t{number}" for number in range(10_000)]}, "LIMIT_EXCEEDED", "tags"),
        ({"tags": ["x" * 101]}, "LIMIT_EXCEEDED", "tags"),
        ({"title": "a\0b"}, "INVALID", "title"),
        ({"metadata": {"key": "a\0b"}}, "INVALID", "metadata"),
        ({"metadata": {"k": "x" * 20_000}}, "LIMIT_EXCEEDED", "metadata"),
        ({"metadata": [1]}, "INVALID", "metadata"),
        ({"language": "not a language"}, "INVALID", "language"),
        ({"externalId": ""}, "INVALID", "externalId"),
        ({"source": {"text": {"body": ""}}}, "BLANK", None),
        ({"source": {"text": {"body": "x" * (MIB + 1)}}}, "TOO_LARGE", "source"),
    ],
    ids=lambda value: "" if isinstance(value, dict) else str(value),
)
async def test_what_is_said_about_a_document_has_limits(
    given: Json, code: str, field: str | None, library: Library
) -> None:
    whole = {"knowledgeBaseId": library.id, "source": {"text": {"body": "Words."}}, **given}
    payload = await library.api.run("add-text-document", input=whole)
    assert refusal_of(payload) == code
    if field:
        assert payload["userErrors"][0]["field"][:2] == ["input", field]
    assert await library.listed() == {}


def test_a_large_body_is_refused_before_it_is_sent(stack: RunningStack) -> None:
    """Of a request of 100 MB only the beginning is sent: the answer does not wait for the rest."""
    answer = raw_http.post(stack.credentials.url, upload_headers(stack), upload_pieces(1), 100_000_000)
    assert (answer.status, answer.code) == (413, "TOO_LARGE")
    assert answer.sent < MIB


def test_a_body_without_end_is_cut_at_the_limit(stack: RunningStack) -> None:
    answer = raw_http.post(stack.credentials.url, upload_headers(stack), upload_pieces(2000), None)
    assert (answer.status, answer.code) == (413, "TOO_LARGE")
    assert 32 * MIB < answer.sent < 64 * MIB


def test_a_large_json_body_is_refused(stack: RunningStack) -> None:
    headers = {**upload_headers(stack), "Content-Type": "application/json"}
    answer = raw_http.post(stack.credentials.url, headers, iter([b'{"query": "#'] + [b"#" * MIB] * 3), None)
    assert (answer.status, answer.code) == (413, "TOO_LARGE")


def upload_headers(stack: RunningStack) -> dict[str, str]:
    return {
        "Authorization": f"Bearer {stack.credentials.api_key}",
        "X-Requested-With": "tests",
        "Content-Type": "multipart/form-data; boundary=cut",
    }


def upload_pieces(pieces: int) -> Iterator[bytes]:
    """The beginning of an upload, with that many times 64 KiB of a file that never ends."""
    operations = json.dumps({"query": read_operation("upload-document"), "variables": {"file": None}})
    for name, value in (("operations", operations), ("map", '{"0": ["variables.file"]}')):
        yield f'--cut\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
    yield b'--cut\r\nContent-Disposition: form-data; name="0"; filename="a.txt"\r\n\r\n'
    for _ in range(pieces):
        yield b"0" * 65_536
