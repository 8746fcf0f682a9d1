"""`lorebase embeddings`: the registry of embedding models. It alone, besides `migrate`, makes collections."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from lorebase.cli.connection.running_stack import FOR_MIGRATION, with_running_stack
from lorebase.cli.connection.settings import read_settings
from lorebase.cli.output import console, one_line
from lorebase.cli.tables import show_rows
from lorebase.core.config import EMBEDDED_EMBEDDING_MODEL, Settings
from lorebase.core.ids import NO_WORKSPACE, GlobalId
from lorebase.schemas.embeddings import EmbeddingModel, ModelWish, RegisteredModel

embeddings_commands = typer.Typer(help="Embedding models. Needs the databases.", no_args_is_help=True)

HEADINGS = ("id", "name", "version", "dimensions", "reads", "provider", "collection", "state")


class Provider(StrEnum):
    """Who runs a model."""

    LOCAL = "local"
    OPENAI = "openai"


@embeddings_commands.command("list")
def list_models() -> None:
    """List the models that are registered, newest first."""
    # The databases' libraries take seconds to load, which no other command should wait for.
    from lorebase.cli.connection import operator_tasks  # noqa: PLC0415

    show_rows(console(), HEADINGS, list(map(_row, operator_tasks.list_models(_settings()))))


@embeddings_commands.command("add")
def add_model(
    name: Annotated[
        str, typer.Argument(help="Name of the model with its provider.")
    ] = EMBEDDED_EMBEDDING_MODEL,
    provider: Annotated[
        Provider,
        typer.Option("--provider", help="The local model server, or the OpenAI-compatible one that is set."),
    ] = Provider.LOCAL,
    dimensions: Annotated[
        int | None,
        typer.Option("--dimensions", min=2, help="Length of its vectors; the model's own when absent."),
    ] = None,
    version: Annotated[
        str | None,
        typer.Option("--model-version", help="Version; the local model knows its own, others begin at 1."),
    ] = None,
    max_input_tokens: Annotated[
        int | None,
        typer.Option("--max-input-tokens", min=64, help="Longest input; 256 for a remote model when absent."),
    ] = None,
) -> None:
    """Register a model and make its collection; print its id. New knowledge bases keep their default."""
    from lorebase.cli.connection import operator_tasks  # noqa: PLC0415

    wish = ModelWish(
        name=name,
        provider=provider.value,
        version=version,
        dimensions=dimensions,
        max_input_tokens=max_input_tokens,
    )
    typer.echo(_global_id(operator_tasks.add_model(_settings(), wish)))


@embeddings_commands.command("retire")
def retire_model(
    model_id: Annotated[str, typer.Argument(help="Its id, as `lorebase embeddings list` shows it.")],
) -> None:
    """Deprecate a model, and remove it with its collection unless an index still uses it."""
    from lorebase.cli.connection import operator_tasks  # noqa: PLC0415

    retired = operator_tasks.retire_model(_settings(), model_id)
    typer.echo(f"Removed {one_line(retired.name)} ({retired.dimensions} dimensions) and its collection.")


def _settings() -> Settings:
    return with_running_stack(read_settings(), FOR_MIGRATION)


def _row(found: RegisteredModel) -> tuple[str, ...]:
    model = found.model
    state = "default" if found.is_default else "deprecated" if model.deprecated_at else ""
    sizes = (str(model.dimensions), str(model.max_input_tokens))
    return (
        _global_id(model),
        model.name,
        model.version,
        *sizes,
        model.provider,
        model.collection,
        state,
    )


def _global_id(model: EmbeddingModel) -> str:
    return str(GlobalId("EmbeddingModel", NO_WORKSPACE, model.id))
