"""Media types: what a client sends, and which it wants back."""

from __future__ import annotations

from starlette.datastructures import Headers

GRAPHQL_RESPONSE = "application/graphql-response+json"
JSON = "application/json"
EVENT_STREAM = "text/event-stream"
HTML = "text/html"
MULTIPART = "multipart/form-data"
MIXED = "multipart/mixed"
SUBSCRIPTIONS = "subscriptionspec=1.0"


class Accepted:
    """The media types of an Accept header with their weights; no header accepts JSON."""

    def __init__(self, headers: Headers) -> None:
        header = headers.get("accept") or JSON
        self._weights = dict(_parse(header))
        self._mixed = SUBSCRIPTIONS in header.lower().replace('"', "").replace(" ", "")

    def weight(self, media_type: str) -> float:
        """How much a media type is wanted, 0 for not at all."""
        family = media_type.partition("/")[0] + "/*"
        for name in (media_type, family, "*/*"):
            if name in self._weights:
                return self._weights[name]
        return 0.0

    def names(self, media_type: str) -> bool:
        """Whether the client names this very media type."""
        return self._weights.get(media_type, 0.0) > 0

    @property
    def response_type(self) -> str | None:
        """How to answer one result: JSON unless the GraphQL type is named, None when neither will do."""
        if self.names(GRAPHQL_RESPONSE) and self.weight(GRAPHQL_RESPONSE) >= self._weights.get(JSON, 0.0):
            return GRAPHQL_RESPONSE
        return JSON if self.weight(JSON) > 0 else None

    @property
    def stream_type(self) -> str | None:
        """How to answer many results: the more wanted of the two that are named, None when neither is.

        Other clients name multipart/mixed for other things (`@defer`): only those that say
        `subscriptionSpec=1.0` can read subscriptions in it.
        """
        events = self._weights.get(EVENT_STREAM, 0.0)
        mixed = self._weights.get(MIXED, 0.0) if self._mixed else 0.0
        if max(events, mixed) <= 0:
            return None
        return EVENT_STREAM if events >= mixed else MIXED

    @property
    def page(self) -> bool:
        """Whether a browser asks for a page to look at."""
        return self.names(HTML) and self.weight(HTML) >= max(
            self._weights.get(JSON, 0.0), self._weights.get(GRAPHQL_RESPONSE, 0.0)
        )


def _parse(header: str) -> list[tuple[str, float]]:
    found = []
    for part in header.split(","):
        name, *parameters = (piece.strip().lower() for piece in part.split(";"))
        found.append((name, _quality(parameters)))
    return found


def _quality(parameters: list[str]) -> float:
    for parameter in parameters:
        if parameter.startswith("q="):
            try:
                return float(parameter[2:])
            except ValueError:
                return 0.0
    return 1.0
