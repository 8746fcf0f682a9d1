"""Tells schemathesis how values of our own scalars are written."""

import schemathesis
from hypothesis import strategies
from schemathesis.graphql import nodes

TEXTS = [nodes.String("x"), nodes.Int(1), nodes.Null]

# A file comes in a multipart request, which schemathesis does not send.
schemathesis.graphql.scalar("Upload", strategies.just(nodes.Null))
schemathesis.graphql.scalar("JSON", strategies.sampled_from(TEXTS))
schemathesis.graphql.scalar(
    "DateTime", strategies.datetimes().map(lambda time: nodes.String(time.isoformat() + "Z"))
)
schemathesis.graphql.scalar(
    "Long", strategies.integers(-(2**63), 2**63 - 1).map(lambda number: nodes.String(str(number)))
)
