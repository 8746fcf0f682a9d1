"""Identifiers: UUIDv7 made by the server, and the opaque global ids of GraphQL."""

from __future__ import annotations

import base64
import binascii
import secrets
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from lorebase.core.errors import NotFound

NO_WORKSPACE = UUID(int=0)

TYPE_PREFIXES = {
    "Workspace": "ws",
    "User": "usr",
    "Membership": "mbr",
    "ApiKey": "key",
    "EmbeddingModel": "mdl",
    "EmbeddingIndex": "idx",
    "KnowledgeBase": "kb",
    "Document": "doc",
    "DocumentVersion": "ver",
    "Chunk": "chk",
    "Job": "job",
    "Conversation": "cnv",
    "Message": "msg",
    "Answer": "ans",
    "Feedback": "fbk",
    "DeletionReceipt": "del",
    "DirectUpload": "upl",
    "EvaluationSet": "evs",
    "EvaluationRun": "evr",
    "PromptTemplate": "ptl",
}
_TYPES = {prefix: name for name, prefix in TYPE_PREFIXES.items()}


def new_id() -> UUID:
    """A UUIDv7 (RFC 9562, 5.7): 48 bits of milliseconds, 74 random bits, so keys sort by time."""
    milliseconds = time.time_ns() // 1_000_000
    value = (milliseconds & (2**48 - 1)) << 80
    value |= 0x7 << 76 | secrets.randbits(12) << 64
    value |= 0b10 << 62 | secrets.randbits(62)
    return UUID(int=value)


def made_at(identifier: UUID) -> datetime:
    """When a UUIDv7 was made, to the millisecond, by its maker's clock. ValueError for another version."""
    if identifier.version != 7:
        raise ValueError("only a UUIDv7 carries its time")
    return datetime.fromtimestamp((identifier.int >> 80) / 1000, UTC)


@dataclass(frozen=True, slots=True)
class GlobalId:
    """What an opaque id carries: the GraphQL type, the workspace and the object."""

    type_name: str
    workspace_id: UUID
    object_id: UUID

    def __str__(self) -> str:
        body = base64.urlsafe_b64encode(self.workspace_id.bytes + self.object_id.bytes).rstrip(b"=")
        return f"{TYPE_PREFIXES[self.type_name]}_{body.decode()}"


def parse_global_id(value: str, *expected: str) -> GlobalId:
    """Reads a global id. Malformed or of another type than `expected`: NotFound, as if it did not exist."""
    prefix, _, body = value.partition("_")
    type_name = _TYPES.get(prefix)
    if type_name is None or len(body) != 43 or (expected and type_name not in expected):
        raise NotFound("There is no such object.")
    try:
        raw = base64.b64decode(body + "=", altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise NotFound("There is no such object.") from error
    identifier = GlobalId(type_name, UUID(bytes=raw[:16]), UUID(bytes=raw[16:]))
    if str(identifier) != value:
        raise NotFound("There is no such object.")
    return identifier
