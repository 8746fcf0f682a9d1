CREATE TABLE embedding_models (
    id uuid NOT NULL,
    name text NOT NULL,
    provider text NOT NULL,
    version text NOT NULL,
    dimensions integer NOT NULL,
    max_input_tokens integer NOT NULL,
    collection text NOT NULL,
    deprecated_at timestamptz,
    created_at timestamptz DEFAULT now() NOT NULL,
    updated_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT pk_embedding_models PRIMARY KEY (id),
    CONSTRAINT uq_embedding_models_version UNIQUE (name, provider, version),
    CONSTRAINT uq_embedding_models_collection UNIQUE (collection),
    CONSTRAINT ck_embedding_models_sizes CHECK (dimensions > 0 AND max_input_tokens > 0)
);
CREATE INDEX ix_embedding_models_created_at ON embedding_models (created_at, id);

CREATE TABLE knowledge_bases (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    slug text NOT NULL,
    name text NOT NULL,
    name_sort text COLLATE "C" NOT NULL,
    description text,
    chunk_max_tokens integer NOT NULL,
    chunk_overlap_tokens integer NOT NULL,
    metadata_fields jsonb NOT NULL,
    active_index_id uuid NOT NULL,
    version integer DEFAULT 1 NOT NULL,
    created_at timestamptz DEFAULT now() NOT NULL,
    updated_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT pk_knowledge_bases PRIMARY KEY (workspace_id, id),
    CONSTRAINT fk_knowledge_bases_workspace FOREIGN KEY (workspace_id) REFERENCES workspaces (id),
    CONSTRAINT uq_knowledge_bases_slug UNIQUE (workspace_id, slug),
    CONSTRAINT ck_knowledge_bases_chunking
        CHECK (chunk_max_tokens > chunk_overlap_tokens AND chunk_overlap_tokens >= 0)
);
CREATE INDEX ix_knowledge_bases_created_at ON knowledge_bases (workspace_id, created_at, id);
CREATE INDEX ix_knowledge_bases_name ON knowledge_bases (workspace_id, name_sort, id);

CREATE TABLE embedding_indexes (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    knowledge_base_id uuid NOT NULL,
    model_id uuid NOT NULL,
    job_id uuid,
    progress double precision DEFAULT 0 NOT NULL,
    activated_at timestamptz,
    created_at timestamptz DEFAULT now() NOT NULL,
    updated_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT pk_embedding_indexes PRIMARY KEY (workspace_id, id),
    CONSTRAINT fk_embedding_indexes_knowledge_base FOREIGN KEY (workspace_id, knowledge_base_id)
        REFERENCES knowledge_bases (workspace_id, id),
    CONSTRAINT fk_embedding_indexes_model FOREIGN KEY (model_id) REFERENCES embedding_models (id),
    CONSTRAINT uq_embedding_indexes_knowledge_base UNIQUE (workspace_id, knowledge_base_id, id),
    CONSTRAINT ck_embedding_indexes_progress CHECK (progress BETWEEN 0 AND 1)
);
CREATE INDEX ix_embedding_indexes_created_at
    ON embedding_indexes (workspace_id, knowledge_base_id, created_at, id);

CREATE TABLE embedding_cache (
    workspace_id uuid NOT NULL,
    model_id uuid NOT NULL,
    text_hash bytea NOT NULL,
    vector bytea NOT NULL,
    created_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT pk_embedding_cache PRIMARY KEY (workspace_id, model_id, text_hash),
    CONSTRAINT fk_embedding_cache_model FOREIGN KEY (model_id) REFERENCES embedding_models (id),
    CONSTRAINT ck_embedding_cache_vector CHECK (octet_length(vector) % 4 = 0 AND octet_length(vector) > 0)
);
