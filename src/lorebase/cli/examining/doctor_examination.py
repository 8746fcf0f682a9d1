"""Everything the doctor looks at, in the order in which it is told."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Coroutine

from pydantic import SecretStr

from lorebase.cli.connection.running_stack import filled_in
from lorebase.cli.examining import doctor_machine as machine
from lorebase.cli.examining import doctor_services as services
from lorebase.cli.examining import doctor_stores as stores
from lorebase.cli.examining.doctor_findings import Finding, failed_by
from lorebase.core.config import Settings
from lorebase.embedded.status import StackStatus

PATIENCE_SECONDS = 15.0
START_AGAIN = "look at `lorebase status` and the logs, then start it again"


def examine_machine(settings: Settings, stack: StackStatus | None) -> list[Finding]:
    """What can be seen without asking anybody."""
    return [
        machine.check_python(),
        machine.check_model_files(settings),
        machine.check_graphiql(settings),
        machine.check_home(settings),
        machine.check_disk(settings),
        machine.check_port(settings, stack),
        machine.check_stack(stack),
    ]


async def examine_parts(settings: Settings, stack: StackStatus | None) -> list[Finding]:
    """What the running parts, and the servers that the settings name, answer. All are asked at once."""
    # What their libraries log on the way is said better by the findings.
    logging.getLogger().addHandler(logging.NullHandler())
    found = filled_in(settings, stack)
    checks = [*_databases(settings, found), *_services(settings, found, stack)]
    return [*await asyncio.gather(*checks), *_worker(found, stack)]


def _databases(settings: Settings, found: Settings) -> list[Awaitable[Finding]]:
    checks: list[Awaitable[Finding]] = []
    if url := _secret(found.database_url):
        mend = _mend("LOREBASE_DATABASE_URL", is_set=settings.database_url is not None)
        checks += [
            _examined("PostgreSQL", mend, stores.check_postgres(url)),
            _examined("database login", stores.MIGRATE, stores.check_login(url)),
            _examined("migrations", stores.MIGRATE, stores.check_migrations(url)),
        ]
    if url := _secret(found.redis_url):
        mend = _mend("LOREBASE_REDIS_URL", is_set=settings.redis_url is not None)
        checks.append(_examined("Redis", mend, stores.check_redis(url, found)))
    if uri := found.milvus_uri:
        mend = _mend("LOREBASE_MILVUS_URI", is_set=settings.milvus_uri is not None)
        checks.append(_examined("Milvus", mend, stores.check_milvus(uri, found)))
    if found.embedding_model or found.local_models_url:
        variables = "LOREBASE_EMBEDDING_MODEL, OPENAI_BASE_URL and OPENAI_API_KEY"
        mend = _mend(variables, is_set=found.embedding_model is not None)
        checks.append(_examined("embedding model", mend, stores.check_models(found)))
    return checks


def _services(settings: Settings, found: Settings, stack: StackStatus | None) -> list[Awaitable[Finding]]:
    if stack is None and settings.url is None:
        return []
    mend = _mend("LOREBASE_URL and LOREBASE_API_KEY", is_set=settings.url is not None)
    return [_examined("API", mend, services.check_api(found))]


def _worker(found: Settings, stack: StackStatus | None) -> list[Finding]:
    if stack is None and found.database_url is None:
        return []
    return [services.check_worker(found, is_here=stack is not None)]


async def _examined(subject: str, mend: str, check: Coroutine[object, object, Finding]) -> Finding:
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await check
    except Exception as error:  # noqa: BLE001 - whatever a check runs into is what the doctor is asked for
        return failed_by(error, subject, mend)


def _mend(variables: str, *, is_set: bool) -> str:
    return f"check {variables}" if is_set else START_AGAIN


def _secret(value: SecretStr | None) -> str | None:
    return value.get_secret_value() if value else None
