"""Workspaces: everything a tenant has, list by list."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Self
from uuid import UUID

import strawberry
from strawberry import UNSET

from lorebase.api.graphql.api_keys import ApiKey
from lorebase.api.graphql.context import Info
from lorebase.api.graphql.conversations import Conversation, ConversationOrder
from lorebase.api.graphql.enums import ApiScope, WorkspaceRole
from lorebase.api.graphql.fields import computed, identifier
from lorebase.api.graphql.filters import ConversationFilter, JobFilter, read_filter
from lorebase.api.graphql.jobs import Job, JobOrder
from lorebase.api.graphql.knowledge_base_inputs import KnowledgeBaseOrder
from lorebase.api.graphql.knowledge_bases import KnowledgeBase
from lorebase.api.graphql.loaders import Loaders
from lorebase.api.graphql.members import Membership
from lorebase.api.graphql.nodes import Node, Timestamped, global_id
from lorebase.api.graphql.pagination import Connection, Paging, connection
from lorebase.schemas import filters
from lorebase.schemas import workspaces as values

NEWEST_FIRST = "Ordering; newest first when absent."
Slug = Annotated[str, strawberry.argument(description="Slug within the workspace.")]
ConversationCondition = Annotated[
    ConversationFilter | None, strawberry.argument(name="filter", description="Conditions.")
]
JobCondition = Annotated[JobFilter | None, strawberry.argument(name="filter", description="Conditions.")]
Conversations = Annotated[ConversationOrder | None, strawberry.argument(description=NEWEST_FIRST)]
Jobs = Annotated[JobOrder | None, strawberry.argument(description=NEWEST_FIRST)]
KnowledgeBases = Annotated[KnowledgeBaseOrder | None, strawberry.argument(description=NEWEST_FIRST)]


@strawberry.type(description="A tenant: the boundary of visibility, quotas and billing.")
class Workspace(Node, Timestamped):
    """A workspace as its callers see it."""

    id: strawberry.ID = identifier()
    name: str = strawberry.field(description="Display name.")
    slug: str = strawberry.field(description="Unique name for URLs.")

    @classmethod
    def from_value(cls, value: values.Workspace) -> Self:
        """Shows a workspace."""
        return cls(
            id=global_id("Workspace", value.id, value.id),
            created_at=value.created_at,
            name=value.name,
            slug=value.slug,
            updated_at=value.updated_at,
        )

    @classmethod
    async def find(cls, loaders: Loaders, object_id: UUID) -> Self | None:
        """The workspace, or None."""
        value = await loaders.workspaces.load(object_id)
        return cls.from_value(value) if value else None

    @connection("Keys of the workspace.")
    async def api_keys(self, info: Info, paging: Paging) -> Connection[ApiKey]:
        """A page of keys."""
        principal, workspaces = info.context.principal, info.context.services.workspaces
        page = await workspaces.keys(principal, paging.request)
        return paging.connection(page, ApiKey.from_value, partial(workspaces.count_keys, principal))

    @connection("Conversations the caller can see.")
    async def conversations(
        self,
        info: Info,
        paging: Paging,
        condition: ConversationCondition = UNSET,
        order_by: Conversations = UNSET,
    ) -> Connection[Conversation]:
        """A page of conversations."""
        principal, answers = info.context.principal, info.context.services.answers
        matching = read_filter(info.context, condition, filters.ConversationFilter)
        order = ConversationOrder.read(order_by)
        page = await answers.conversations(principal, paging.request, order, matching)
        count = partial(answers.count_conversations, principal, matching)
        return paging.connection(page, Conversation.from_value, count)

    @connection("Background jobs.")
    async def jobs(
        self, info: Info, paging: Paging, condition: JobCondition = UNSET, order_by: Jobs = UNSET
    ) -> Connection[Job]:
        """A page of jobs."""
        principal, jobs = info.context.principal, info.context.services.jobs
        matching = read_filter(info.context, condition, filters.JobFilter)
        page = await jobs.page(principal, paging.request, JobOrder.read(order_by), matching)
        return paging.connection(page, Job.from_value, partial(jobs.count, principal, matching))

    @computed("One knowledge base; null when there is none the caller can see.")
    async def knowledge_base(self, info: Info, slug: Slug) -> KnowledgeBase | None:
        """A knowledge base by its slug."""
        found = await info.context.services.knowledge_bases.by_slug(info.context.principal, slug)
        return KnowledgeBase.from_value(found) if found else None

    @connection("Knowledge bases.")
    async def knowledge_bases(
        self, info: Info, paging: Paging, order_by: KnowledgeBases = UNSET
    ) -> Connection[KnowledgeBase]:
        """A page of knowledge bases."""
        principal, knowledge_bases = info.context.principal, info.context.services.knowledge_bases
        page = await knowledge_bases.page(principal, paging.request, KnowledgeBaseOrder.read(order_by))
        return paging.connection(page, KnowledgeBase.from_value, partial(knowledge_bases.count, principal))

    @connection("People with access.")
    async def members(self, info: Info, paging: Paging) -> Connection[Membership]:
        """A page of members."""
        principal, workspaces = info.context.principal, info.context.services.workspaces
        show = partial(Membership.from_value, shows_email=ApiScope.ADMIN in principal.scopes)
        page = await workspaces.members(principal, paging.request)
        return paging.connection(page, show, partial(workspaces.count_members, principal))

    @computed("Role of the caller.")
    def viewer_role(self, info: Info) -> WorkspaceRole:
        """What a person could do who holds the scopes of the key."""
        scopes = info.context.principal.scopes
        if ApiScope.ADMIN in scopes:
            return WorkspaceRole.ADMIN
        return WorkspaceRole.EDITOR if ApiScope.WRITE in scopes else WorkspaceRole.VIEWER
