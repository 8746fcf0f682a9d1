"""The schema: every noun joined into one, and its printed form."""

from __future__ import annotations

from collections.abc import Mapping

import strawberry
from graphql import GraphQLInputObjectType, GraphQLSchema, Undefined
from strawberry.printer import print_schema as print_strawberry_schema
from strawberry.schema.config import StrawberryConfig

from lorebase.api.graphql.answer_events import AnswerSubscriptions
from lorebase.api.graphql.answers import Answer, AnswerMutations
from lorebase.api.graphql.api_keys import ApiKey, ApiKeyMutations
from lorebase.api.graphql.chunks import Chunk
from lorebase.api.graphql.conversations import Conversation, ConversationMutations, Message
from lorebase.api.graphql.directives import ARGUMENT_DESCRIPTIONS
from lorebase.api.graphql.document_versions import DocumentVersion
from lorebase.api.graphql.documents import Document, DocumentMutations
from lorebase.api.graphql.embeddings import EmbeddingIndex, EmbeddingModel
from lorebase.api.graphql.evaluation_mutations import EvaluationMutations
from lorebase.api.graphql.evaluations import EvaluationRun, EvaluationSet
from lorebase.api.graphql.indexes import IndexMutations
from lorebase.api.graphql.job_events import JobSubscriptions
from lorebase.api.graphql.jobs import Job, JobMutations
from lorebase.api.graphql.knowledge_bases import KnowledgeBase, KnowledgeBaseMutations
from lorebase.api.graphql.nodes import Node
from lorebase.api.graphql.pagination import describe_pages
from lorebase.api.graphql.queries import Query
from lorebase.api.graphql.receipts import DeletionReceipt
from lorebase.api.graphql.scalars import SCALARS
from lorebase.api.graphql.user_errors import ConflictUserError, GenericUserError, QuotaUserError
from lorebase.api.graphql.workspaces import Workspace

ONE_OF = "directive @oneOf on INPUT_OBJECT\n\n"

NODE_TYPES: Mapping[str, type[Node]] = {
    "Answer": Answer,
    "ApiKey": ApiKey,
    "Chunk": Chunk,
    "Conversation": Conversation,
    "DeletionReceipt": DeletionReceipt,
    "Document": Document,
    "DocumentVersion": DocumentVersion,
    "EmbeddingIndex": EmbeddingIndex,
    "EmbeddingModel": EmbeddingModel,
    "EvaluationRun": EvaluationRun,
    "EvaluationSet": EvaluationSet,
    "Job": Job,
    "KnowledgeBase": KnowledgeBase,
    "Message": Message,
    "Workspace": Workspace,
}


@strawberry.type(
    description="Changes. Every mutation takes one input and returns a payload with `userErrors`."
)
class Mutation(
    KnowledgeBaseMutations,
    IndexMutations,
    DocumentMutations,
    ConversationMutations,
    AnswerMutations,
    JobMutations,
    EvaluationMutations,
    ApiKeyMutations,
):
    """Everything that can be changed."""


@strawberry.type(
    description=(
        "Live events over graphql-transport-ws, Server-Sent Events or multipart/mixed HTTP. "
        "Dropping a connection never stops the work."
    )
)
class Subscription(AnswerSubscriptions, JobSubscriptions):
    """Everything that can be followed."""


def build_schema() -> strawberry.Schema:
    """The schema of the API."""
    schema = strawberry.Schema(
        query=Query,
        mutation=Mutation,
        subscription=Subscription,
        types=[ConflictUserError, GenericUserError, QuotaUserError, *NODE_TYPES.values()],
        config=StrawberryConfig(scalar_map=SCALARS, disable_field_suggestions=True),
    )
    core = core_schema(schema)
    describe_pages(core)
    _describe_directives(core)
    _drop_null_defaults(core)
    return schema


def _describe_directives(core: GraphQLSchema) -> None:
    for directive in core.directives:
        for name, argument in directive.args.items():
            argument.description = ARGUMENT_DESCRIPTIONS.get((directive.name, name), argument.description)


def _drop_null_defaults(core: GraphQLSchema) -> None:
    # A field that is None when absent is no promise to clients: `= null` would only be noise in the SDL.
    for defined in core.type_map.values():
        if isinstance(defined, GraphQLInputObjectType):
            for field in defined.fields.values():
                if field.default_value is None:
                    field.default_value = Undefined


def core_schema(schema: strawberry.Schema) -> GraphQLSchema:
    """The graphql-core schema that Strawberry made: our transports parse, validate and execute with it."""
    return schema._schema


def print_schema(schema: strawberry.Schema) -> str:
    """The SDL with our directives, as it stands in schema/schema.graphql."""
    # @oneOf is part of the specification: to define it again only confuses tools.
    return print_strawberry_schema(schema).replace(ONE_OF, "") + "\n"


def main() -> None:
    """Prints the SDL."""
    print(print_schema(build_schema()), end="")


if __name__ == "__main__":
    main()
