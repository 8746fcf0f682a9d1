CREATE TABLE workspaces (
    id uuid NOT NULL,
    slug text NOT NULL,
    name text NOT NULL,
    partition text NOT NULL,
    created_at timestamptz DEFAULT now() NOT NULL,
    updated_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT pk_workspaces PRIMARY KEY (id),
    CONSTRAINT uq_workspaces_slug UNIQUE (slug),
    CONSTRAINT ck_workspaces_partition CHECK (partition <> '')
);

CREATE TABLE users (
    id uuid NOT NULL,
    email text NOT NULL,
    name text NOT NULL,
    created_at timestamptz DEFAULT now() NOT NULL,
    updated_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT pk_users PRIMARY KEY (id),
    CONSTRAINT uq_users_email UNIQUE (email)
);

CREATE TABLE memberships (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    role text NOT NULL,
    created_at timestamptz DEFAULT now() NOT NULL,
    updated_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT pk_memberships PRIMARY KEY (workspace_id, id),
    CONSTRAINT fk_memberships_workspace FOREIGN KEY (workspace_id) REFERENCES workspaces (id),
    CONSTRAINT fk_memberships_user FOREIGN KEY (user_id) REFERENCES users (id),
    CONSTRAINT uq_memberships_user UNIQUE (workspace_id, user_id),
    CONSTRAINT ck_memberships_role CHECK (role IN ('ADMIN', 'EDITOR', 'VIEWER'))
);
CREATE INDEX ix_memberships_created_at ON memberships (workspace_id, created_at, id);

CREATE TABLE api_keys (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    name text NOT NULL,
    prefix text NOT NULL,
    digest bytea NOT NULL,
    scopes text[] NOT NULL,
    expires_at timestamptz,
    last_used_at timestamptz,
    revoked_at timestamptz,
    created_at timestamptz DEFAULT now() NOT NULL,
    updated_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT pk_api_keys PRIMARY KEY (workspace_id, id),
    CONSTRAINT fk_api_keys_workspace FOREIGN KEY (workspace_id) REFERENCES workspaces (id),
    CONSTRAINT uq_api_keys_digest UNIQUE (workspace_id, digest),
    CONSTRAINT ck_api_keys_digest CHECK (octet_length(digest) = 32),
    CONSTRAINT ck_api_keys_scopes CHECK (scopes <@ ARRAY['ADMIN', 'ASK', 'READ', 'WRITE']::text[])
);
CREATE INDEX ix_api_keys_created_at ON api_keys (workspace_id, created_at, id);
CREATE INDEX ix_api_keys_digest ON api_keys (digest);

CREATE TABLE idempotency_keys (
    workspace_id uuid NOT NULL,
    principal_id uuid NOT NULL,
    key text NOT NULL,
    mutation text NOT NULL,
    fingerprint bytea NOT NULL,
    result text,
    created_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT pk_idempotency_keys PRIMARY KEY (workspace_id, principal_id, key),
    CONSTRAINT fk_idempotency_keys_workspace FOREIGN KEY (workspace_id) REFERENCES workspaces (id)
);
CREATE INDEX ix_idempotency_keys_created_at ON idempotency_keys (workspace_id, created_at);
