"""How receipts of deletions are read from their table."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, case, func

from lorebase.models.documents import deletion_receipts as receipts
from lorebase.repositories.sql.values import build, columns_of
from lorebase.schemas.documents import DeletionReceipt

_OPEN_DOCUMENT = case((receipts.c.completed_at.is_(None), 1), else_=0)

RECEIPT_COLUMNS = (
    *(column for column in columns_of(receipts, DeletionReceipt) if column.name != "documents_remaining"),
    func.coalesce(receipts.c.documents_remaining, _OPEN_DOCUMENT).label("documents_remaining"),
)


def receipt_of(row: Row[Any]) -> DeletionReceipt:
    """The receipt of a row."""
    return build(DeletionReceipt, row)
