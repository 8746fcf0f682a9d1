"""Parses, checks and runs operations, the same for every transport."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from inspect import isawaitable

import strawberry
from graphql import (
    DocumentNode,
    ExecutionResult,
    GraphQLError,
    GraphQLSyntaxError,
    NoSchemaIntrospectionCustomRule,
    OperationDefinitionNode,
    OperationType,
    create_source_event_stream,
    execute,
    parse,
    specified_rules,
    validate,
)
from strawberry.schema.validation_rules.one_of import OneOfInputValidationRule

from lorebase.api.graphql.context import Context
from lorebase.api.graphql.errors import RequestErrorCode, RequestRefused
from lorebase.api.graphql.execution import AttributeExecutor
from lorebase.api.graphql.limits import TooComplex, check_length, check_size
from lorebase.api.graphql.persisted import PersistedDocuments
from lorebase.api.graphql.pricing import AsksModel, no_model, price
from lorebase.api.graphql.scalars import print_date_time
from lorebase.api.graphql.schema import core_schema
from lorebase.api.graphql.sharing import EventResults, Sink, fingerprint
from lorebase.core.config import EdgeSettings
from lorebase.core.errors import ErrorCode, Transient
from lorebase.schemas.rate_limits import Budget

CACHED_DOCUMENTS = 512
CACHED_CHARACTERS = 8_000
ERRORS_MAXIMUM = 20
OVERLOAD_SECONDS = 1
RULES = (*specified_rules, OneOfInputValidationRule)


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of a checked document, ready to run."""

    document: DocumentNode
    node: OperationDefinitionNode
    name: str | None
    text: str

    @property
    def kind(self) -> OperationType:
        """Query, mutation or subscription."""
        return self.node.operation


