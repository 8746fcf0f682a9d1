CREATE TABLE jobs (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    kind text NOT NULL,
    status text NOT NULL,
    lane text NOT NULL,
    subject_type text NOT NULL,
    subject_id uuid NOT NULL,
    generation bigint NOT NULL,
    attempt integer DEFAULT 0 NOT NULL,
    fence bigint DEFAULT 0 NOT NULL,
    progress_stage text,
    progress_completed integer DEFAULT 0 NOT NULL,
    progress_total integer,
    error jsonb,
    cancel_requested boolean DEFAULT false NOT NULL,
    event_sequence bigint DEFAULT 0 NOT NULL,
    trace_id text NOT NULL,
    parameters jsonb NOT NULL,
    run_at timestamptz DEFAULT now() NOT NULL,
    lease_expires_at timestamptz,
    started_at timestamptz,
    finished_at timestamptz,
    created_at timestamptz DEFAULT now() NOT NULL,
    updated_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT pk_jobs PRIMARY KEY (workspace_id, id),
    CONSTRAINT fk_jobs_workspace FOREIGN KEY (workspace_id) REFERENCES workspaces (id),
    CONSTRAINT ck_jobs_kind
        CHECK (kind IN ('ANSWER', 'DELETE', 'INGEST', 'REINDEX', 'EVALUATE', 'SYNC_METADATA')),
    CONSTRAINT ck_jobs_status CHECK (status IN ('QUEUED', 'RUNNING', 'SUCCEEDED', 'FAILED', 'CANCELLED')),
    CONSTRAINT ck_jobs_lane CHECK (lane IN ('documents', 'answers')),
    CONSTRAINT ck_jobs_subject_type
        CHECK (subject_type IN ('Answer', 'Document', 'EmbeddingIndex', 'EvaluationRun', 'KnowledgeBase')),
    CONSTRAINT ck_jobs_progress_stage
        CHECK (progress_stage IN ('FETCH', 'PARSE', 'CHUNK', 'EMBED', 'INDEX')),
    CONSTRAINT ck_jobs_counters CHECK (attempt >= 0 AND fence >= 0 AND event_sequence >= 0),
    CONSTRAINT ck_jobs_running_has_lease CHECK ((status = 'RUNNING') = (lease_expires_at IS NOT NULL)),
    CONSTRAINT ck_jobs_finished
        CHECK ((status IN ('SUCCEEDED', 'FAILED', 'CANCELLED')) = (finished_at IS NOT NULL)),
    CONSTRAINT ck_jobs_failed_has_error CHECK (status <> 'FAILED' OR error IS NOT NULL)
);
CREATE INDEX ix_jobs_created_at ON jobs (workspace_id, created_at, id);
CREATE INDEX ix_jobs_id ON jobs (id);
CREATE INDEX ix_jobs_queued ON jobs (lane, workspace_id, run_at, id) WHERE status = 'QUEUED';
CREATE INDEX ix_jobs_running ON jobs (lane, workspace_id) WHERE status = 'RUNNING';
CREATE INDEX ix_jobs_subject ON jobs (workspace_id, subject_type, subject_id, created_at, id);
CREATE INDEX ix_jobs_updated_at ON jobs (workspace_id, updated_at, id);
