"""No tenant sees, changes or links to another's rows, whatever it asks; the system role reads no content."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from lorebase.core.errors import ErrorCode, NotFound
from lorebase.core.ids import new_id
from lorebase.models import metadata
from lorebase.repositories.unit_of_work import SqlUnitOfWork, SqlUnitOfWorkFactory
from lorebase.schemas.answers import MessageRole
from lorebase.schemas.jobs import JobError, JobLane
from lorebase.schemas.pagination import PageRequest
from lorebase.schemas.search import KeywordPosting, KeywordQuery
from tests.contracts.evaluations_contract import Place, a_case, a_result, add_run, add_set
from tests.integration.database import (  # noqa: F401
    DatabaseUrls,
    connect,
    database,
    database_settings,
    engine,
    migrated_template,
    module_database,
    units,
)
from tests.integration.sql.factories import (
    Tenant,
    add_live,
    answer,
    conversation,
    document,
    job,
    make_tenant,
    message,
    version,
)

SHARED = {"embedding_models", "keyword_analysers"}
NOT_BY_WORKSPACE = {"workspaces", "users", "periodic_tasks", *SHARED}
BY_WORKSPACE = sorted(set(metadata.tables) - NOT_BY_WORKSPACE)
SYSTEM_READS = {"jobs", "api_keys", "memberships", "workspaces", "index_documents", "periodic_tasks"}
ERROR = JobError(code=ErrorCode.INTERNAL, message="m", retryable=True)


@dataclass(frozen=True)
class Neighbours:
    """Two workspaces in one database, and a bare connection as the application's login."""

    units: SqlUnitOfWorkFactory
    urls: DatabaseUrls
    login: asyncpg.Connection
    mine: Tenant
    theirs: Tenant

    async def as_tenant(self, tenant: Tenant, statement: str, *values: object) -> str:
        """Runs a statement for a tenant; PostgreSQL's word for what it did."""
        async with self.login.transaction():
            await self.enter(str(tenant.workspace_id))
            return str(await self.login.execute(statement, *values))

    async def seen_by(self, tenant: Tenant, query: str) -> Any:
        """The one value that a tenant reads."""
        async with self.login.transaction():
            await self.enter(str(tenant.workspace_id))
            return await self.login.fetchval(query)

    async def enter(self, setting: str) -> None:
        await self.login.execute("SELECT set_config('app.workspace_id', $1, true)", setting)

    async def as_system(self, query: str) -> list[asyncpg.Record]:
        """What the system role reads."""
        async with self.login.transaction():
            await self.login.execute("SET LOCAL ROLE lorebase_system")
            return list(await self.login.fetch(query))

    async def as_owner(self, query: str, *values: object) -> list[asyncpg.Record]:
        """What the owner reads or does."""
        owner = await connect(self.urls.owner)
        try:
            return list(await owner.fetch(query, *values))
        finally:
            await owner.close()


@pytest.fixture
async def neighbours(
    units: SqlUnitOfWorkFactory,  # noqa: F811
    database: DatabaseUrls,  # noqa: F811
) -> AsyncIterator[Neighbours]:
    mine = await make_tenant(units, database)
    theirs = await make_tenant(units, database, model=mine.model)
    login = await connect(database.login)
    yield Neighbours(units, database, login, mine, theirs)
    await login.close()


async def fill(at: Neighbours, tenant: Tenant) -> dict[str, UUID]:
    """At least one row of the tenant in every table."""
    async with at.units.for_system() as system:
        await system.periodic.claim(str(tenant.workspace_id), new_id(), timedelta(hours=1), timedelta())
        await system.commit()
    async with at.units.for_workspace(tenant.workspace_id) as uow:
        live = await add_live(uow, tenant)
        await uow.versions.set_text(live.version.id, "one two")
        posting = KeywordPosting(term=1, chunk_id=live.chunks[0].id, weight=1.0)
        await uow.keywords.replace(tenant.knowledge_base_id, live.document.id, 1, [posting])
        receipt = await uow.documents.add_receipt(new_id(), live.document.id, 2)
        await uow.embeddings.cache_vectors(tenant.model.id, {b"h" * 32: (1.0,)})
        work = await uow.jobs.add(job(live.document.id))
        started = conversation(tenant)
        await uow.conversations.add(started)
        answer_id = new_id()
        shown = message(started, role=MessageRole.ASSISTANT, answer_id=answer_id)
        await uow.conversations.add_message(shown)
        await uow.answers.add(answer(started, shown.id, work.id, id=answer_id))
        await uow.idempotency.claim(tenant.workspace_id, "key", "m", b"f")
        measured = await add_set(uow, Place(tenant.workspace_id, tenant.knowledge_base_id, tenant.index_id))
        await uow.evaluations.add_cases(measured.id, [case := a_case(1)])
        run = await add_run(uow, measured, tenant.index_id)
        await uow.evaluations.add_results(run.id, [a_result(case)])
        key = await uow.workspaces.add_key("k", "lb_", tenant.workspace_id.bytes * 2, frozenset(), None)
        await uow.commit()
    user = new_id()
    await at.as_owner("INSERT INTO users (id, email, name) VALUES ($1, $2, 'n')", user, str(user))
    await at.as_owner(
        "INSERT INTO memberships (workspace_id, id, user_id, role) VALUES ($1, $2, $2, 'ADMIN')",
        tenant.workspace_id,
        user,
    )
    await at.as_owner(
        "INSERT INTO citations VALUES ($1, $2, 0, 1, $2, $2, 'q', 0, 1, 0, 1)", tenant.workspace_id, answer_id
    )
    return {
        "document": live.document.id,
        "version": live.version.id,
        "chunk": live.chunks[0].id,
        "job": work.id,
        "conversation": started.id,
        "message": shown.id,
        "answer": answer_id,
        "receipt": receipt.id,
        "key": key.id,
    }


