CREATE TABLE documents (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    knowledge_base_id uuid NOT NULL,
    external_id text,
    title text NOT NULL,
    title_key text NOT NULL,
    title_sort text COLLATE "C" NOT NULL,
    language text,
    tags text[] NOT NULL,
    metadata jsonb NOT NULL,
    metadata_leaves jsonb NOT NULL,
    media_type text NOT NULL,
    status text NOT NULL,
    generation bigint NOT NULL,
    live_generation bigint,
    current_version_id uuid,
    version integer DEFAULT 1 NOT NULL,
    created_at timestamptz DEFAULT now() NOT NULL,
    updated_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT pk_documents PRIMARY KEY (workspace_id, id),
    CONSTRAINT fk_documents_knowledge_base FOREIGN KEY (workspace_id, knowledge_base_id)
        REFERENCES knowledge_bases (workspace_id, id),
    CONSTRAINT ck_documents_status
        CHECK (status IN ('ACCEPTED', 'PROCESSING', 'READY', 'FAILED', 'QUARANTINED', 'DELETING', 'DELETED')),
    CONSTRAINT ck_documents_generation CHECK (generation >= 1 AND live_generation <= generation),
    CONSTRAINT ck_documents_ready_is_live CHECK (status <> 'READY' OR live_generation IS NOT NULL),
    CONSTRAINT ck_documents_deleted_is_hidden
        CHECK (status NOT IN ('DELETING', 'DELETED') OR live_generation IS NULL),
    CONSTRAINT ck_documents_metadata CHECK (jsonb_typeof(metadata) = 'object')
);
CREATE INDEX ix_documents_created_at ON documents (workspace_id, knowledge_base_id, created_at, id)
    WHERE status NOT IN ('DELETING', 'DELETED');
CREATE INDEX ix_documents_title_sort ON documents (workspace_id, knowledge_base_id, title_sort, id)
    WHERE status NOT IN ('DELETING', 'DELETED');
CREATE INDEX ix_documents_updated_at ON documents (workspace_id, knowledge_base_id, updated_at, id)
    WHERE status NOT IN ('DELETING', 'DELETED');
CREATE UNIQUE INDEX uq_documents_external_id ON documents (workspace_id, knowledge_base_id, external_id)
    WHERE status NOT IN ('DELETING', 'DELETED');

CREATE TABLE blobs (
    workspace_id uuid NOT NULL,
    key text NOT NULL,
    document_id uuid NOT NULL,
    byte_size bigint NOT NULL,
    created_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT pk_blobs PRIMARY KEY (workspace_id, key),
    CONSTRAINT fk_blobs_document FOREIGN KEY (workspace_id, document_id)
        REFERENCES documents (workspace_id, id)
);
CREATE INDEX ix_blobs_document ON blobs (workspace_id, document_id);

CREATE TABLE document_versions (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    document_id uuid NOT NULL,
    number integer NOT NULL,
    generation bigint NOT NULL,
    blob_key text NOT NULL,
    file_name text,
    media_type text NOT NULL,
    byte_size bigint NOT NULL,
    content_hash text NOT NULL,
    created_at timestamptz DEFAULT now() NOT NULL,
    updated_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT pk_document_versions PRIMARY KEY (workspace_id, id),
    CONSTRAINT fk_document_versions_document FOREIGN KEY (workspace_id, document_id)
        REFERENCES documents (workspace_id, id),
    CONSTRAINT fk_document_versions_blob FOREIGN KEY (workspace_id, blob_key)
        REFERENCES blobs (workspace_id, key),
    CONSTRAINT uq_document_versions_document UNIQUE (workspace_id, document_id, id),
    CONSTRAINT uq_document_versions_number UNIQUE (workspace_id, document_id, number),
    CONSTRAINT uq_document_versions_generation UNIQUE (workspace_id, document_id, generation),
    CONSTRAINT ck_document_versions_numbers CHECK (number >= 1 AND generation >= 1 AND byte_size >= 0)
);

