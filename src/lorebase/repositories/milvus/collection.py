"""Makes collections of passages with their explicit schema, one a model version."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from lorebase.core.errors import Conflict
from lorebase.repositories.milvus import columns as c
from lorebase.repositories.milvus.errors import translated
from lorebase.repositories.milvus.library import CollectionSchema, DataType, MilvusClient
from lorebase.schemas.embeddings import EmbeddingModel

HNSW = {"M": 16, "efConstruction": 200}
METRIC = "COSINE"
DENSE_INDEX = {"index_type": "HNSW", "metric_type": METRIC, "params": HNSW}
SPARSE_INDEX = {"index_type": "SPARSE_INVERTED_INDEX", "metric_type": "IP", "params": {}}

# What a column is: its type, and its length or dimensions.
Shape = tuple[str, str, int]


class MilvusCollections:
    """CollectionAdministration. Uses the synchronous client: Lite has no index calls for the other one."""

    def __init__(self, uri: str, token: str | None, timeout_seconds: float) -> None:
        self._uri = uri
        self._token = token or ""
        self._timeout = timeout_seconds

    async def create(self, model: EmbeddingModel) -> bool:
        """Creates the collection, or checks the one that is there; see CollectionAdministration."""
        return await asyncio.to_thread(self._create, model.collection, collection_schema(model.dimensions))

    async def create_keywords(self, collection: str) -> bool:
        """The same for a collection of the weights of terms."""
        return await asyncio.to_thread(self._create, collection, collection_schema(None))

    async def drop(self, collection: str) -> None:
        """Removes a collection; no error when it is gone already."""
        await asyncio.to_thread(self._drop, collection)

    def _create(self, name: str, schema: CollectionSchema) -> bool:
        with self._client("create collection") as client:
            if client.has_collection(name, timeout=self._timeout):
                check_fits(_found(client.describe_collection(name, timeout=self._timeout)), schema)
                client.load_collection(name, timeout=self._timeout)
                return False
            index = client.prepare_index_params()
            index.add_index(c.VECTOR, **_index_of(schema))
            client.create_collection(name, schema=schema, index_params=index, timeout=self._timeout)
        return True

    def _drop(self, name: str) -> None:
        with self._client("drop collection") as client:
            if client.has_collection(name, timeout=self._timeout):
                client.drop_collection(name, timeout=self._timeout)

    @contextmanager
    def _client(self, operation: str) -> Iterator[MilvusClient]:
        with translated(operation):
            client = MilvusClient(uri=self._uri, token=self._token, timeout=self._timeout, dedicated=True)
            try:
                yield client
            finally:
                client.close()


def _index_of(schema: CollectionSchema) -> dict[str, Any]:
    [vector] = [field for field in schema.fields if field.name == c.VECTOR]
    return SPARSE_INDEX if vector.dtype == DataType.SPARSE_FLOAT_VECTOR else DENSE_INDEX


def collection_schema(dimensions: int | None) -> CollectionSchema:
    """The explicit schema, without a dynamic field; without dimensions that of the weights of terms."""
    schema = MilvusClient.create_schema(auto_id=False, enable_dynamic_field=False)
    for name in c.IDENTIFIERS:
        schema.add_field(name, DataType.VARCHAR, max_length=c.IDENTIFIER_BYTES, is_primary=name == c.CHUNK_ID)
    for name, length in c.TEXT_BYTES.items():
        schema.add_field(name, DataType.VARCHAR, max_length=length)
    for name in (c.GENERATION, c.CREATED_AT):
        schema.add_field(name, DataType.INT64)
    for name in (c.ORDINAL, c.TOKEN_COUNT, c.PAGE):
        schema.add_field(name, DataType.INT32)
    schema.add_field(
        c.TAGS,
        DataType.ARRAY,
        element_type=DataType.VARCHAR,
        max_capacity=c.TAGS_CAPACITY,
        max_length=c.TAG_BYTES,
    )
    schema.add_field(c.METADATA, DataType.JSON)
    schema.add_field(c.INEXACT, DataType.BOOL)
    if dimensions is None:
        schema.add_field(c.VECTOR, DataType.SPARSE_FLOAT_VECTOR)
    else:
        schema.add_field(c.VECTOR, DataType.FLOAT_VECTOR, dim=dimensions)
    return schema


def check_fits(found: dict[str, Shape], wanted: CollectionSchema) -> None:
    """Raises Conflict when the columns found are not the wanted ones."""
    expected = {field.name: _shape(field.dtype, field.params) for field in wanted.fields}
    different = sorted(
        name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name)
    )
    if different:
        raise Conflict(f"The collection exists with other columns: {', '.join(different)}.")


def _found(description: dict[str, object]) -> dict[str, Shape]:
    fields = description["fields"]
    assert isinstance(fields, list)
    return {field["name"]: _shape(field["type"], field.get("params", {})) for field in fields}


def _shape(kind: DataType, parameters: dict[str, object]) -> Shape:
    if kind in (DataType.VARCHAR, DataType.FLOAT_VECTOR):
        name = "max_length" if kind == DataType.VARCHAR else "dim"
        return (DataType(kind).name, name, int(str(parameters.get(name, 0))))
    return (DataType(kind).name, "", 0)