async def test_every_table_is_under_row_level_security_even_for_its_owner(neighbours: Neighbours) -> None:
    rows = await neighbours.as_owner(
        "SELECT relname, relrowsecurity AND relforcerowsecurity AS secured FROM pg_class "
        "WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname <> 'alembic_version'"
    )
    assert {row["relname"] for row in rows} == set(metadata.tables)
    assert {row["relname"] for row in rows if not row["secured"]} == SHARED


async def test_keys_and_references_of_tenants_begin_with_the_workspace(neighbours: Neighbours) -> None:
    constraints = await neighbours.as_owner(
        "SELECT conrelid::regclass::text AS owner, pg_get_constraintdef(oid) AS definition "
        "FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND contype IN ('p', 'u', 'f') "
        "AND coalesce(confrelid::regclass::text, '') "
        "NOT IN ('users', 'embedding_models', 'keyword_analysers')"
    )
    checked = [row["definition"] for row in constraints if row["owner"] in BY_WORKSPACE]
    assert len(checked) > 40
    assert [one for one in checked if "(workspace_id" not in one.split(" REFERENCES")[0]] == []
    indexes = await neighbours.as_owner(
        "SELECT tablename, indexdef FROM pg_indexes WHERE indexdef LIKE '%UNIQUE%' AND schemaname = 'public'"
    )
    unique = [row["indexdef"] for row in indexes if row["tablename"] in BY_WORKSPACE]
    assert [one for one in unique if "btree (workspace_id, " not in one] == []


async def test_each_table_shows_a_tenant_its_own_rows_only(neighbours: Neighbours) -> None:
    for one in (neighbours.mine, neighbours.theirs):
        await fill(neighbours, one)
    mine = neighbours.mine
    for table in BY_WORKSPACE:
        seen = await neighbours.seen_by(mine, f"SELECT array_agg(DISTINCT workspace_id) FROM {table}")
        assert seen == [mine.workspace_id], table
    assert await neighbours.seen_by(mine, "SELECT array_agg(id) FROM workspaces") == [mine.workspace_id]
    assert await neighbours.seen_by(mine, "SELECT count(*) FROM users") == 1


@pytest.mark.parametrize("setting", [None, "", str(UUID(int=7))])
async def test_without_a_workspace_every_table_is_empty(neighbours: Neighbours, setting: str | None) -> None:
    await fill(neighbours, neighbours.mine)
    login = neighbours.login
    for table in set(metadata.tables) - SHARED:
        async with login.transaction():
            if setting is not None:
                await neighbours.enter(setting)
            assert await login.fetchval(f"SELECT count(*) FROM {table}") == 0, table


async def test_no_statement_changes_or_removes_a_neighbours_row(neighbours: Neighbours) -> None:
    await fill(neighbours, neighbours.theirs)
    for table in BY_WORKSPACE:
        for statement in (f"UPDATE {table} SET workspace_id = workspace_id", f"DELETE FROM {table}"):
            done = await neighbours.as_tenant(
                neighbours.mine, f"{statement} WHERE workspace_id = $1", neighbours.theirs.workspace_id
            )
            assert done.endswith(" 0"), statement


