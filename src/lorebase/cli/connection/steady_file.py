"""A file that is sent as long as it was when it was opened, whatever others write to it meanwhile."""

from __future__ import annotations

import os
from types import TracebackType
from typing import BinaryIO, Self

from lorebase.cli.errors import FileChanged


class SteadyFile:
    """The first bytes of a growing file; FileChanged from `read` when it has become shorter.

    The length that is announced before an upload is then always the length that is sent.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._size = os.fstat(stream.fileno()).st_size
        self._position = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stream.close()

    def tell(self) -> int:
        """The place of the next byte."""
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Moves there; returns the new place."""
        starts = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}
        self._position = self._stream.seek(starts[whence] + offset)
        return self._position

    def read(self, count: int = -1) -> bytes:
        """At most `count` bytes, all that are left when negative; empty at the end."""
        left = self._size - self._position
        wanted = left if count < 0 else min(count, left)
        content = self._stream.read(wanted)
        if wanted and not content:
            raise FileChanged("The file became shorter while it was being sent.")
        self._position += len(content)
        return content
