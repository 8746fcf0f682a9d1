CREATE TABLE evaluation_sets (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    knowledge_base_id uuid NOT NULL,
    name text NOT NULL,
    case_count integer DEFAULT 0 NOT NULL,
    created_at timestamptz DEFAULT now() NOT NULL,
    updated_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT pk_evaluation_sets PRIMARY KEY (workspace_id, id),
    CONSTRAINT fk_evaluation_sets_knowledge_base FOREIGN KEY (workspace_id, knowledge_base_id)
        REFERENCES knowledge_bases (workspace_id, id) ON DELETE CASCADE,
    CONSTRAINT uq_evaluation_sets_name UNIQUE (workspace_id, knowledge_base_id, name),
    CONSTRAINT uq_evaluation_sets_knowledge_base UNIQUE (workspace_id, knowledge_base_id, id),
    CONSTRAINT ck_evaluation_sets_case_count CHECK (case_count >= 0)
);
CREATE INDEX ix_evaluation_sets_created_at
    ON evaluation_sets (workspace_id, knowledge_base_id, created_at, id);

CREATE TABLE evaluation_cases (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    set_id uuid NOT NULL,
    position integer NOT NULL,
    query text NOT NULL,
    relevant jsonb NOT NULL,
    CONSTRAINT pk_evaluation_cases PRIMARY KEY (workspace_id, id),
    CONSTRAINT fk_evaluation_cases_set FOREIGN KEY (workspace_id, set_id)
        REFERENCES evaluation_sets (workspace_id, id) ON DELETE CASCADE,
    CONSTRAINT uq_evaluation_cases_position UNIQUE (workspace_id, set_id, position),
    CONSTRAINT ck_evaluation_cases_position CHECK (position > 0)
);

CREATE TABLE evaluation_runs (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    knowledge_base_id uuid NOT NULL,
    set_id uuid NOT NULL,
    index_id uuid NOT NULL,
    job_id uuid NOT NULL,
    mode text NOT NULL,
    compare_with_run_id uuid,
    metrics jsonb,
    created_at timestamptz DEFAULT now() NOT NULL,
    updated_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT pk_evaluation_runs PRIMARY KEY (workspace_id, id),
    CONSTRAINT fk_evaluation_runs_set FOREIGN KEY (workspace_id, knowledge_base_id, set_id)
        REFERENCES evaluation_sets (workspace_id, knowledge_base_id, id) ON DELETE CASCADE,
    CONSTRAINT fk_evaluation_runs_index FOREIGN KEY (workspace_id, knowledge_base_id, index_id)
        REFERENCES embedding_indexes (workspace_id, knowledge_base_id, id) ON DELETE CASCADE,
    CONSTRAINT fk_evaluation_runs_job FOREIGN KEY (workspace_id, job_id)
        REFERENCES jobs (workspace_id, id) ON DELETE CASCADE,
    CONSTRAINT ck_evaluation_runs_mode CHECK (mode IN ('HYBRID', 'KEYWORD', 'VECTOR'))
);
CREATE INDEX ix_evaluation_runs_knowledge_base
    ON evaluation_runs (workspace_id, knowledge_base_id, created_at, id);
CREATE INDEX ix_evaluation_runs_set ON evaluation_runs (workspace_id, set_id, created_at, id);
CREATE INDEX ix_evaluation_runs_index ON evaluation_runs (workspace_id, index_id);
CREATE INDEX ix_evaluation_runs_job ON evaluation_runs (workspace_id, job_id);

CREATE TABLE evaluation_results (
    workspace_id uuid NOT NULL,
    run_id uuid NOT NULL,
    position integer NOT NULL,
    case_id uuid NOT NULL,
    ndcg_at_10 double precision NOT NULL,
    recall_at_100 double precision NOT NULL,
    reciprocal_rank_at_10 double precision NOT NULL,
    CONSTRAINT pk_evaluation_results PRIMARY KEY (workspace_id, run_id, position),
    CONSTRAINT fk_evaluation_results_run FOREIGN KEY (workspace_id, run_id)
        REFERENCES evaluation_runs (workspace_id, id) ON DELETE CASCADE,
    CONSTRAINT fk_evaluation_results_case FOREIGN KEY (workspace_id, case_id)
        REFERENCES evaluation_cases (workspace_id, id) ON DELETE CASCADE
);
CREATE INDEX ix_evaluation_results_case ON evaluation_results (workspace_id, case_id);
