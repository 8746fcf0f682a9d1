ALTER TABLE knowledge_bases ADD COLUMN deleted_at timestamptz;
ALTER TABLE knowledge_bases DROP CONSTRAINT uq_knowledge_bases_slug;
CREATE UNIQUE INDEX uq_knowledge_bases_slug ON knowledge_bases (workspace_id, slug) WHERE deleted_at IS NULL;
CREATE INDEX ix_knowledge_bases_deleted ON knowledge_bases (workspace_id, id) WHERE deleted_at IS NOT NULL;

ALTER TABLE deletion_receipts ALTER COLUMN document_id DROP NOT NULL;
ALTER TABLE deletion_receipts ADD COLUMN knowledge_base_id uuid;
ALTER TABLE deletion_receipts ADD COLUMN documents_remaining bigint;
ALTER TABLE deletion_receipts
    ADD CONSTRAINT fk_deletion_receipts_knowledge_base FOREIGN KEY (workspace_id, knowledge_base_id)
    REFERENCES knowledge_bases (workspace_id, id);
ALTER TABLE deletion_receipts
    ADD CONSTRAINT uq_deletion_receipts_knowledge_base UNIQUE (workspace_id, knowledge_base_id);
ALTER TABLE deletion_receipts
    ADD CONSTRAINT ck_deletion_receipts_subject CHECK (num_nonnulls(document_id, knowledge_base_id) = 1);
ALTER TABLE deletion_receipts
    ADD CONSTRAINT ck_deletion_receipts_documents_remaining CHECK (documents_remaining >= 0);
CREATE INDEX ix_deletion_receipts_completed ON deletion_receipts (workspace_id, completed_at);

CREATE INDEX ix_documents_tombstones ON documents (workspace_id, knowledge_base_id, id)
    WHERE status IN ('DELETING', 'DELETED');
CREATE INDEX ix_conversation_knowledge_bases_knowledge_base
    ON conversation_knowledge_bases (workspace_id, knowledge_base_id);
CREATE INDEX ix_answers_conversation ON answers (workspace_id, conversation_id);
CREATE INDEX ix_answers_job ON answers (workspace_id, job_id);
CREATE INDEX ix_messages_answer ON messages (workspace_id, answer_id);
CREATE INDEX ix_embedding_indexes_job ON embedding_indexes (workspace_id, job_id);
CREATE INDEX ix_jobs_finished_at ON jobs (workspace_id, finished_at) WHERE finished_at IS NOT NULL;

ALTER TABLE embedding_cache ADD COLUMN used_at timestamptz DEFAULT now() NOT NULL;
CREATE INDEX ix_embedding_cache_used_at ON embedding_cache (workspace_id, used_at);
