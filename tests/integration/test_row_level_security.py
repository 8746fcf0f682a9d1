"""No tenant sees, changes or links to another's rows, whatever it asks; the system role reads no content."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID

import asyncpg
import pytest

from lorebase.core.errors import ErrorCode, NotFound
from lorebase.core.ids import new_id
from lorebase.models import metadata
from lorebase.repositories.unit_of_work import SqlUnitOfWorkFactory
from lorebase.schemas.answers import MessageRole
from lorebase.schemas.jobs import JobError
from lorebase.schemas.pagination import PageRequest
from lorebase.schemas.search import KeywordPosting, KeywordQuery
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
from tests.integration.sql.conftest import neighbour, tenant  # noqa: F401
from tests.integration.sql.factories import (
    Tenant,
    add_live,
    answer,
    conversation,
    document,
    job,
    message,
    version,
)

Units = SqlUnitOfWorkFactory
SHARED = {"embedding_models"}
NOT_BY_WORKSPACE = {"workspaces", "users", *SHARED}
SYSTEM_READS = {"jobs", "api_keys", "memberships", "workspaces", "index_documents"}


async def fill(units: Units, tenant: Tenant, database: DatabaseUrls) -> dict[str, UUID]:  # noqa: F811
    """At least one row of the tenant in every table."""
    async with units.for_workspace(tenant.workspace_id) as uow:
        live = await add_live(uow, tenant)
        await uow.versions.set_text(live.version.id, "one two")
        posting = KeywordPosting(term=1, chunk_id=live.chunks[0].id, weight=1.0)
        await uow.keywords.replace(tenant.knowledge_base_id, live.document.id, 1, [posting])
        receipt = await uow.documents.add_receipt(new_id(), live.document.id, 2)
        await uow.embeddings.cache_vectors(tenant.model.id, {b"h" * 32: (1.0,)})
        work = await uow.jobs.add(job(live.document.id))
        started = conversation(tenant)
        await uow.conversations.add(started)
        shown = message(started, role=MessageRole.ASSISTANT, answer_id=new_id())
        await uow.conversations.add_message(shown)
        await uow.answers.add(answer(started, shown.id, work.id, id=shown.answer_id))
        await uow.idempotency.claim(tenant.workspace_id, "key", "m", b"f")
        key = await uow.workspaces.add_key("k", "lb_", tenant.workspace_id.bytes * 2, frozenset(), None)
        await uow.commit()
    await fill_as_owner(database, tenant, shown.answer_id)
    return {
        "document": live.document.id,
        "version": live.version.id,
        "chunk": live.chunks[0].id,
        "job": work.id,
        "conversation": started.id,
        "message": shown.id,
        "answer": shown.answer_id or new_id(),
        "receipt": receipt.id,
        "key": key.id,
    }


async def fill_as_owner(database: DatabaseUrls, tenant: Tenant, answer_id: UUID | None) -> None:  # noqa: F811
    owner = await connect(database.owner)
    try:
        user = new_id()
        await owner.execute("INSERT INTO users (id, email, name) VALUES ($1, $2, 'n')", user, str(user))
        await owner.execute(
            "INSERT INTO memberships (workspace_id, id, user_id, role) VALUES ($1, $2, $3, 'ADMIN')",
            tenant.workspace_id,
            new_id(),
            user,
        )
        await owner.execute(
            "INSERT INTO citations VALUES ($1, $2, 0, 1, $3, $3, 'q', 0, 1, 0, 1)",
            tenant.workspace_id,
            answer_id,
            new_id(),
        )
    finally:
        await owner.close()


@pytest.fixture
async def login(database: DatabaseUrls) -> AsyncIterator[asyncpg.Connection]:  # noqa: F811
    """A bare connection as the application's login."""
    connection = await connect(database.login)
    yield connection
    await connection.close()


async def enter(login: asyncpg.Connection, workspace_id: UUID) -> None:
    await login.execute("SELECT set_config('app.workspace_id', $1, true)", str(workspace_id))


