"""Conversations, their messages, and the mutation that asks a question."""

from __future__ import annotations

from functools import partial
from typing import Self
from uuid import UUID

import strawberry
from strawberry import UNSET

from lorebase.api.graphql.answers import Answer
from lorebase.api.graphql.context import Context, Info
from lorebase.api.graphql.directives import Cost
from lorebase.api.graphql.enums import ConversationOrderField, MessageRole, OrderDirection
from lorebase.api.graphql.fields import computed, identifier
from lorebase.api.graphql.knowledge_bases import KnowledgeBase
from lorebase.api.graphql.loaders import Loaders
from lorebase.api.graphql.mutations import Input, MutationInput, Payload, mutation
from lorebase.api.graphql.nodes import Node, Timestamped, global_id, read_id
from lorebase.api.graphql.pagination import Connection, Paging, connection
from lorebase.api.graphql.search_inputs import SearchInput
from lorebase.core.errors import BadInput
from lorebase.schemas import answers as values
from lorebase.schemas.workspaces import ApiScope


@strawberry.input(description="Ordering of Conversation lists; ties are broken by id.")
class ConversationOrder:
    """How to order conversations."""

    direction: OrderDirection = strawberry.field(
        description="Direction to sort in.", default=OrderDirection.DESC
    )
    field: ConversationOrderField = strawberry.field(description="Field to sort by.")

    @staticmethod
    def read(order: ConversationOrder | None) -> values.ConversationOrder:
        """The order that was asked for; newest first when none was."""
        if not order:
            return values.ConversationOrder()
        descending = order.direction is OrderDirection.DESC
        return values.ConversationOrder(field=order.field, descending=descending)


@strawberry.type(description="One message of a conversation.")
class Message(Node, Timestamped):
    """A message as clients see it."""

    id: strawberry.ID = identifier()
    role: MessageRole = strawberry.field(description="Author.")
    text: str = strawberry.field(description="Text so far.")
    answer_id: strawberry.Private[UUID | None]

    @classmethod
    def from_value(cls, value: values.Message) -> Self:
        """Shows a message."""
        return cls(
            id=global_id("Message", value.workspace_id, value.id),
            answer_id=value.answer_id,
            created_at=value.created_at,
            role=value.role,
            text=value.text,
            updated_at=value.updated_at,
        )

    @classmethod
    async def find(cls, loaders: Loaders, object_id: UUID) -> Self | None:
        """The message, or None."""
        value = await loaders.messages.load(object_id)
        return cls.from_value(value) if value else None

    @computed("The answer, on assistant messages.")
    async def answer(self, info: Info) -> Answer | None:
        """The answer that the message shows."""
        return await Answer.find(info.context.loaders, self.answer_id) if self.answer_id else None


@strawberry.type(description="A thread of questions and answers.")
class Conversation(Node, Timestamped):
    """A conversation as clients see it."""

    id: strawberry.ID = identifier()
    title: str = strawberry.field(description="Title; generated from the first question when not set.")
    value: strawberry.Private[values.Conversation]

    @classmethod
    def from_value(cls, value: values.Conversation) -> Self:
        """Shows a conversation."""
        return cls(
            id=global_id("Conversation", value.workspace_id, value.id),
            created_at=value.created_at,
            title=value.title,
            updated_at=value.updated_at,
            value=value,
        )

    @classmethod
    async def find(cls, loaders: Loaders, object_id: UUID) -> Self | None:
        """The conversation, or None."""
        value = await loaders.conversations.load(object_id)
        return cls.from_value(value) if value else None

    @computed("Knowledge bases that new questions search.")
    async def knowledge_bases(self, info: Info) -> list[KnowledgeBase]:
        """Those that still exist."""
        found = await info.context.loaders.knowledge_bases.load_many(self.value.knowledge_base_ids)
        return [KnowledgeBase.from_value(knowledge_base) for knowledge_base in found if knowledge_base]

    @connection("Messages, oldest first.")
    async def messages(self, info: Info, paging: Paging) -> Connection[Message]:
        """A page of messages."""
        principal, answers = info.context.principal, info.context.services.answers
        page = await answers.messages(principal, self.value.id, paging.request)
        count = partial(answers.count_messages, principal, self.value.id)
        return paging.connection(page, Message.from_value, count)