class Engine:
    """A schema with its limits and its cache of checked documents."""

    def __init__(self, schema: strawberry.Schema, settings: EdgeSettings) -> None:
        self._schema = core_schema(schema)
        self._settings = settings
        self._checked: OrderedDict[str, DocumentNode] = OrderedDict()
        self._persisted = PersistedDocuments(settings)
        self._rules = RULES if settings.introspection else (*RULES, NoSchemaIntrospectionCustomRule)
        self._running = 0
        self._events = EventResults()

    def prepare(self, query: str, operation_name: str | None, document_id: str | None = None) -> Operation:
        """The operation to run, of the text or of a persisted document. RequestRefused when there is none."""
        text = self._persisted.text(query, document_id)
        document = self._cached(text)
        if document_id:
            self._persisted.register(document_id, text)
        operations = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
        named = [node for node in operations if operation_name in {None, node.name and node.name.value}]
        if len(named) != 1:
            wanted = f"`{operation_name}`" if operation_name else "one operation, or name which one is meant"
            raise _refused(f"The document must hold {wanted}.", RequestErrorCode.VALIDATION_FAILED)
        return Operation(document, named[0], operation_name, text)

    def check_price(
        self, operation: Operation, variables: Mapping[str, object], asks_model: AsksModel = no_model
    ) -> int:
        """The points of an operation. RequestRefused when it asks for too much at once."""
        points = price(self._schema, operation.document, operation.node, variables, asks_model)
        limit = self._settings.query_max_cost
        if points > limit:
            raise RequestRefused(
                [TooComplex("the cost in points", points, limit)], RequestErrorCode.TOO_COMPLEX
            )
        return points

    async def execute(
        self, operation: Operation, variables: dict[str, object], context: Context
    ) -> ExecutionResult:
        """Runs a query or mutation, at most as long as the settings allow.

        RateLimited when the key has spent its points; Transient when the process has enough to do.
        """
        points = self.check_price(operation, variables, context.services.profiles.asks_model)
        with self._admitted():
            await context.charge(points)
            result = await self._run(operation, variables, context)
        if context.budget is not None:
            result.extensions = {**(result.extensions or {}), "cost": shown_budget(context.budget)}
        return result

    async def _run(
        self, operation: Operation, variables: dict[str, object], context: Context
    ) -> ExecutionResult:
        try:
            async with asyncio.timeout(self._settings.request_timeout_seconds):
                result = execute(
                    self._schema,
                    operation.document,
                    context_value=context,
                    variable_values=variables,
                    operation_name=operation.name,
                    executor_class=AttributeExecutor,
                    hide_suggestions=True,
                )
                return await result if isawaitable(result) else result
        except TimeoutError:
            late = Transient("The request took too long; ask for less.", code=ErrorCode.OVERLOADED)
            return ExecutionResult(None, [GraphQLError(late.message, original_error=late, path=[])])

    async def subscribe(
        self,
        operation: Operation,
        variables: dict[str, object],
        context: Context,
        sink: Sink | None = None,
    ) -> AsyncIterator[ExecutionResult] | ExecutionResult:
        """Opens a stream of results; an ExecutionResult says why there is none. RateLimited.

        Results that `sink` took are not in it: those of an event that others follow too.
        """
        asks_model = context.services.profiles.asks_model
        await context.charge(self.check_price(operation, variables, asks_model))
        same = fingerprint(operation.text, operation.name, variables)
        if sink is not None:
            context.deliver = self._events.deliverer(same, sink)
        executor = AttributeExecutor.build(
            self._schema,
            operation.document,
            context_value=context,
            raw_variable_values=variables,
            operation_name=operation.name,
            hide_suggestions=True,
        )
        if isinstance(executor, list):
            return ExecutionResult(None, executor)
        assert isinstance(executor, AttributeExecutor)
        opening = create_source_event_stream(executor)
        events = await opening if isawaitable(opening) else opening
        if isinstance(events, ExecutionResult):
            return events
        return self._events.each(executor, events, same)

    @contextmanager
    def _admitted(self) -> Iterator[None]:
        if self._running >= self._settings.operations_maximum:
            raise Transient(
                "Too much is going on here; try again.",
                code=ErrorCode.OVERLOADED,
                details={"retryAfterSeconds": OVERLOAD_SECONDS},
            )
        self._running += 1
        try:
            yield
        finally:
            self._running -= 1

    def _cached(self, query: str) -> DocumentNode:
        document = self._checked.get(query)
        if document is None:
            document = self._check(query)
            if len(query) <= CACHED_CHARACTERS:
                self._checked[query] = document
            if len(self._checked) > CACHED_DOCUMENTS:
                self._checked.popitem(last=False)
        else:
            self._checked.move_to_end(query)
        return document

    def _check(self, query: str) -> DocumentNode:
        try:
            check_length(query, self._settings)
            document = parse(query, max_tokens=self._settings.query_max_tokens)
            check_size(document, self._settings)
            # To look for similar names costs too much where names are very long.
            hide = len(query) > CACHED_CHARACTERS or not self._settings.introspection
            errors = validate(
                self._schema, document, self._rules, max_errors=ERRORS_MAXIMUM, hide_suggestions=hide
            )
        except GraphQLSyntaxError as error:
            raise RequestRefused([error], RequestErrorCode.PARSE_FAILED) from error
        except TooComplex as error:
            raise RequestRefused([error], RequestErrorCode.TOO_COMPLEX) from error
        except (RecursionError, UnicodeError, ValueError) as error:
            message = "The document is nested too deep or holds text that is no Unicode."
            raise _refused(message, RequestErrorCode.PARSE_FAILED) from error
        if errors:
            raise RequestRefused(errors, RequestErrorCode.VALIDATION_FAILED)
        return document


def shown_budget(budget: Budget) -> dict[str, object]:
    """`extensions.cost` of a response: the numbers of `RateLimit`."""
    return {
        "cost": budget.cost,
        "limit": budget.limit,
        "remaining": budget.remaining,
        "resetAt": print_date_time(budget.resets_at),
    }


def _refused(message: str, code: RequestErrorCode) -> RequestRefused:
    return RequestRefused([GraphQLError(message)], code)
