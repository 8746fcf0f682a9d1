"""Everything on one machine: PostgreSQL, Valkey, Milvus Lite and local models under one supervisor."""