@strawberry.input(description="Input of `ask`.")
class AskInput(MutationInput):
    """A question."""

    conversation_id: strawberry.ID | None = strawberry.field(
        description="Conversation to continue; a new one when absent.", default=None
    )
    max_tokens: int | None = strawberry.field(description="Longest answer.", default=None)
    question: str = strawberry.field(description="The question, at most 4000 characters.")
    retrieval: SearchInput | None = strawberry.field(
        description="Retrieval settings; `query` may be empty to use the question.", default=UNSET
    )
    workspace_id: strawberry.ID | None = strawberry.field(
        description="Owner of the new conversation; required when `conversationId` is absent.", default=None
    )

    def command(self, context: Context) -> values.Ask:
        """What is asked of the service; NotFound for what the caller cannot see."""
        principal, conversation_id = context.principal, self.conversation_id
        if not conversation_id and not self.workspace_id:
            raise BadInput("Give `conversationId` or `workspaceId`.", field=["workspaceId"])
        if self.workspace_id:
            read_id(principal, self.workspace_id, "Workspace")
        return values.Ask(
            question=self.question,
            conversation_id=read_id(principal, conversation_id, "Conversation") if conversation_id else None,
            retrieval=self.retrieval.request(context, ("input", "retrieval")) if self.retrieval else None,
            max_tokens=self.max_tokens,
            idempotency_key=self.idempotency_key,
        )


@strawberry.type(
    description="Result of `ask`. On failure the object fields are null and `userErrors` says why."
)
class AskPayload(Payload):
    """The question, persisted; its answer is queued."""

    answer: Answer | None = strawberry.field(description="The answer, queued.", default=None)
    conversation: Conversation | None = strawberry.field(description="The conversation.", default=None)
    message: Message | None = strawberry.field(description="The question's message.", default=None)


@strawberry.input(description="Input of `deleteConversation`.")
class DeleteConversationInput(MutationInput):
    """A conversation to delete."""

    id: strawberry.ID = strawberry.field(description="The conversation.")


@strawberry.type(
    description=(
        "Result of `deleteConversation`. On failure the object fields are null and `userErrors` says why."
    )
)
class DeleteConversationPayload(Payload):
    """What is gone."""

    deleted_id: strawberry.ID | None = strawberry.field(description="What was deleted.", default=None)


@strawberry.type
class ConversationMutations:
    """Mutations of conversations."""

    @mutation(
        "Asks a question. Returns at once; follow the answer with the `answerEvents` subscription "
        "or poll `node`.",
        ApiScope.ASK,
        cost=Cost(weight=1, profile="input.retrieval.profile"),
    )
    async def ask(self, info: Info, given: Input[AskInput]) -> AskPayload:
        """Persists the question and queues its answer."""
        asked = await info.context.services.answers.ask(info.context.principal, given.command(info.context))
        return AskPayload(
            answer=Answer.from_value(asked.answer),
            conversation=Conversation.from_value(asked.conversation),
            message=Message.from_value(asked.message),
        )

    @mutation("Deletes a conversation with its messages.", ApiScope.ASK)
    async def delete_conversation(
        self, info: Info, given: Input[DeleteConversationInput]
    ) -> DeleteConversationPayload:
        """Removes it; an answer in the making is stopped."""
        principal, answers = info.context.principal, info.context.services.answers
        target = read_id(principal, given.id, "Conversation")
        await answers.delete_conversation(principal, target, given.idempotency_key)
        return DeleteConversationPayload(deleted_id=given.id)
