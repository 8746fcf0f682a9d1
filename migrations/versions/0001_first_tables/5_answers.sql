CREATE TABLE conversations (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    title text NOT NULL,
    title_key text NOT NULL,
    message_count integer DEFAULT 0 NOT NULL,
    last_message_at timestamptz NOT NULL,
    created_at timestamptz DEFAULT now() NOT NULL,
    updated_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT pk_conversations PRIMARY KEY (workspace_id, id),
    CONSTRAINT fk_conversations_workspace FOREIGN KEY (workspace_id) REFERENCES workspaces (id)
);
CREATE INDEX ix_conversations_created_at ON conversations (workspace_id, created_at, id);
CREATE INDEX ix_conversations_last_message_at ON conversations (workspace_id, last_message_at, id);

CREATE TABLE conversation_knowledge_bases (
    workspace_id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    position integer NOT NULL,
    knowledge_base_id uuid NOT NULL,
    CONSTRAINT pk_conversation_knowledge_bases PRIMARY KEY (workspace_id, conversation_id, position),
    CONSTRAINT fk_conversation_knowledge_bases_conversation FOREIGN KEY (workspace_id, conversation_id)
        REFERENCES conversations (workspace_id, id) ON DELETE CASCADE,
    CONSTRAINT fk_conversation_knowledge_bases_knowledge_base FOREIGN KEY (workspace_id, knowledge_base_id)
        REFERENCES knowledge_bases (workspace_id, id)
);

CREATE TABLE messages (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    position integer NOT NULL,
    role text NOT NULL,
    text text NOT NULL,
    answer_id uuid,
    created_at timestamptz DEFAULT now() NOT NULL,
    updated_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT pk_messages PRIMARY KEY (workspace_id, id),
    CONSTRAINT fk_messages_conversation FOREIGN KEY (workspace_id, conversation_id)
        REFERENCES conversations (workspace_id, id) ON DELETE CASCADE,
    CONSTRAINT uq_messages_position UNIQUE (workspace_id, conversation_id, position),
    CONSTRAINT ck_messages_role CHECK (role IN ('ASSISTANT', 'USER')),
    CONSTRAINT ck_messages_answer CHECK (answer_id IS NULL OR role = 'ASSISTANT')
);

CREATE TABLE answers (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    message_id uuid NOT NULL,
    job_id uuid NOT NULL,
    status text NOT NULL,
    text text NOT NULL,
    question text NOT NULL,
    retrieval jsonb NOT NULL,
    max_tokens integer,
    finish_reason text,
    model text,
    prompt text,
    error jsonb,
    retrieved jsonb NOT NULL,
    sentences jsonb NOT NULL,
    support double precision,
    timings jsonb,
    usage jsonb,
    event_sequence bigint NOT NULL,
    trace_id text NOT NULL,
    created_at timestamptz DEFAULT now() NOT NULL,
    updated_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT pk_answers PRIMARY KEY (workspace_id, id),
    CONSTRAINT uq_answers_message UNIQUE (workspace_id, message_id),
    CONSTRAINT ck_answers_status
        CHECK (status IN ('QUEUED', 'RETRIEVING', 'GENERATING', 'COMPLETED', 'FAILED', 'CANCELLED')),
    CONSTRAINT ck_answers_finish_reason
        CHECK (finish_reason IN ('CANCELLED', 'CONTENT_FILTER', 'LENGTH', 'NO_EVIDENCE', 'STOP')),
    CONSTRAINT ck_answers_completed_has_reason CHECK (status <> 'COMPLETED' OR finish_reason IS NOT NULL),
    CONSTRAINT ck_answers_failed_has_error CHECK (status <> 'FAILED' OR error IS NOT NULL)
);

CREATE TABLE citations (
    workspace_id uuid NOT NULL,
    answer_id uuid NOT NULL,
    position integer NOT NULL,
    index integer NOT NULL,
    chunk_id uuid NOT NULL,
    version_id uuid NOT NULL,
    quote text NOT NULL,
    range_start integer NOT NULL,
    range_end integer NOT NULL,
    document_start integer NOT NULL,
    document_end integer NOT NULL,
    CONSTRAINT pk_citations PRIMARY KEY (workspace_id, answer_id, position),
    CONSTRAINT fk_citations_answer FOREIGN KEY (workspace_id, answer_id)
        REFERENCES answers (workspace_id, id) ON DELETE CASCADE
);
