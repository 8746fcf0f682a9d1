"""SQLAlchemy tables, one module a noun; importing the package registers them all.

Plain tables, no mapped classes: repositories select columns into values, so there is nothing to load lazily.
"""

from lorebase.models import (
    answers,
    chunks,
    documents,
    embeddings,
    evaluations,
    idempotency,
    jobs,
    knowledge_bases,
    periodic_tasks,
    workspaces,
)
from lorebase.models.base import metadata

__all__ = [
    "answers",
    "chunks",
    "documents",
    "embeddings",
    "evaluations",
    "idempotency",
    "jobs",
    "knowledge_bases",
    "metadata",
    "periodic_tasks",
    "workspaces",
]
