"""The built GraphiQL bundle: which files it has, and how they are served."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from fastapi import Request, Response
from fastapi.responses import FileResponse
from pydantic import BaseModel, StringConstraints

BUNDLE = Path(__file__).parent / "static" / "graphiql"

MEDIA_TYPES = {".js": "text/javascript", ".css": "text/css", ".ttf": "font/ttf", ".txt": "text/plain"}

SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}

FileName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]+$")]


class BundleManifest(BaseModel):
    """What the build wrote: the page's entry files, and every file that may be served."""

    script: FileName
    style: FileName
    files: frozenset[FileName]


def read_manifest(bundle: Path) -> BundleManifest | None:
    """The manifest of a built bundle, None when there is none."""
    path = bundle / "manifest.json"
    return BundleManifest.model_validate_json(path.read_bytes()) if path.is_file() else None


def bundle_file(path: Path, request: Request) -> Response:
    """One file of the bundle, compressed when the browser takes that; 304 when it has it already."""
    compressed = path.with_name(f"{path.name}.gz")
    gzipped = "gzip" in request.headers.get("accept-encoding", "") and compressed.is_file()
    headers = {
        **SECURITY_HEADERS,
        "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
        # The names carry a hash of the content: another build has other names.
        "Cache-Control": "public, max-age=31536000, immutable",
        "ETag": f'"{path.name}{".gz" if gzipped else ""}"',
        "Vary": "Accept-Encoding",
    }
    if request.headers.get("if-none-match") == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    if gzipped:
        headers["Content-Encoding"] = "gzip"
    media_type = MEDIA_TYPES.get(path.suffix, "application/octet-stream")
    return FileResponse(compressed if gzipped else path, headers=headers, media_type=media_type)
