"""Milvus: collections, chunks and filters."""