@pytest.mark.parametrize("table", BY_WORKSPACE)
async def test_a_row_cannot_be_given_to_a_neighbour(neighbours: Neighbours, table: str) -> None:
    await fill(neighbours, neighbours.mine)
    theirs = neighbours.theirs.workspace_id
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await neighbours.as_tenant(neighbours.mine, f"UPDATE {table} SET workspace_id = $1", theirs)


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM embedding_models",
        "UPDATE embedding_models SET name = 'x'",
        "DELETE FROM keyword_analysers",
        "UPDATE keyword_analysers SET chosen_at = now()",
        "INSERT INTO keyword_analysers (version) VALUES (2)",
        "INSERT INTO users (id, email, name) VALUES (uuidv7(), 'x', 'x')",
        "DELETE FROM workspaces",
        "DELETE FROM alembic_version",
        "TRUNCATE documents",
        "CREATE TABLE mine (id int)",
        "ALTER TABLE documents DISABLE ROW LEVEL SECURITY",
        "SET ROLE lorebase_owner",
    ],
)
async def test_what_is_shared_and_how_it_is_kept_cannot_be_changed_by_a_tenant(
    neighbours: Neighbours, statement: str
) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await neighbours.as_tenant(neighbours.mine, statement)


async def test_repositories_answer_a_neighbours_ids_as_if_there_were_none(neighbours: Neighbours) -> None:
    there, theirs = neighbours.theirs, await fill(neighbours, neighbours.theirs)
    bases = (there.knowledge_base_id,)
    query = KeywordQuery(terms=(1,), analyser_version=1, limit=5, knowledge_base_ids=bases)
    async with neighbours.units.for_workspace(neighbours.mine.workspace_id) as uow:
        for looked_up in (
            uow.documents.get(theirs["document"]),
            uow.knowledge_bases.get(there.knowledge_base_id),
            uow.jobs.get(theirs["job"]),
            uow.jobs.request_cancel(theirs["job"]),
            uow.conversations.get(theirs["conversation"]),
            uow.answers.get(theirs["answer"]),
            uow.documents.mark_deleting(theirs["document"]),
            uow.workspaces.revoke_key(theirs["key"]),
        ):
            with pytest.raises(NotFound):
                await looked_up
        assert await uow.versions.get_many([theirs["version"]]) == []
        assert await uow.versions.texts([(theirs["version"], 0, 5)]) == [None]
        assert await uow.chunks.get_many([theirs["chunk"]]) == []
        assert await uow.chunks.check([theirs["chunk"]], [there.index_id], None) == {}
        assert (await uow.chunks.page(theirs["version"], PageRequest(limit=5))).items == ()
        assert await uow.conversations.get_messages([theirs["message"]]) == []
        assert await uow.documents.get_receipts([theirs["receipt"]]) == []
        assert await uow.embeddings.get_indexes([there.index_id]) == []
        assert await uow.embeddings.cached_vectors(there.model.id, [b"h" * 32]) == {}
        assert await uow.keywords.search(query, 5000) == []
        assert (await uow.keywords.statistics(1, (1,), 5000)).frequencies == {}
        assert await uow.jobs.succeed(theirs["job"], 0) is None


class Hanging:
    """Attempts to hang a row of one's own on a row of a neighbour's."""

    def __init__(self, at: Neighbours, theirs: dict[str, UUID]) -> None:
        self.mine, self.there, self.theirs = at.mine, at.theirs, theirs
        self.document = document(at.mine)
        self.conversation = conversation(at.mine)

    async def a_document_on_a_knowledge_base(self, uow: SqlUnitOfWork) -> None:
        base = self.there.knowledge_base_id
        await uow.documents.add(self.document.model_copy(update={"knowledge_base_id": base}))

    async def a_version_on_a_document(self, uow: SqlUnitOfWork) -> None:
        await uow.versions.add(version(self.document, document_id=self.theirs["document"]))

    async def a_document_in_an_index(self, uow: SqlUnitOfWork) -> None:
        await uow.documents.add(self.document)
        await uow.embeddings.commit_document(self.there.index_id, self.document.id, 1, 1)

    async def a_version_made_current(self, uow: SqlUnitOfWork) -> None:
        await uow.documents.add(self.document)
        await uow.documents.make_live(self.document.id, 1, self.theirs["version"], None)

    async def a_text_on_a_version(self, uow: SqlUnitOfWork) -> None:
        await uow.versions.set_text(self.theirs["version"], "mine")

    async def a_conversation_over_a_knowledge_base(self, uow: SqlUnitOfWork) -> None:
        bases = (self.there.knowledge_base_id,)
        await uow.conversations.add(self.conversation.model_copy(update={"knowledge_base_ids": bases}))

    async def a_message_in_a_conversation(self, uow: SqlUnitOfWork) -> None:
        said = message(self.conversation, conversation_id=self.theirs["conversation"])
        await uow.conversations.add_message(said)

    async def a_message_that_shows_an_answer(self, uow: SqlUnitOfWork) -> None:
        await uow.conversations.add(self.conversation)
        shown = message(self.conversation, role=MessageRole.ASSISTANT, answer_id=self.theirs["answer"])
        await uow.conversations.add_message(shown)

    async def an_answer_of_a_job(self, uow: SqlUnitOfWork) -> None:
        await uow.conversations.add(self.conversation)
        said = message(self.conversation)
        await uow.conversations.add_message(said)
        await uow.answers.add(answer(self.conversation, said.id, self.theirs["job"]))


