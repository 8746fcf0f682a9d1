"""Secrets: API keys, their hashes, and signatures of cursors and download links."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass

API_KEY_MARK = "lb"


@dataclass(frozen=True, slots=True)
class NewSecret:
    """A fresh API key: `secret` is shown once, `prefix` tells keys apart, `digest` is what is stored."""

    secret: str
    prefix: str
    digest: bytes


def new_api_key() -> NewSecret:
    """Makes a key of 256 random bits; being random, a plain SHA-256 of it is safe to store."""
    secret = f"{API_KEY_MARK}_{secrets.token_urlsafe(32)}"
    return NewSecret(secret, secret[:11], hash_api_key(secret))


def hash_api_key(secret: str) -> bytes:
    """SHA-256 of the whole key, 32 bytes."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


class Signer:
    """Signs short texts with HMAC-SHA-256, cut to 128 bits, bound to a purpose."""

    def __init__(self, secret_key: str) -> None:
        self._key = hashlib.sha256(secret_key.encode()).digest()

    def sign(self, purpose: str, payload: str) -> str:
        """An opaque URL-safe token that carries `payload`."""
        body = payload.encode()
        return base64.urlsafe_b64encode(self._mac(purpose, body) + body).rstrip(b"=").decode()

    def verify(self, purpose: str, token: str) -> str | None:
        """The payload, or None when the token was not made by `sign` for this purpose."""
        try:
            raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
            payload = raw[16:].decode()
        except ValueError:
            return None
        return payload if hmac.compare_digest(raw[:16], self._mac(purpose, raw[16:])) else None

    def _mac(self, purpose: str, body: bytes) -> bytes:
        return hmac.new(self._key, purpose.encode() + b"\0" + body, hashlib.sha256).digest()[:16]
