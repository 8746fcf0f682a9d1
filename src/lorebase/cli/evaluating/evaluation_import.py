"""`lorebase eval import`: the documents and questions of a retrieval set into a knowledge base."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from lorebase.cli.connection.responses import Json, payload_of
from lorebase.cli.connection.session import Session
from lorebase.cli.evaluating.beir import RetrievalSet
from lorebase.cli.ingesting.ingest_files import SourceFile
from lorebase.cli.ingesting.ingest_outcome import Outcome
from lorebase.cli.ingesting.ingest_progress import IngestProgress
from lorebase.cli.ingesting.ingest_run import Ingestion
from lorebase.cli.ingesting.ingest_upload import IngestRequest
from lorebase.cli.output import console

# What the API takes at a time.
CASES = 1000
TITLE_CHARACTERS = 500


class PassageFile(SourceFile):
    """A document of a corpus in a file of its own."""

    @property
    def name(self) -> str:
        """A name that says that it is plain text, whatever the document is called."""
        return f"{self.path.stem}.txt"


@dataclass(frozen=True)
class PassageRequest(IngestRequest):
    """Documents of a corpus carry their titles."""

    titles: Mapping[str, str] = field(default_factory=dict)

    def variables(self, file: SourceFile) -> dict[str, object]:
        """See IngestRequest."""
        title = self.titles.get(file.external_id)
        return super().variables(file) | ({"title": title} if title else {})


async def import_documents(
    session: Session, knowledge_base_id: str, given: RetrievalSet, concurrency: int
) -> Outcome:
    """Takes in every document; those that have not changed are left alone. A document without text fails."""
    with _files(given) as (files, titles, empty):
        outcome = Outcome(total=len(files), skipped=[(key, "it has no text") for key in empty])
        request = PassageRequest(session.workspace_id, knowledge_base_id, titles=titles)
        with IngestProgress(console(), len(files)) as progress:
            await Ingestion(session.client, request, outcome, progress).run(files, concurrency)
    return outcome


async def create_set(session: Session, knowledge_base_id: str, name: str, given: RetrievalSet) -> Json:
    """Keeps the questions as a set of this name, as many requests as it takes."""
    cases = given.cases()
    first = {"knowledgeBaseId": knowledge_base_id, "name": name, "cases": cases[:CASES]}
    data = await session.client.run("create-evaluation-set", {"input": first})
    made: Json = payload_of(data, "createEvaluationSet")["evaluationSet"]
    for start in range(CASES, len(cases), CASES):
        more = {"evaluationSetId": made["id"], "cases": cases[start : start + CASES]}
        data = await session.client.run("add-evaluation-cases", {"input": more})
        made = payload_of(data, "addEvaluationCases")["evaluationSet"]
    return made


@contextmanager
def _files(given: RetrievalSet) -> Iterator[tuple[list[SourceFile], dict[str, str], list[str]]]:
    """The documents as files, their titles, and the ids of those that hold nothing."""
    files: list[SourceFile] = []
    titles: dict[str, str] = {}
    empty: list[str] = []
    with tempfile.TemporaryDirectory(prefix="lb-") as folder:
        for number, passage in enumerate(given.passages()):
            body = (passage.text.strip() or passage.title.strip()).encode("utf-8", "replace")
            if not body:
                empty.append(passage.id)
                continue
            path = Path(folder) / f"{number}.txt"
            path.write_bytes(body)
            files.append(PassageFile(path, passage.id, len(body)))
            titles[passage.id] = passage.title.strip()[:TITLE_CHARACTERS]
        yield files, titles, empty
