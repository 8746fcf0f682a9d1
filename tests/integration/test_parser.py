"""The parser with its real processes: what they give up, how they end, and who outlives whom."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
import zlib
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from lorebase.clients.parsing.subprocess_parser import SubprocessParser, limits_of
from lorebase.core.config import ContentSettings
from lorebase.core.errors import DocumentRefused, ErrorCode
from lorebase.core.media_types import MediaType
from lorebase.schemas.parsing import ParsedDocument
from tests.factories_files import RawDocx, docx, pdf_with_content, raw_pdf, simple_pdf

LIMITS = limits_of(ContentSettings())
# Some five seconds of work, so that the fastest machine needs longer than the limits of these tests.
SLOW_HTML = b"<a href=x>" * 2_000_000 + b"end"
BOUND_SECONDS = 60.0


@pytest.fixture
async def parser() -> AsyncIterator[SubprocessParser]:
    running = SubprocessParser(LIMITS)
    yield running
    await running.close()


async def parse(
    parser: SubprocessParser, tmp_path: Path, content: bytes, media_type: MediaType
) -> ParsedDocument:
    path = tmp_path / "document"
    path.write_bytes(content)
    return await asyncio.wait_for(parser.parse(path, media_type, "document"), BOUND_SECONDS)


async def refusal(
    parser: SubprocessParser, tmp_path: Path, content: bytes, media_type: MediaType
) -> ErrorCode:
    with pytest.raises(DocumentRefused) as caught:
        await parse(parser, tmp_path, content, media_type)
    return caught.value.code


async def is_alive(parser: SubprocessParser, tmp_path: Path) -> bool:
    for media_type in (MediaType.TEXT, MediaType.HTML):
        path = tmp_path / "alive"
        path.write_bytes(b"still here")
        document = await parser.parse(path, media_type, None)
        assert document.text == "still here"
    return True


def fork_server() -> psutil.Process:
    (server,) = [child for child in psutil.Process().children() if "fork_server" in " ".join(child.cmdline())]
    return server


async def until(holds: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it never came true"
        await asyncio.sleep(0.02)


@pytest.mark.parametrize(
    ("media_type", "content", "text"),
    [
        (MediaType.TEXT, "grüße".encode(), "grüße"),
        (MediaType.MARKDOWN, b"# Title\n\ntext", "# Title\n\ntext"),
        (MediaType.CSV, b"a,b\n1,2", "a: 1; b: 2"),
        (MediaType.JSON, b'{"a": [1, 2]}', "a: 1, 2"),
        (MediaType.HTML, b"<h1>Title</h1><p>text", "Title\n\ntext"),
        (MediaType.PDF, simple_pdf("One.", "Two."), "One.\n\nTwo."),
        (MediaType.DOCX, docx([("Heading 1", "Title"), ("Normal", "text")]), "Title\n\ntext"),
    ],
)
async def test_every_type_is_read(
    parser: SubprocessParser, tmp_path: Path, media_type: MediaType, content: bytes, text: str
) -> None:
    document = await parse(parser, tmp_path, content, media_type)
    assert (document.text, document.media_type) == (text, media_type)


async def test_structure_comes_through(parser: SubprocessParser, tmp_path: Path) -> None:
    markup = b"<html lang=fr><title>Guide - Site</title><h1>Guide</h1><p>x</p><h2>Part</h2><p>y</p>"
    document = await parse(parser, tmp_path, markup, MediaType.HTML)
    assert (document.title, document.language) == ("Guide", "fr")
    assert [(heading.level, heading.title) for heading in document.headings] == [(1, "Guide"), (2, "Part")]
    pages = (await parse(parser, tmp_path, simple_pdf("One.", "Two."), MediaType.PDF)).pages
    assert [page.number for page in pages] == [1, 2]


@pytest.mark.parametrize(
    ("media_type", "content", "code"),
    [
        (MediaType.TEXT, b"", ErrorCode.EMPTY_DOCUMENT),
        (MediaType.TEXT, " \n\u200b\ufeff".encode(), ErrorCode.EMPTY_DOCUMENT),
        (MediaType.MARKDOWN, b"\x00\x00", ErrorCode.EMPTY_DOCUMENT),
        (MediaType.HTML, b"<script>x()</script>", ErrorCode.EMPTY_DOCUMENT),
        (MediaType.CSV, b",,\n,,", ErrorCode.EMPTY_DOCUMENT),
        (MediaType.JSON, b"{}", ErrorCode.EMPTY_DOCUMENT),
        (MediaType.DOCX, RawDocx(body="<w:p/>").build(), ErrorCode.EMPTY_DOCUMENT),
        (MediaType.PDF, pdf_with_content(b"0 0 9 9 re f"), ErrorCode.NO_TEXT),
        (MediaType.PDF, b"%PDF-1.4 nothing more", ErrorCode.CORRUPT),
        (MediaType.DOCX, b"PK\x03\x04 nothing more", ErrorCode.CORRUPT),
    ],
)
async def test_refusals_say_why_and_harm_nobody(
    parser: SubprocessParser, tmp_path: Path, media_type: MediaType, content: bytes, code: ErrorCode
) -> None:
    assert await refusal(parser, tmp_path, content, media_type) is code
    assert await is_alive(parser, tmp_path)


async def test_an_unknown_type_is_refused(parser: SubprocessParser, tmp_path: Path) -> None:
    path = tmp_path / "picture"
    path.write_bytes(b"x")
    with pytest.raises(DocumentRefused) as caught:
        await parser.parse(path, "image/png", None)
    assert caught.value.code is ErrorCode.UNSUPPORTED_TYPE


async def test_a_missing_file_is_no_fault_of_the_document(parser: SubprocessParser, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        await parser.parse(tmp_path / "gone", MediaType.TEXT, None)


async def test_zero_characters_never_come_through(parser: SubprocessParser, tmp_path: Path) -> None:
    document = await parse(parser, tmp_path, b"a\x00b\r\nc", MediaType.TEXT)
    assert document.text == "ab\nc"


async def test_texts_share_one_process_and_others_get_their_own(
    parser: SubprocessParser, tmp_path: Path
) -> None:
    for _ in range(3):
        await is_alive(parser, tmp_path)
    server = fork_server()
    await until(lambda: len(server.children()) == 1)
    warm = server.children()[0].pid
    await is_alive(parser, tmp_path)
    await until(lambda: [child.pid for child in server.children()] == [warm])


async def test_processes_have_no_environment_and_hold_no_foreign_files(
    parser: SubprocessParser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    await is_alive(parser, tmp_path)
    await until(lambda: len(fork_server().children()) == 1)
    (warm,) = fork_server().children()
    assert fork_server().environ() == warm.environ() == {}
    sockets = [entry for entry in os.listdir(f"/proc/{warm.pid}/fd") if int(entry) > 2]
    assert len(sockets) == 1


async def test_processes_can_write_no_file_and_open_few(parser: SubprocessParser, tmp_path: Path) -> None:
    await is_alive(parser, tmp_path)
    await until(lambda: len(fork_server().children()) == 1)
    (warm,) = fork_server().children()
    assert warm.rlimit(psutil.RLIMIT_FSIZE) == (0, 0)
    assert warm.rlimit(psutil.RLIMIT_CORE) == (0, 0)
    assert warm.rlimit(psutil.RLIMIT_NOFILE)[1] <= 32
    mapped = warm.memory_info().vms
    assert warm.rlimit(psutil.RLIMIT_AS)[1] <= mapped + LIMITS.memory_bytes


async def test_many_documents_at_once_are_all_read(parser: SubprocessParser, tmp_path: Path) -> None:
    paths = []
    for number in range(40):
        paths.append(tmp_path / str(number))
        paths[-1].write_bytes(b"<p>number %d" % number)
    types = [MediaType.HTML if number % 2 else MediaType.TEXT for number in range(40)]
    documents = await asyncio.gather(
        *(parser.parse(path, kind, None) for path, kind in zip(paths, types, strict=True))
    )
    assert [document.text.split()[-1] for document in documents] == [str(number) for number in range(40)]


async def test_a_large_text_comes_through_whole(parser: SubprocessParser, tmp_path: Path) -> None:
    content = b"0123456789abcdef" * 600_000
    assert len((await parse(parser, tmp_path, content, MediaType.TEXT)).text) == 9_600_000


async def test_a_text_past_the_limit_is_refused(parser: SubprocessParser, tmp_path: Path) -> None:
    assert await refusal(parser, tmp_path, b"x" * 10_000_001, MediaType.TEXT) is ErrorCode.TOO_LARGE


async def test_a_document_that_takes_too_long_is_stopped(tmp_path: Path) -> None:
    limits = replace(LIMITS, wall_seconds=0.5)
    parser = SubprocessParser(limits)
    try:
        assert await refusal(parser, tmp_path, SLOW_HTML, MediaType.HTML) is ErrorCode.PARSE_TIMEOUT
        server = fork_server()
        await until(lambda: server.children() == [])
    finally:
        await parser.close()


async def test_a_document_that_burns_too_much_time_is_stopped_by_the_kernel(tmp_path: Path) -> None:
    parser = SubprocessParser(replace(LIMITS, cpu_seconds=1))
    try:
        assert await refusal(parser, tmp_path, SLOW_HTML, MediaType.HTML) is ErrorCode.PARSE_TIMEOUT
        assert await is_alive(parser, tmp_path)
    finally:
        await parser.close()


async def test_the_warm_process_is_replaced_when_a_text_takes_too_long(tmp_path: Path) -> None:
    parser = SubprocessParser(replace(LIMITS, wall_seconds=5.0))
    pipe = tmp_path / "endless"
    os.mkfifo(pipe)
    try:
        assert await is_alive(parser, tmp_path)
        before = fork_server().children()[0].pid
        with pytest.raises(DocumentRefused) as caught:
            await parser.parse(pipe, MediaType.TEXT, None)
        assert caught.value.code is ErrorCode.PARSE_TIMEOUT
        assert await is_alive(parser, tmp_path)
        assert before not in [child.pid for child in fork_server().children()]
    finally:
        await parser.close()


async def test_a_flate_bomb_stays_within_its_memory(tmp_path: Path) -> None:
    parser = SubprocessParser(replace(LIMITS, memory_bytes=64 << 20))
    inner = zlib.compress(bytes(300_000_000), 1)
    packed = zlib.compress(inner, 9)
    bomb = raw_pdf(
        {
            1: b"<< /Type /Catalog /Pages 2 0 R >>",
            2: b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            3: b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Contents 4 0 R >>",
            4: b"<< /Length %d /Filter [/FlateDecode /FlateDecode] >>\nstream\n%s\nendstream"
            % (len(packed), packed),
        }
    )
    try:
        code = await refusal(parser, tmp_path, bomb, MediaType.PDF)
        assert code in (
            ErrorCode.CORRUPT,
            ErrorCode.NO_TEXT,
            ErrorCode.DECOMPRESSION_LIMIT,
            ErrorCode.PARSE_CRASHED,
        )
        assert await is_alive(parser, tmp_path)
    finally:
        await parser.close()


async def test_a_page_that_needs_more_memory_than_allowed_is_not_called_empty(tmp_path: Path) -> None:
    parser = SubprocessParser(replace(LIMITS, memory_bytes=256 << 20))
    try:
        assert await refusal(parser, tmp_path, SLOW_HTML, MediaType.HTML) is ErrorCode.DECOMPRESSION_LIMIT
        assert await is_alive(parser, tmp_path)
    finally:
        await parser.close()


async def test_a_word_file_that_grows_in_memory_is_stopped(tmp_path: Path) -> None:
    parser = SubprocessParser(replace(LIMITS, memory_bytes=48 << 20))
    content = RawDocx(body="".join(f"<w:p><w:r><w:t>{n}</w:t></w:r></w:p>" for n in range(400_000))).build()
    try:
        code = await refusal(parser, tmp_path, content, MediaType.DOCX)
        assert code in (ErrorCode.CORRUPT, ErrorCode.DECOMPRESSION_LIMIT, ErrorCode.PARSE_CRASHED)
        assert await is_alive(parser, tmp_path)
    finally:
        await parser.close()


async def test_a_process_that_dies_takes_only_its_document_with_it(
    parser: SubprocessParser, tmp_path: Path
) -> None:
    assert await is_alive(parser, tmp_path)
    server = fork_server()
    await until(lambda: len(server.children()) == 1)
    warm = server.children()[0].pid
    doomed = asyncio.create_task(parse(parser, tmp_path, SLOW_HTML, MediaType.HTML))
    await until(lambda: len(server.children()) == 2)
    (child,) = [child for child in server.children() if child.pid != warm]
    child.send_signal(signal.SIGSEGV)
    with pytest.raises(DocumentRefused) as caught:
        await doomed
    assert caught.value.code is ErrorCode.PARSE_CRASHED
    assert await is_alive(parser, tmp_path)
    assert warm in [child.pid for child in server.children()]


async def test_a_warm_process_that_died_between_documents_is_replaced(
    parser: SubprocessParser, tmp_path: Path
) -> None:
    assert await is_alive(parser, tmp_path)
    await until(lambda: len(fork_server().children()) == 1)
    (warm,) = fork_server().children()
    warm.kill()
    await until(lambda: warm.pid not in [child.pid for child in fork_server().children()])
    assert await is_alive(parser, tmp_path)


async def test_a_fork_server_that_dies_is_started_again(parser: SubprocessParser, tmp_path: Path) -> None:
    assert await is_alive(parser, tmp_path)
    before = fork_server()
    children = before.children()
    before.kill()
    await until(lambda: not any(child.is_running() for child in children))
    assert await is_alive(parser, tmp_path)
    assert fork_server().pid != before.pid


async def test_a_document_survives_the_death_of_the_fork_server(
    parser: SubprocessParser, tmp_path: Path
) -> None:
    assert await is_alive(parser, tmp_path)
    server = fork_server()
    await until(lambda: len(server.children()) == 1)
    reading = asyncio.create_task(parse(parser, tmp_path, SLOW_HTML, MediaType.HTML))
    await until(lambda: len(server.children()) == 2)
    server.kill()
    assert (await reading).text == "end"


async def test_a_cancelled_document_leaves_no_process(parser: SubprocessParser, tmp_path: Path) -> None:
    assert await is_alive(parser, tmp_path)
    server = fork_server()
    await until(lambda: len(server.children()) == 1)
    reading = asyncio.create_task(parse(parser, tmp_path, SLOW_HTML, MediaType.HTML))
    await until(lambda: len(server.children()) == 2)
    reading.cancel()
    await until(lambda: len(server.children()) == 1)
    assert await is_alive(parser, tmp_path)


async def test_closing_ends_every_process(tmp_path: Path) -> None:
    parser = SubprocessParser(LIMITS)
    assert await is_alive(parser, tmp_path)
    mine = [fork_server(), *fork_server().children()]
    await parser.close()
    assert not any(process.is_running() for process in mine)
    await parser.close()


OWNER = """
import asyncio, sys
from pathlib import Path
from lorebase.clients.parsing.subprocess_parser import SubprocessParser, limits_of
from lorebase.core.config import ContentSettings

async def main():
    parser = SubprocessParser(limits_of(ContentSettings()))
    await parser.parse(Path(sys.argv[1]), "text/plain", None)
    print("ready", flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""


def start_owner(path: Path) -> subprocess.Popen[bytes]:
    environment = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-c", OWNER, str(path)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, env=environment)


async def test_killing_the_owner_leaves_no_orphan(tmp_path: Path) -> None:
    path = tmp_path / "document"
    path.write_bytes(b"hello")
    owner = start_owner(path)
    try:
        assert owner.stdout is not None
        assert await asyncio.to_thread(owner.stdout.readline) == b"ready\n"
        orphans = psutil.Process(owner.pid).children(recursive=True)
        assert len(orphans) == 2
    finally:
        owner.kill()
        owner.communicate()
    await until(lambda: not any(process.is_running() for process in orphans))


async def test_a_name_that_is_not_ascii_can_be_read(parser: SubprocessParser, tmp_path: Path) -> None:
    path = tmp_path / "grüße 你好.txt"
    path.write_bytes(b"hello")
    assert (await parser.parse(path, MediaType.TEXT, path.name)).text == "hello"