async def test_every_table_is_under_row_level_security_even_for_its_owner(database: DatabaseUrls) -> None:  # noqa: F811
    owner = await connect(database.owner)
    try:
        rows = await owner.fetch(
            "SELECT relname, relrowsecurity AND relforcerowsecurity AS secured FROM pg_class "
            "WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname <> 'alembic_version'"
        )
    finally:
        await owner.close()
    assert {row["relname"] for row in rows} == set(metadata.tables)
    assert {row["relname"] for row in rows if not row["secured"]} == SHARED


async def test_keys_and_foreign_keys_of_tenants_begin_with_the_workspace(database: DatabaseUrls) -> None:  # noqa: F811
    owner = await connect(database.owner)
    try:
        rows = await owner.fetch(
            "SELECT conrelid::regclass::text AS owner, confrelid::regclass::text AS target, "
            "pg_get_constraintdef(oid) AS definition FROM pg_constraint "
            "WHERE connamespace = 'public'::regnamespace AND contype IN ('p', 'u', 'f')"
        )
        indexes = await owner.fetch(
            "SELECT tablename, indexdef FROM pg_indexes WHERE schemaname = 'public' AND indexdef LIKE '%UNIQUE%'"
        )
    finally:
        await owner.close()
    checked = 0
    for row in rows:
        if row["owner"] in NOT_BY_WORKSPACE or row["target"] in SHARED | {"users"}:
            continue
        if row["owner"] != "alembic_version":
            assert "(workspace_id" in row["definition"].split(" REFERENCES")[0], row["definition"]
            checked += 1
    assert checked > 40
    for row in indexes:
        if row["tablename"] not in {*NOT_BY_WORKSPACE, "alembic_version"}:
            assert "btree (workspace_id, " in row["indexdef"]


async def test_each_table_shows_a_tenant_its_own_rows_only(
    units: Units,  # noqa: F811
    tenant: Tenant,  # noqa: F811
    neighbour: Tenant,  # noqa: F811
    database: DatabaseUrls,  # noqa: F811
    login: asyncpg.Connection,
) -> None:
    for one in (tenant, neighbour):
        await fill(units, one, database)
    for table in set(metadata.tables) - NOT_BY_WORKSPACE:
        async with login.transaction():
            await enter(login, tenant.workspace_id)
            rows = await login.fetch(f"SELECT DISTINCT workspace_id FROM {table}")
        assert [row["workspace_id"] for row in rows] == [tenant.workspace_id], table
    async with login.transaction():
        await enter(login, tenant.workspace_id)
        assert await login.fetchval("SELECT array_agg(id) FROM workspaces") == [tenant.workspace_id]
        assert await login.fetchval("SELECT count(*) FROM users") == 1


@pytest.mark.parametrize("setting", [None, "", str(UUID(int=7))])
async def test_without_a_workspace_every_table_is_empty(
    units: Units,  # noqa: F811
    tenant: Tenant,  # noqa: F811
    database: DatabaseUrls,  # noqa: F811
    login: asyncpg.Connection,
    setting: str | None,
) -> None:
    await fill(units, tenant, database)
    for table in set(metadata.tables) - SHARED:
        async with login.transaction():
            if setting is not None:
                await login.execute("SELECT set_config('app.workspace_id', $1, true)", setting)
            assert await login.fetchval(f"SELECT count(*) FROM {table}") == 0, table


async def test_no_statement_changes_or_removes_a_neighbours_row(
    units: Units,  # noqa: F811
    tenant: Tenant,  # noqa: F811
    neighbour: Tenant,  # noqa: F811
    database: DatabaseUrls,  # noqa: F811
    login: asyncpg.Connection,
) -> None:
    await fill(units, neighbour, database)
    for table in set(metadata.tables) - NOT_BY_WORKSPACE:
        async with login.transaction():
            await enter(login, tenant.workspace_id)
            changed = await login.execute(
                f"UPDATE {table} SET workspace_id = workspace_id WHERE workspace_id = $1",
                neighbour.workspace_id,
            )
            removed = await login.execute(
                f"DELETE FROM {table} WHERE workspace_id = $1", neighbour.workspace_id
            )
        assert (changed, removed) == ("UPDATE 0", "DELETE 0"), table