ATTEMPTS: list[Callable[[Hanging, SqlUnitOfWork], Awaitable[None]]] = [
    Hanging.a_document_on_a_knowledge_base,
    Hanging.a_version_on_a_document,
    Hanging.a_document_in_an_index,
    Hanging.a_version_made_current,
    Hanging.a_text_on_a_version,
    Hanging.a_conversation_over_a_knowledge_base,
    Hanging.a_message_in_a_conversation,
    Hanging.a_message_that_shows_an_answer,
    Hanging.an_answer_of_a_job,
]


@pytest.mark.parametrize("attempt", ATTEMPTS, ids=lambda attempt: attempt.__name__)
async def test_nothing_can_be_hung_on_a_neighbours_rows(
    neighbours: Neighbours, attempt: Callable[[Hanging, SqlUnitOfWork], Awaitable[None]]
) -> None:
    hanging = Hanging(neighbours, await fill(neighbours, neighbours.theirs))

    async def try_it() -> None:
        async with neighbours.units.for_workspace(neighbours.mine.workspace_id) as uow:
            await attempt(hanging, uow)
            await uow.commit()

    with pytest.raises(NotFound):
        await try_it()


async def test_two_tenants_may_use_the_same_id(neighbours: Neighbours) -> None:
    """Or a collision would tell that the other has it."""
    same = new_id()
    for one in (neighbours.mine, neighbours.theirs):
        async with neighbours.units.for_workspace(one.workspace_id) as uow:
            assert await uow.documents.add(document(one, id=same, external_id="same"))
            await uow.commit()
    for one in (neighbours.mine, neighbours.theirs):
        async with neighbours.units.for_workspace(one.workspace_id) as uow:
            assert (await uow.documents.get(same)).workspace_id == one.workspace_id


async def test_the_system_role_reads_jobs_keys_and_states(neighbours: Neighbours) -> None:
    await fill(neighbours, neighbours.mine)
    await fill(neighbours, neighbours.theirs)
    for table in SYSTEM_READS:
        assert len(await neighbours.as_system(f"SELECT * FROM {table}")) >= 2, table
    states = "SELECT workspace_id, id, status, generation, live_generation FROM documents"
    assert len(await neighbours.as_system(states)) == 2


@pytest.mark.parametrize("table", sorted(set(metadata.tables) - SYSTEM_READS))
async def test_the_system_role_reads_no_content(neighbours: Neighbours, table: str) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await neighbours.as_system(f"SELECT * FROM {table}")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE jobs SET parameters = '{}'",
        "UPDATE jobs SET cancel_requested = true",
        "UPDATE api_keys SET scopes = '{ADMIN}'",
        "UPDATE documents SET status = 'READY'",
        "UPDATE workspaces SET slug = 'x'",
        "DELETE FROM jobs",
        "INSERT INTO api_keys (workspace_id) VALUES (uuidv7())",
        "SELECT title FROM documents",
    ],
)
async def test_the_system_role_can_do_no_more_than_claims_need(
    neighbours: Neighbours, statement: str
) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await neighbours.as_system(statement)


async def test_the_login_has_the_system_roles_rights_only_where_it_asks_for_them(
    neighbours: Neighbours,
) -> None:
    await fill(neighbours, neighbours.mine)
    count = "SELECT count(*) AS jobs FROM jobs"
    assert await neighbours.login.fetchval(count) == 0
    assert [row["jobs"] for row in await neighbours.as_system(count)] == [2]
    assert await neighbours.login.fetchval(count) == 0
    assert await neighbours.login.fetchval("SELECT current_user") == "lorebase_app"


async def test_the_system_role_claims_for_every_tenant_and_only_the_tenant_ends_its_job(
    neighbours: Neighbours,
) -> None:
    added = {}
    for one in (neighbours.mine, neighbours.theirs):
        async with neighbours.units.for_workspace(one.workspace_id) as uow:
            added[one.workspace_id] = (await uow.jobs.add(job())).id
            await uow.commit()
    async with neighbours.units.for_system() as system:
        taken = await system.jobs.claim_due(JobLane.DOCUMENTS, 5, timedelta(seconds=30))
        await system.commit()
    assert {claimed.workspace_id for claimed in taken} == set(added)
    mine = added[neighbours.mine.workspace_id]
    async with neighbours.units.for_workspace(neighbours.theirs.workspace_id) as uow:
        assert await uow.jobs.fail(mine, 1, ERROR) is None
    async with neighbours.units.for_workspace(neighbours.mine.workspace_id) as uow:
        assert await uow.jobs.fail(mine, 1, ERROR) is not None
