"""A small world of values: one of everything in one workspace, for tests of the API."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID

from lorebase.core.errors import ErrorCode
from lorebase.core.ids import NO_WORKSPACE, GlobalId, new_id
from lorebase.schemas.answers import (
    Answer,
    AnswerSentence,
    AnswerStatus,
    AnswerTimings,
    Citation,
    Conversation,
    FinishReason,
    Message,
    MessageRole,
    TokenUsage,
)
from lorebase.schemas.documents import Chunk, DeletionReceipt, Document, DocumentStatus, DocumentVersion
from lorebase.schemas.embeddings import EmbeddingIndex, EmbeddingModel
from lorebase.schemas.evaluations import EvaluationRun, EvaluationSet
from lorebase.schemas.jobs import (
    Job,
    JobError,
    JobKind,
    JobLane,
    JobProgress,
    JobStage,
    JobStatus,
    JobSubjectType,
)
from lorebase.schemas.knowledge_bases import KnowledgeBase, MetadataField, MetadataFieldType
from lorebase.schemas.parsing import ChunkingRules
from lorebase.schemas.reindex_gates import GateOutcome
from lorebase.schemas.search import SearchExplanation, SearchHit, SearchRequest, SearchScores, TextRange
from lorebase.schemas.workspaces import (
    ApiKey,
    ApiScope,
    Membership,
    Principal,
    User,
    Workspace,
    WorkspaceRole,
)
from tests.fakes.clock import START

TEXT = "Tasks are cancelled with cancel(). The task gets a CancelledError at its next await."
TIMES = {"created_at": START, "updated_at": START}


@dataclass
class World:
    """Everything that the fake services know."""

    workspace: Workspace
    principal: Principal
    keys: dict[UUID, ApiKey] = field(default_factory=dict)
    members: dict[UUID, Membership] = field(default_factory=dict)
    models: dict[UUID, EmbeddingModel] = field(default_factory=dict)
    indexes: dict[UUID, EmbeddingIndex] = field(default_factory=dict)
    knowledge_bases: dict[UUID, KnowledgeBase] = field(default_factory=dict)
    documents: dict[UUID, Document] = field(default_factory=dict)
    versions: dict[UUID, DocumentVersion] = field(default_factory=dict)
    chunks: dict[UUID, Chunk] = field(default_factory=dict)
    jobs: dict[UUID, Job] = field(default_factory=dict)
    receipts: dict[UUID, DeletionReceipt] = field(default_factory=dict)
    conversations: dict[UUID, Conversation] = field(default_factory=dict)
    messages: dict[UUID, Message] = field(default_factory=dict)
    answers: dict[UUID, Answer] = field(default_factory=dict)
    evaluation_sets: dict[UUID, EvaluationSet] = field(default_factory=dict)
    evaluation_runs: dict[UUID, EvaluationRun] = field(default_factory=dict)
    gates: dict[UUID, GateOutcome] = field(default_factory=dict)

    def global_id(self, type_name: str, value: object) -> str:
        """The id that clients use for one of the values."""
        owner = NO_WORKSPACE if type_name == "EmbeddingModel" else self.workspace.id
        return str(GlobalId(type_name, owner, value.id))  # type: ignore[attr-defined]

    @property
    def knowledge_base(self) -> KnowledgeBase:
        return next(iter(self.knowledge_bases.values()))

    @property
    def document(self) -> Document:
        return next(iter(self.documents.values()))

    @property
    def version(self) -> DocumentVersion:
        return next(iter(self.versions.values()))

    @property
    def job(self) -> Job:
        return next(iter(self.jobs.values()))

    @property
    def answer(self) -> Answer:
        return next(iter(self.answers.values()))

    @property
    def conversation(self) -> Conversation:
        return next(iter(self.conversations.values()))


def make_world() -> World:
    """A workspace with a key of all scopes, a ready document in a knowledge base, and an answer."""
    workspace = Workspace(id=new_id(), slug="acme", name="Acme", partition="p_1", **TIMES)
    key = ApiKey(
        id=new_id(),
        workspace_id=workspace.id,
        name="first",
        prefix="lb_abcdefgh",
        scopes=frozenset(ApiScope),
        expires_at=None,
        last_used_at=START,
        revoked_at=None,
        **TIMES,
    )
    principal = Principal(workspace_id=workspace.id, api_key_id=key.id, scopes=key.scopes)
    world = World(workspace=workspace, principal=principal, keys={key.id: key})
    user = User(id=new_id(), email="ada@example.org", name="Ada", **TIMES)
    member = Membership(id=new_id(), workspace_id=workspace.id, user=user, role=WorkspaceRole.ADMIN, **TIMES)
    world.members[member.id] = member
    add_knowledge_base(world)
    add_document(world)
    add_conversation(world)
    return world


def add_knowledge_base(world: World) -> None:
    model = EmbeddingModel(
        id=new_id(),
        name="all-MiniLM-L6-v2",
        provider="local",
        version="1",
        dimensions=384,
        max_input_tokens=256,
        collection="chunks_1",
        deprecated_at=None,
        **TIMES,
    )
    knowledge_base_id = new_id()
    index = EmbeddingIndex(
        id=new_id(),
        workspace_id=world.workspace.id,
        knowledge_base_id=knowledge_base_id,
        model=model,
        job_id=None,
        chunk_count=2,
        document_count=1,
        progress=1.0,
        activated_at=START,
        **TIMES,
    )
    world.models[model.id], world.indexes[index.id] = model, index
    world.knowledge_bases[knowledge_base_id] = KnowledgeBase(
        id=knowledge_base_id,
        workspace_id=world.workspace.id,
        slug="handbook",
        name="Handbook",
        description=None,
        chunking=ChunkingRules(),
        metadata_fields=(MetadataField(path="author.team", type=MetadataFieldType.STRING),),
        active_index_id=index.id,
        version=1,
        **TIMES,
    )


def add_document(world: World, title: str = "Asyncio") -> Document:
    document_id, version_id = new_id(), new_id()
    document = Document(
        id=document_id,
        workspace_id=world.workspace.id,
        knowledge_base_id=world.knowledge_base.id,
        external_id=f"ext-{title}",
        title=title,
        language="en",
        tags=("python",),
        metadata={"author": {"team": "core"}},
        media_type="text/plain",
        status=DocumentStatus.READY,
        generation=1,
        live_generation=1,
        current_version_id=version_id,
        version=3,
        **TIMES,
    )
    version = DocumentVersion(
        id=version_id,
        workspace_id=world.workspace.id,
        document_id=document_id,
        number=1,
        generation=1,
        blob_key="k",
        file_name="asyncio “guide”.txt",
        media_type="text/plain",
        byte_size=len(TEXT),
        content_hash="0" * 64,
        **TIMES,
    )
    job = make_job(world, document_id)
    world.documents[document_id], world.versions[version_id], world.jobs[job.id] = document, version, job
    for ordinal, (start, end) in enumerate(((0, 34), (35, len(TEXT)))):
        chunk = Chunk(
            id=new_id(),
            workspace_id=world.workspace.id,
            document_id=document_id,
            version_id=version_id,
            ordinal=ordinal,
            start_offset=start,
            end_offset=end,
            page=None,
            section=("Tasks",),
            token_count=9,
            text=TEXT[start:end],
        )
        world.chunks[chunk.id] = chunk
    return document


def make_job(world: World, document_id: UUID, **given: object) -> Job:
    values: dict[str, object] = {
        "id": new_id(),
        "workspace_id": world.workspace.id,
        "kind": JobKind.INGEST,
        "status": JobStatus.QUEUED,
        "lane": JobLane.DOCUMENTS,
        "subject_type": JobSubjectType.DOCUMENT,
        "subject_id": document_id,
        "generation": 1,
        "attempt": 2,
        "fence": 2,
        "progress": JobProgress(stage=JobStage.EMBED, completed=3, total=7),
        "error": JobError(code=ErrorCode.MODEL_UNAVAILABLE, message="The model is busy.", retryable=True),
        "cancel_requested": False,
        "event_sequence": 4,
        "trace_id": "t" * 32,
        "run_at": START,
        "started_at": START,
        "finished_at": None,
        **TIMES,
    }
    return Job.model_validate({**values, **given})


def make_hit(world: World, chunk: Chunk, rank: int = 1) -> SearchHit:
    return SearchHit(
        chunk_id=chunk.id,
        document_id=chunk.document_id,
        version_id=chunk.version_id,
        score=1.0 / rank,
        scores=SearchScores(vector=0.9, keyword=2.5),
        explanation=SearchExplanation(fused_rank=rank, vector_rank=rank, keyword_rank=None),
        highlights=(TextRange(start=0, end=5),),
        copies=3,
    )


def add_conversation(world: World) -> None:
    conversation = Conversation(
        id=new_id(),
        workspace_id=world.workspace.id,
        title="How?",
        knowledge_base_ids=(world.knowledge_base.id,),
        **TIMES,
    )
    answer_id, message_id = new_id(), new_id()
    chunk = next(iter(world.chunks.values()))
    hit = make_hit(world, chunk)
    quote = TextRange(start=0, end=33)
    answer = Answer(
        id=answer_id,
        workspace_id=world.workspace.id,
        conversation_id=conversation.id,
        message_id=message_id,
        job_id=world.job.id,
        status=AnswerStatus.COMPLETED,
        text="With cancel(). [1]",
        question="How?",
        retrieval=SearchRequest(knowledge_base_ids=(world.knowledge_base.id,), query="How?"),
        max_tokens=None,
        finish_reason=FinishReason.STOP,
        model="lorebase-extractive",
        prompt="answer_with_citations.v1",
        error=None,
        retrieved=(hit,),
        citations=(
            Citation(
                index=1,
                chunk_id=chunk.id,
                version_id=chunk.version_id,
                quote=TEXT[0:33],
                range=TextRange(start=0, end=14),
                document_range=quote,
            ),
        ),
        sentences=(AnswerSentence(range=TextRange(start=0, end=14), support=0.8, citation_indexes=(1,)),),
        support=0.8,
        timings=AnswerTimings(first_token_ms=12, retrieval_ms=8, total_ms=40),
        usage=TokenUsage(prompt_tokens=100, completion_tokens=9),
        event_sequence=7,
        trace_id="a" * 32,
        **TIMES,
    )
    world.conversations[conversation.id], world.answers[answer_id] = conversation, answer
    for role, text, shown in (
        (MessageRole.USER, "How?", None),
        (MessageRole.ASSISTANT, answer.text, answer_id),
    ):
        message = Message(
            id=new_id(),
            workspace_id=world.workspace.id,
            conversation_id=conversation.id,
            role=role,
            text=text,
            answer_id=shown,
            **TIMES,
        )
        world.messages[message.id] = message
    receipt = DeletionReceipt(
        id=new_id(),
        workspace_id=world.workspace.id,
        document_id=world.document.id,
        vectors_remaining=2,
        requested_at=START,
        completed_at=None,
    )
    world.receipts[receipt.id] = receipt
