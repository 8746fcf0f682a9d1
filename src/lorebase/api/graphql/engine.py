"""Parses, checks and runs operations, the same for every transport."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from inspect import isawaitable

import strawberry
from graphql import (
    DocumentNode,
    ExecutionResult,
    GraphQLError,
    GraphQLSyntaxError,
    OperationDefinitionNode,
    OperationType,
    execute,
    parse,
    specified_rules,
    subscribe,
    validate,
)
from strawberry.schema.validation_rules.one_of import OneOfInputValidationRule

from lorebase.api.graphql.context import Context
from lorebase.api.graphql.errors import RequestErrorCode
from lorebase.api.graphql.limits import TooComplex, check_size
from lorebase.api.graphql.pricing import price
from lorebase.api.graphql.schema import core_schema
from lorebase.core.config import EdgeSettings
from lorebase.core.errors import ErrorCode, Transient

CACHED_DOCUMENTS = 512
CACHED_CHARACTERS = 8_000
ERRORS_MAXIMUM = 20
RULES = (*specified_rules, OneOfInputValidationRule)


class RequestRefused(Exception):
    """A request that was never run: it does not parse, does not fit the schema, or is too dear."""

    def __init__(self, errors: list[GraphQLError], code: RequestErrorCode) -> None:
        super().__init__(code)
        self.errors = errors
        self.code = code


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of a checked document, ready to run."""

    document: DocumentNode
    node: OperationDefinitionNode
    name: str | None

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

    def prepare(self, query: str, operation_name: str | None) -> Operation:
        """The operation to run. RequestRefused when there is none that may be."""
        document = self._cached(query)
        operations = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
        named = [node for node in operations if operation_name in {None, node.name and node.name.value}]
        if len(named) != 1:
            wanted = f"`{operation_name}`" if operation_name else "one operation, or name which one is meant"
            raise _refused(f"The document must hold {wanted}.", RequestErrorCode.VALIDATION_FAILED)
        return Operation(document, named[0], operation_name)

    def check_price(self, operation: Operation, variables: Mapping[str, object]) -> None:
        """Refuses an operation that asks for too much at once."""
        points = price(self._schema, operation.document, operation.node, variables)
        limit = self._settings.query_max_cost
        if points > limit:
            raise RequestRefused(
                [TooComplex("the cost in points", points, limit)], RequestErrorCode.TOO_COMPLEX
            )

    async def execute(
        self, operation: Operation, variables: dict[str, object], context: Context
    ) -> ExecutionResult:
        """Runs a query or mutation, at most as long as the settings allow."""
        self.check_price(operation, variables)
        try:
            async with asyncio.timeout(self._settings.request_timeout_seconds):
                result = execute(
                    self._schema,
                    operation.document,
                    context_value=context,
                    variable_values=variables,
                    operation_name=operation.name,
                    hide_suggestions=True,
                )
                return await result if isawaitable(result) else result
        except TimeoutError:
            late = Transient("The request took too long; ask for less.", code=ErrorCode.OVERLOADED)
            return ExecutionResult(None, [GraphQLError(late.message, original_error=late, path=[])])

    async def subscribe(
        self, operation: Operation, variables: dict[str, object], context: Context
    ) -> AsyncIterator[ExecutionResult] | ExecutionResult:
        """Opens a stream of results; an ExecutionResult says why there is none."""
        self.check_price(operation, variables)
        result = subscribe(
            self._schema,
            operation.document,
            context_value=context,
            variable_values=variables,
            operation_name=operation.name,
            hide_suggestions=True,
        )
        return await result if isawaitable(result) else result

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
            document = parse(query, max_tokens=self._settings.query_max_tokens)
            check_size(document, self._settings)
            # To look for similar names costs too much where names are very long.
            hide = len(query) > CACHED_CHARACTERS
            errors = validate(self._schema, document, RULES, max_errors=ERRORS_MAXIMUM, hide_suggestions=hide)
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


def _refused(message: str, code: RequestErrorCode) -> RequestRefused:
    return RequestRefused([GraphQLError(message)], code)
