"""The doctor's look at this machine: what set-up left here, the home, the disk and the port."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from pathlib import Path

from lorebase.api.graphiql_bundle import BUNDLE, read_manifest
from lorebase.cli.examining.doctor_findings import Finding, fail, ok, warn
from lorebase.core.config import EMBEDDED_EMBEDDING_MODEL, MIB, Settings
from lorebase.embedded.environment import needed_parts
from lorebase.embedded.errors import PortTaken
from lorebase.embedded.home import locate_home
from lorebase.embedded.ports import ensure_free, reachable_host
from lorebase.embedded.probes import http_is_ok
from lorebase.embedded.status import PartState, Phase, StackStatus

OLDEST_PYTHON = (3, 11)
DISK_LOW_BYTES = 1024 * MIB
DISK_FULL_BYTES = 200 * MIB
SET_UP = "run `make setup`"
MODEL_FILES = ("model.onnx", "manifest.json")
TOKENIZER = "tokenizer.json"


def check_python() -> Finding:
    """Whether this Python is new enough."""
    detail = f"{platform.python_version()} at {sys.executable}"
    if sys.version_info[:2] < OLDEST_PYTHON:
        return fail("Python", detail, f"install Python {'.'.join(map(str, OLDEST_PYTHON))} or newer")
    return ok("Python", detail)


def check_model_files(settings: Settings) -> Finding:
    """Whether set-up has put the local model where the model server and the worker look for it."""
    folder = settings.models_directory / EMBEDDED_EMBEDDING_MODEL
    # The tokenizer cuts documents whatever model embeds them.
    needed = (TOKENIZER, *MODEL_FILES) if needed_parts(settings).models else (TOKENIZER,)
    missing = [name for name in needed if not (folder / name).is_file()]
    if missing:
        return fail("local model", f"{folder} lacks {', '.join(missing)}", SET_UP)
    return ok("local model", str(folder))


def check_graphiql(settings: Settings, bundle: Path = BUNDLE) -> Finding:
    """Whether the page of GraphiQL was built."""
    if not settings.graphiql:
        return ok("GraphiQL", "switched off")
    try:
        manifest = read_manifest(bundle)
    except ValueError:
        manifest = None
    if manifest is None or any(not (bundle / name).is_file() for name in manifest.files):
        return warn("GraphiQL", "the page was not built; the API works without it", SET_UP)
    return ok("GraphiQL", "built")


def check_home(settings: Settings) -> Finding:
    """Whether LOREBASE_HOME can be written."""
    home = locate_home(settings.home).path
    place = _existing(home)
    elsewhere = "set LOREBASE_HOME to a folder you may write to"
    if not place.is_dir() or not os.access(place, os.W_OK | os.X_OK):
        return fail("home", f"{place} cannot be written", elsewhere)
    if place == home and home.stat().st_uid != os.geteuid():
        return fail("home", f"{home} belongs to another user", f"run as that user, or {elsewhere}")
    return ok("home", str(home) if place == home else f"{home}, to be made at the first start")


def check_disk(settings: Settings) -> Finding:
    """Whether there is room for documents."""
    place = _existing(locate_home(settings.home).path)
    try:
        free = shutil.disk_usage(place).free
    except OSError as error:
        return fail("disk", f"{place}: {error.strerror}", "set LOREBASE_HOME to another disk")
    detail = f"{free // MIB} MiB free at {place}"
    mend = "make room, or set LOREBASE_HOME to another disk"
    if free < DISK_FULL_BYTES:
        return fail("disk", detail, mend)
    return warn("disk", detail, mend) if free < DISK_LOW_BYTES else ok("disk", detail)


def check_port(settings: Settings, stack: StackStatus | None) -> Finding:
    """Whether the port is free, or ours."""
    if stack is not None:
        return ok("port", f"ours: {stack.url}")
    try:
        ensure_free(settings.host, settings.port)
    except PortTaken as error:
        if http_is_ok(reachable_host(settings.host), settings.port, "/livez"):
            return _other_lorebase(settings)
        return fail("port", error.message, "stop that program, or set LOREBASE_PORT")
    return ok("port", f"{settings.port} is free")


def _other_lorebase(settings: Settings) -> Finding:
    detail = f"{settings.port}: a Lorebase that was not started from this home listens there"
    if settings.database_url is not None:
        return ok("port", detail)
    return warn("port", detail, "set LOREBASE_PORT to start another one here")


def check_stack(stack: StackStatus | None) -> Finding:
    """Whether the supervisor and its parts run."""
    if stack is None:
        return warn(
            "stack",
            "not running here; what it would start cannot be looked at",
            "start it with `make run` or `lorebase up --detach`",
        )
    broken = [part for part in stack.parts if part.state in (PartState.FAILED, PartState.RESTARTING)]
    if broken or stack.phase is Phase.FAILED:
        names = ", ".join(f"{part.title} ({part.state})" for part in broken) or stack.phase
        return fail("stack", f"in trouble: {names}", _logs(stack))
    if stack.phase is not Phase.READY:
        return warn("stack", f"it is {stack.phase}", "wait for it; `lorebase status` shows how far it is")
    restarts = sum(part.restarts for part in stack.parts)
    if restarts:
        return warn("stack", f"ready, after parts had to be started again {restarts} times", _logs(stack))
    return ok("stack", f"ready, process {stack.pid}")


def _logs(stack: StackStatus) -> str:
    return f"look into {stack.home / 'logs'}"


def _existing(path: Path) -> Path:
    return next((place for place in (path, *path.parents) if os.path.lexists(place)), path)
