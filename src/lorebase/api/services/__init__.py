"""What the API needs of the services: the container satisfies it, tests pass fakes."""

from __future__ import annotations

from typing import Protocol

from lorebase.api.services.answers import Answers, Profiles, Searches, Streams
from lorebase.api.services.documents import Contents, Documents, Jobs
from lorebase.api.services.evaluations import Evaluations
from lorebase.api.services.knowledge_bases import Embeddings, Indexes, KnowledgeBases
from lorebase.api.services.workspaces import Access, Health, RateLimits, Workspaces
from lorebase.core.security import Signer


class Services(Protocol):
    """All services that the API calls."""

    @property
    def access(self) -> Access:
        """Who is asking."""
        ...

    @property
    def workspaces(self) -> Workspaces:
        """Workspaces, members and keys."""
        ...

    @property
    def knowledge_bases(self) -> KnowledgeBases:
        """Knowledge bases."""
        ...

    @property
    def embeddings(self) -> Embeddings:
        """Models and indexes."""
        ...

    @property
    def indexes(self) -> Indexes:
        """Indexes that are built, switched and given up."""
        ...

    @property
    def documents(self) -> Documents:
        """Documents."""
        ...

    @property
    def contents(self) -> Contents:
        """Versions, texts and passages."""
        ...

    @property
    def jobs(self) -> Jobs:
        """Background jobs."""
        ...

    @property
    def profiles(self) -> Profiles:
        """Retrieval profiles."""
        ...

    @property
    def search(self) -> Searches:
        """Retrieval."""
        ...

    @property
    def answers(self) -> Answers:
        """Conversations and answers."""
        ...

    @property
    def evaluations(self) -> Evaluations:
        """Measurements of retrieval."""
        ...

    @property
    def streams(self) -> Streams:
        """Events."""
        ...

    @property
    def health(self) -> Health:
        """The parts behind."""
        ...

    @property
    def rate_limits(self) -> RateLimits:
        """What requests cost."""
        ...

    @property
    def signer(self) -> Signer:
        """Signs cursors and links."""
        ...
