"""The composition root: opens resources, picks classes, builds the services. Nothing else does."""

from lorebase.container.administration import migrate, open_analysers, open_registry
from lorebase.container.application import Container, open_container
from lorebase.container.worker import WorkerServices, open_worker

__all__ = [
    "Container",
    "WorkerServices",
    "migrate",
    "open_analysers",
    "open_container",
    "open_registry",
    "open_worker",
]
