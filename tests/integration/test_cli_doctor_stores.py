"""The doctor's checks of PostgreSQL, Redis and Milvus against the real ones, well and ill."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from lorebase.cli.examining.doctor_examination import examine_parts
from lorebase.cli.examining.doctor_findings import Finding, Level
from lorebase.cli.examining.doctor_stores import (
    check_login,
    check_migrations,
    check_milvus,
    check_models,
    check_postgres,
    check_redis,
)
from lorebase.core.config import Settings
from lorebase.core.errors import LorebaseError, Permanent, Unavailable
from lorebase.repositories.database import ensure_roles
from lorebase.repositories.migrations_runner import head_revision, upgrade
from tests.integration.database import LOGIN, LOGIN_PASSWORD, run_statements
from tests.integration.embedded_parts import PASSWORD


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path)


@pytest.fixture
async def login_url(postgres_url: str) -> str:
    """The application's way into a database that was just migrated."""
    login = postgres_url.replace(f"lorebase_owner:{PASSWORD}", f"{LOGIN}:{LOGIN_PASSWORD}")
    await ensure_roles(postgres_url, login)
    await upgrade(postgres_url)
    return login


def by_subject(findings: list[Finding]) -> dict[str, Finding]:
    return {finding.subject: finding for finding in findings}


async def test_postgresql_says_its_version(postgres_url: str) -> None:
    found = await check_postgres(postgres_url)
    assert found.level is Level.OK
    assert found.detail.startswith("18.")


async def test_a_wrong_password_is_an_error_without_the_password(login_url: str) -> None:
    wrong = login_url.replace(LOGIN_PASSWORD, "hush")
    for check in (check_postgres, check_login, check_migrations):
        with pytest.raises(LorebaseError) as refused:
            await check(wrong)
        assert "hush" not in str(refused.value)


async def test_a_database_that_was_never_migrated_lacks_every_migration(postgres_url: str) -> None:
    found = await check_migrations(postgres_url)
    assert (found.level, found.mend) == (Level.FAIL, "run `lorebase migrate`")
    assert head_revision() in found.detail


async def test_a_migrated_database_is_current_for_its_login_too(postgres_url: str, login_url: str) -> None:
    for url in (postgres_url, login_url):
        assert (await check_migrations(url)).detail == f"current: {head_revision()}"


async def test_a_database_of_a_newer_release_is_a_warning(postgres_url: str, login_url: str) -> None:
    await run_statements(postgres_url, "UPDATE alembic_version SET version_num = '9999'")
    found = await check_migrations(login_url)
    assert (found.level, found.detail) == (Level.WARN, "the database is ahead: 9999")


async def test_the_application_may_not_log_in_as_the_owner(postgres_url: str, login_url: str) -> None:
    assert (await check_login(login_url)).level is Level.OK
    with pytest.raises(Permanent, match="superuser"):
        await check_login(postgres_url)


async def test_valkey_and_milvus_say_their_versions(
    redis_url: str, milvus_uri: str, settings: Settings
) -> None:
    assert (await check_redis(redis_url, settings)).detail.startswith("valkey 9.")
    assert (await check_milvus(milvus_uri, settings)).detail.startswith("milvus_lite-3.")


async def test_models_without_a_server_are_an_outage(settings: Settings) -> None:
    with pytest.raises(Unavailable):
        await check_models(settings)


async def test_servers_that_are_named_are_looked_at_without_a_stack(
    login_url: str, redis_url: str, milvus_uri: str, settings: Settings
) -> None:
    named = settings.model_copy(
        update={
            "database_url": SecretStr(login_url),
            "redis_url": SecretStr(redis_url),
            "milvus_uri": milvus_uri,
        }
    )
    found = by_subject(await examine_parts(named, None))
    assert list(found) == ["PostgreSQL", "database login", "migrations", "Redis", "Milvus", "worker"]
    worker = found.pop("worker")
    assert {finding.level for finding in found.values()} == {Level.OK}
    assert (worker.level, worker.mend) == (Level.WARN, "call the doctor where it runs")


async def test_an_unsafe_login_is_a_failure_that_says_how_to_mend_it(
    postgres_url: str, settings: Settings
) -> None:
    named = settings.model_copy(update={"database_url": SecretStr(postgres_url)})
    found = by_subject(await examine_parts(named, None))
    assert (found["PostgreSQL"].level, found["database login"].level) == (Level.OK, Level.FAIL)
    assert "superuser" in found["database login"].detail
    assert found["migrations"].level is Level.FAIL


async def test_nothing_is_looked_at_when_nothing_is_named(settings: Settings) -> None:
    assert await examine_parts(settings, None) == []
