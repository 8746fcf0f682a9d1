"""Data access: PostgreSQL and Milvus."""