CREATE TABLE version_texts (
    workspace_id uuid NOT NULL,
    version_id uuid NOT NULL,
    text text NOT NULL,
    CONSTRAINT pk_version_texts PRIMARY KEY (workspace_id, version_id),
    CONSTRAINT fk_version_texts_version FOREIGN KEY (workspace_id, version_id)
        REFERENCES document_versions (workspace_id, id) ON DELETE CASCADE
);

CREATE TABLE deletion_receipts (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    document_id uuid NOT NULL,
    vectors_remaining bigint NOT NULL,
    requested_at timestamptz DEFAULT now() NOT NULL,
    completed_at timestamptz,
    CONSTRAINT pk_deletion_receipts PRIMARY KEY (workspace_id, id),
    CONSTRAINT fk_deletion_receipts_document FOREIGN KEY (workspace_id, document_id)
        REFERENCES documents (workspace_id, id),
    CONSTRAINT uq_deletion_receipts_document UNIQUE (workspace_id, document_id),
    CONSTRAINT ck_deletion_receipts_vectors_remaining CHECK (vectors_remaining >= 0),
    CONSTRAINT ck_deletion_receipts_completed CHECK (completed_at IS NULL OR vectors_remaining = 0)
);

CREATE TABLE index_documents (
    workspace_id uuid NOT NULL,
    index_id uuid NOT NULL,
    document_id uuid NOT NULL,
    generation bigint NOT NULL,
    chunk_count integer NOT NULL,
    committed_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT pk_index_documents PRIMARY KEY (workspace_id, index_id, document_id)
        INCLUDE (generation, chunk_count),
    CONSTRAINT fk_index_documents_index FOREIGN KEY (workspace_id, index_id)
        REFERENCES embedding_indexes (workspace_id, id),
    CONSTRAINT fk_index_documents_document FOREIGN KEY (workspace_id, document_id)
        REFERENCES documents (workspace_id, id),
    CONSTRAINT ck_index_documents_chunk_count CHECK (chunk_count >= 0)
);
CREATE INDEX ix_index_documents_document ON index_documents (workspace_id, document_id);

CREATE TABLE chunks (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    document_id uuid NOT NULL,
    version_id uuid NOT NULL,
    generation bigint NOT NULL,
    ordinal integer NOT NULL,
    start_offset integer NOT NULL,
    end_offset integer NOT NULL,
    page integer,
    section text[] NOT NULL,
    section_path text NOT NULL,
    section_key text NOT NULL,
    token_count integer NOT NULL,
    text text NOT NULL,
    CONSTRAINT pk_chunks PRIMARY KEY (workspace_id, id),
    CONSTRAINT fk_chunks_version FOREIGN KEY (workspace_id, document_id, version_id)
        REFERENCES document_versions (workspace_id, document_id, id) ON DELETE CASCADE,
    CONSTRAINT uq_chunks_ordinal UNIQUE (workspace_id, version_id, ordinal),
    CONSTRAINT ck_chunks_numbers CHECK (ordinal >= 0 AND token_count >= 0),
    CONSTRAINT ck_chunks_offsets CHECK (start_offset >= 0 AND end_offset >= start_offset)
);

CREATE TABLE keyword_postings (
    workspace_id uuid NOT NULL,
    analyser_version smallint NOT NULL,
    term integer NOT NULL,
    chunk_id uuid NOT NULL,
    document_id uuid NOT NULL,
    knowledge_base_id uuid NOT NULL,
    weight real NOT NULL,
    CONSTRAINT pk_keyword_postings PRIMARY KEY (workspace_id, analyser_version, term, chunk_id)
        INCLUDE (knowledge_base_id, weight),
    CONSTRAINT ck_keyword_postings_weight CHECK (weight > 0)
);
CREATE INDEX ix_keyword_postings_document ON keyword_postings (workspace_id, document_id);
