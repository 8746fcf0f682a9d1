"""GraphQL over HTTP (https://graphql.github.io/graphql-over-http/draft/), with uploads and streams."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from graphql import ExecutionResult, OperationType
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from lorebase.api.graphql.context import Context
from lorebase.api.graphql.engine import Engine, Operation
from lorebase.api.graphql.errors import RequestRefused, format_errors
from lorebase.api.metrics import Metrics
from lorebase.api.transports.authentication import ContextFor, read_bearer
from lorebase.api.transports.mixed import MixedParts
from lorebase.api.transports.multipart import check_preflight, read_form, request_from_form
from lorebase.api.transports.negotiation import (
    EVENT_STREAM,
    GRAPHQL_RESPONSE,
    JSON,
    MIXED,
    MULTIPART,
    Accepted,
)
from lorebase.api.transports.problems import (
    Problem,
    budget_headers,
    error_response,
    json_response,
    problem_response,
)
from lorebase.api.transports.requests import GraphQLRequest, read_json, request_from, request_from_url
from lorebase.api.transports.sse import ServerSentEvents
from lorebase.api.transports.streaming import Framing, Results, resumed, stream_response
from lorebase.core.config import EdgeSettings
from lorebase.core.errors import LorebaseError, Unauthenticated
from lorebase.core.logging import current_trace_id

METHODS = "GET, POST"
FRAMINGS: Mapping[str, Framing] = {EVENT_STREAM: ServerSentEvents(), MIXED: MixedParts()}


class HttpTransport:
    """The endpoint `/graphql` for everything but WebSockets."""

    def __init__(
        self,
        engine: Engine,
        settings: EdgeSettings,
        context_for: ContextFor,
        metrics: Metrics,
        page: Callable[[], Response],
    ) -> None:
        self._engine = engine
        self._settings = settings
        self._context_for = context_for
        self._metrics = metrics
        self._page = page

    async def __call__(self, request: Request) -> Response:
        """Answers one request; every failure is JSON in the media type that the client reads."""
        accepted = Accepted(request.headers)
        if request.method == "GET" and accepted.page:
            return self._page()
        try:
            return await self._answer(request, accepted)
        except Problem as problem:
            return problem_response(problem, accepted.response_type)
        except RequestRefused as refused:
            return self._refusal(refused, accepted.response_type)
        except LorebaseError as error:
            return error_response(error, accepted.response_type)
        finally:
            await request.close()

    async def _answer(self, request: Request, accepted: Accepted) -> Response:
        if request.method not in {"GET", "POST"}:
            # Also the answer to graphql-sse's single connection mode, which begins with PUT.
            raise Problem(405, "Use GET or POST, one operation a request.", headers={"Allow": METHODS})
        if accepted.response_type is None and accepted.stream_type is None:
            raise Problem(406, f"Responses come as {GRAPHQL_RESPONSE}, {JSON} or {EVENT_STREAM}.")
        # A mutation by GET is refused for its method before anybody asks who sent it.
        if request.method == "GET":
            wanted = request_from_url(request)
            operation = self._prepare_get(wanted)
            context = await self._context(request)
        else:
            context = await self._context(request)
            wanted = await self._read_post(request, context)
            operation = self._prepare(wanted)
        return await self._run(request, accepted, operation, wanted, context)

    def _prepare(self, wanted: GraphQLRequest) -> Operation:
        return self._engine.prepare(wanted.query, wanted.operation_name, wanted.document_id)

    def _prepare_get(self, wanted: GraphQLRequest) -> Operation:
        operation = self._prepare(wanted)
        if operation.kind is OperationType.MUTATION:
            raise Problem(405, "Mutations need POST.", headers={"Allow": "POST"})
        return operation

    async def _context(self, request: Request) -> Context:
        return await self._context_for(read_bearer(request.headers.get("authorization")))

    async def _read_post(self, request: Request, context: Context) -> GraphQLRequest:
        content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if content_type in {JSON, GRAPHQL_RESPONSE}:
            return request_from(read_json(await request.body(), "The request body"))
        if content_type != MULTIPART:
            raise Problem(415, f"Send {JSON} or {MULTIPART}.", headers={"Accept": f"{JSON}, {MULTIPART}"})
        check_preflight(request.headers)
        if context.caller is None:
            raise Unauthenticated("Uploads need an API key.")
        form: FormData = await read_form(request, self._settings.max_body_bytes)
        return request_from_form(form)

    async def _run(
        self,
        request: Request,
        accepted: Accepted,
        operation: Operation,
        wanted: GraphQLRequest,
        context: Context,
    ) -> Response:
        if operation.kind is OperationType.SUBSCRIPTION:
            if accepted.stream_type is None:
                raise Problem(406, f"Subscriptions need a WebSocket or `Accept: {EVENT_STREAM}`.")
            variables = resumed(operation, wanted.variables, request.headers.get("last-event-id"))
            results = await self._engine.subscribe(operation, variables, context)
            return self._stream(results, accepted.stream_type, context)
        with self._metrics.operation(operation.kind.value) as outcome:
            result = await self._engine.execute(operation, wanted.variables, context)
            outcome.failed = bool(result.errors)
        if accepted.response_type is None:
            return self._stream(result, accepted.stream_type or EVENT_STREAM, context)
        return self._result(result, accepted.response_type, context)

    def _stream(self, results: Results, media_type: str, context: Context) -> Response:
        pause = self._settings.subscription_keep_alive_seconds
        headers = budget_headers(context.budget)
        return stream_response(results, FRAMINGS[media_type], pause, self._metrics, headers)

    def _result(self, result: ExecutionResult, media_type: str, context: Context) -> Response:
        content: dict[str, object] = {}
        headers = budget_headers(context.budget)
        errors = format_errors(result.errors or [], current_trace_id())
        if errors:
            content["errors"] = errors
        if result.data is None and errors and all("path" not in error for error in errors):
            # Variables that do not fit: the operation never ran, so there is no data to speak of.
            return json_response(content, _refused_status(media_type), media_type, headers)
        content["data"] = result.data
        if result.extensions:
            content["extensions"] = result.extensions
        return json_response(content, 200, media_type, headers)

    def _refusal(self, refused: RequestRefused, media_type: str | None) -> Response:
        errors = format_errors(refused.errors, current_trace_id(), refused.code)
        return json_response({"errors": errors}, _refused_status(media_type), media_type)


def _refused_status(media_type: str | None) -> int:
    return 200 if media_type == JSON else 400
