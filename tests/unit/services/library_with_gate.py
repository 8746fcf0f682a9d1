"""A library with questions of stop words, which only vectors answer, and a model that may answer badly."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from lorebase.schemas.embeddings import EmbeddingModel, Embeddings
from lorebase.schemas.evaluations import CreateEvaluationSet, EvaluationSet, NewCase, Relevance
from lorebase.schemas.jobs import Job
from lorebase.schemas.reindex_gates import GateOutcome, ReindexGate
from lorebase.services.evaluations.evaluations import EvaluationService
from tests.factories import Tenant
from tests.fakes.embedder import FakeEmbedder
from tests.fakes.world import World
from tests.unit.services.library_of_indexes import Library

QUESTIONS = ("who", "before", "under")
# With these the document that answers is not among the first ten when it comes last.
FILLERS = 11


class ContraryEmbedder(FakeEmbedder):
    """Turns the questions round for vectors of one length: what answers them comes last."""

    def __init__(self) -> None:
        super().__init__()
        self.contrary_dimensions: int | None = None

    async def embed(self, model: EmbeddingModel, texts: Sequence[str]) -> Embeddings:
        made = await super().embed(model, texts)
        if model.dimensions != self.contrary_dimensions:
            return made
        turned = (
            tuple(-value for value in vector) if text in QUESTIONS else vector
            for text, vector in zip(texts, made.vectors, strict=True)
        )
        return made.model_copy(update={"vectors": tuple(turned)})


class GatedLibrary(Library):
    """A library with an evaluation set."""

    def __init__(self, world: World, tenant: Tenant) -> None:
        world.embedder = self.embedder = ContraryEmbedder()
        super().__init__(world, tenant)
        self.evaluations = EvaluationService(
            units=world.units,
            queue=world.queue,
            events=world.events,
            clock=world.clock,
            settings=world.settings,
        )
        self.set_id: UUID | None = None

    async def open(self, *, contrary: bool = False) -> None:
        """Documents and questions; the new model finds what the old one finds unless it is contrary."""
        self.embedder.contrary_dimensions = self.shorter.dimensions if contrary else None
        for question in QUESTIONS:
            await self.add(question, f"{question} " * 40)
        for number in range(FILLERS):
            await self.add(f"filler {number}", "Lighthouse. ")
        await self.world.run_all()
        self.set_id = (await self.create_set("Questions", *QUESTIONS)).id

    async def create_set(self, name: str, *questions: str, base_id: UUID | None = None) -> EvaluationSet:
        """A set whose questions are answered by the documents of the same names."""
        cases = tuple(NewCase(query=each, relevant=(Relevance(external_id=each),)) for each in questions)
        wish = CreateEvaluationSet(knowledge_base_id=base_id or self.base_id, name=name, cases=cases)
        return await self.evaluations.create_set(self.tenant.principal, wish)

    async def move(self, *, activate: bool = True, **accepted: float | None) -> Job:
        """The job of a reindex with a gate."""
        assert self.set_id is not None
        gate = ReindexGate.model_validate({"evaluation_set_id": self.set_id, **accepted})
        return await self.reindex(activate=activate, gate=gate)

    async def outcome(self, job: Job) -> GateOutcome:
        """What the gate of the job measured."""
        return (await self.world.indexes.gates(self.tenant.principal, [job.id]))[job.id]

    def runs(self) -> int:
        """Measurements there are."""
        return len(self.world.database.state.evaluation_runs)

    async def measures(self) -> bool:
        """Whether a gate has begun."""
        return self.runs() > 0

    async def is_built(self, job: Job) -> bool:
        """Whether the index of the job is complete and still there."""
        return {index.id: index.is_complete for index in await self.indexes()}.get(job.subject_id, False)