async def test_a_row_cannot_be_given_to_a_neighbour(
    units: Units,  # noqa: F811
    tenant: Tenant,  # noqa: F811
    neighbour: Tenant,  # noqa: F811
    database: DatabaseUrls,  # noqa: F811
    login: asyncpg.Connection,
) -> None:
    await fill(units, tenant, database)
    for table in set(metadata.tables) - NOT_BY_WORKSPACE:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with login.transaction():
                await enter(login, tenant.workspace_id)
                await login.execute(f"UPDATE {table} SET workspace_id = $1", neighbour.workspace_id)


async def test_models_and_people_cannot_be_written_by_a_tenant(login: asyncpg.Connection) -> None:
    for statement in (
        "DELETE FROM embedding_models",
        "UPDATE embedding_models SET name = 'x'",
        "INSERT INTO users (id, email, name) VALUES (uuidv7(), 'x', 'x')",
        "DELETE FROM workspaces",
        "DELETE FROM alembic_version",
        "TRUNCATE documents",
        "CREATE TABLE mine (id int)",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await login.execute(statement)


async def test_repositories_answer_a_neighbours_ids_as_if_there_were_none(
    units: Units,  # noqa: F811
    tenant: Tenant,  # noqa: F811
    neighbour: Tenant,  # noqa: F811
    database: DatabaseUrls,  # noqa: F811
) -> None:
    theirs = await fill(units, neighbour, database)
    query = KeywordQuery(
        terms=(1,), analyser_version=1, limit=5, knowledge_base_ids=(neighbour.knowledge_base_id,)
    )
    async with units.for_workspace(tenant.workspace_id) as uow:
        for looked_up in (
            uow.documents.get(theirs["document"]),
            uow.knowledge_bases.get(neighbour.knowledge_base_id),
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
        assert await uow.chunks.check([theirs["chunk"]], [neighbour.index_id], None) == {}
        assert await uow.conversations.get_messages([theirs["message"]]) == []
        assert await uow.documents.get_receipts([theirs["receipt"]]) == []
        assert await uow.embeddings.get_indexes([neighbour.index_id]) == []
        assert await uow.embeddings.cached_vectors(tenant.model.id, [b"h" * 32]) == {}
        assert await uow.keywords.search(query, 5000) == []
        page = await uow.chunks.page(theirs["version"], PageRequest(limit=5))
        assert page.items == ()
        assert await uow.jobs.succeed(theirs["job"], 0) is None


async def test_nothing_can_be_hung_on_a_neighbours_rows(
    units: Units,  # noqa: F811
    tenant: Tenant,  # noqa: F811
    neighbour: Tenant,  # noqa: F811
    database: DatabaseUrls,  # noqa: F811
) -> None:
    theirs = await fill(units, neighbour, database)

    async def refused(step: str) -> None:
        with pytest.raises(NotFound):
            async with units.for_workspace(tenant.workspace_id) as uow:
                mine = document(tenant)
                started = conversation(tenant)
                if step == "knowledge base":
                    await uow.documents.add(document(tenant, knowledge_base_id=neighbour.knowledge_base_id))
                if step == "document":
                    await uow.versions.add(version(mine, document_id=theirs["document"]))
                if step == "index":
                    await uow.documents.add(mine)
                    await uow.embeddings.commit_document(neighbour.index_id, mine.id, 1, 1)
                if step == "version":
                    await uow.documents.add(mine)
                    await uow.documents.make_live(mine.id, 1, theirs["version"], None)
                if step == "text":
                    await uow.versions.set_text(theirs["version"], "mine")
                if step == "conversation base":
                    bases = (neighbour.knowledge_base_id,)
                    await uow.conversations.add(started.model_copy(update={"knowledge_base_ids": bases}))
                if step == "answer":
                    await uow.conversations.add(started)
                    await uow.conversations.add_message(
                        message(started, role=MessageRole.ASSISTANT, answer_id=theirs["answer"])
                    )
                if step == "job":
                    await uow.conversations.add(started)
                    said = message(started)
                    await uow.conversations.add_message(said)
                    await uow.answers.add(answer(started, said.id, theirs["job"]))
                await uow.commit()

    for step in (
        "knowledge base",
        "document",
        "index",
        "version",
        "text",
        "conversation base",
        "answer",
        "job",
    ):
        await refused(step)


async def test_two_tenants_may_use_the_same_id(
    units: Units,  # noqa: F811
    tenant: Tenant,  # noqa: F811
    neighbour: Tenant,  # noqa: F811
) -> None:
    """Or a collision would tell that the other has it."""
    same = new_id()
    for one in (tenant, neighbour):
        async with units.for_workspace(one.workspace_id) as uow:
            assert await uow.documents.add(document(one, id=same, external_id="same"))
            await uow.commit()
    for one in (tenant, neighbour):
        async with units.for_workspace(one.workspace_id) as uow:
            assert (await uow.documents.get(same)).workspace_id == one.workspace_id


async def test_the_system_role_reads_jobs_keys_and_states_and_no_content(
    units: Units,  # noqa: F811
    tenant: Tenant,  # noqa: F811
    database: DatabaseUrls,  # noqa: F811
    login: asyncpg.Connection,
) -> None:
    await fill(units, tenant, database)
    for table in metadata.tables:
        if table in SYSTEM_READS:
            async with login.transaction():
                await login.execute("SET LOCAL ROLE lorebase_system")
                assert await login.fetchval(f"SELECT count(*) FROM (SELECT * FROM {table}) AS found") >= 1
        else:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                async with login.transaction():
                    await login.execute("SET LOCAL ROLE lorebase_system")
                    await login.fetch(f"SELECT * FROM {table}")
    async with login.transaction():
        await login.execute("SET LOCAL ROLE lorebase_system")
        states = "SELECT workspace_id, id, status, generation, live_generation FROM documents"
        assert len(await login.fetch(states)) == 1


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
async def test_the_system_role_cannot_change_more_than_claims_need(
    login: asyncpg.Connection, statement: str
) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with login.transaction():
            await login.execute("SET LOCAL ROLE lorebase_system")
            await login.execute(statement)


async def test_the_login_has_the_system_roles_rights_only_where_it_asks_for_them(
    units: Units,  # noqa: F811
    tenant: Tenant,  # noqa: F811
    database: DatabaseUrls,  # noqa: F811
    login: asyncpg.Connection,
) -> None:
    await fill(units, tenant, database)
    assert await login.fetchval("SELECT count(*) FROM jobs") == 0
    async with login.transaction():
        await login.execute("SET LOCAL ROLE lorebase_system")
        assert await login.fetchval("SELECT count(*) FROM jobs") == 1
    assert await login.fetchval("SELECT count(*) FROM jobs") == 0
    assert await login.fetchval("SELECT current_user") == "lorebase_app"


async def test_the_system_role_claims_and_requeues_for_every_tenant(
    units: Units,  # noqa: F811
    tenant: Tenant,  # noqa: F811
    neighbour: Tenant,  # noqa: F811
) -> None:
    added = {}
    for one in (tenant, neighbour):
        async with units.for_workspace(one.workspace_id) as uow:
            added[one.workspace_id] = await uow.jobs.add(job())
            await uow.commit()
    async with units.for_system() as system:
        taken = await system.jobs.claim_due(next(iter(added.values())).lane, 5, timedelta(seconds=30))
        await system.commit()
    assert {claimed.workspace_id for claimed in taken} == set(added)
    error = JobError(code=ErrorCode.INTERNAL, message="m", retryable=True)
    mine = added[tenant.workspace_id]
    async with units.for_workspace(neighbour.workspace_id) as uow:
        assert await uow.jobs.fail(mine.id, 1, error) is None
    async with units.for_workspace(tenant.workspace_id) as uow:
        assert await uow.jobs.fail(mine.id, 1, error) is not None
