-- Users, their sessions, the keys that sign, and the audit log.
--
-- Times are milliseconds since the Unix epoch, ids are UUIDs as text, tokens are here only as digests.
-- Every constraint has a name: the name is what an error is recognised by.

CREATE TABLE users (
    id            TEXT    NOT NULL,
    email         TEXT    NOT NULL,
    -- The address in lower case: one person, one account, however it was typed.
    email_lookup  TEXT    NOT NULL,
    -- PHC string. A user without one logs in by other means.
    password_hash TEXT,
    -- Grows when rights change: a token of a lower epoch is out of date.
    epoch         INTEGER NOT NULL,
    created_at    INTEGER NOT NULL,
    verified_at   INTEGER,
    disabled_at   INTEGER,
    CONSTRAINT users_pk PRIMARY KEY (id),
    CONSTRAINT users_email_lookup_unique UNIQUE (email_lookup),
    CONSTRAINT users_epoch_positive CHECK (epoch >= 1)
) STRICT;

CREATE TABLE user_roles (
    user_id    TEXT    NOT NULL,
    role       TEXT    NOT NULL,
    granted_at INTEGER NOT NULL,
    CONSTRAINT user_roles_pk PRIMARY KEY (user_id, role),
    CONSTRAINT user_roles_user_fk FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE INDEX user_roles_by_role ON user_roles (role);

-- One row for each login, of either kind.
CREATE TABLE sessions (
    id                  TEXT    NOT NULL,
    user_id             TEXT    NOT NULL,
    kind                TEXT    NOT NULL,
    device              TEXT,
    address             TEXT,
    user_agent          TEXT,
    created_at          INTEGER NOT NULL,
    last_seen_at        INTEGER NOT NULL,
    -- The idle limit in milliseconds, and what it comes to from last_seen_at.
    idle_limit          INTEGER NOT NULL,
    idle_expires_at     INTEGER NOT NULL,
    absolute_expires_at INTEGER NOT NULL,
    ended_at            INTEGER,
    end_reason          TEXT,
    -- Of a browser: the digest of its handle.
    handle_digest       BLOB,
    -- Of a token session: the counter of its newest refresh token, that token's time of issue, the
    -- counter that was exchanged last and when that was.
    current_counter     INTEGER,
    issued_at           INTEGER,
    spent_counter       INTEGER,
    rotated_at          INTEGER,
    CONSTRAINT sessions_pk PRIMARY KEY (id),
    CONSTRAINT sessions_user_fk FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE,
    CONSTRAINT sessions_handle_unique UNIQUE (handle_digest),
    CONSTRAINT sessions_kind_known CHECK (kind IN ('browser', 'token')),
    CONSTRAINT sessions_browser_has_handle CHECK ((kind = 'browser') = (handle_digest IS NOT NULL)),
    CONSTRAINT sessions_token_has_counter CHECK (
        (kind = 'token') = (current_counter IS NOT NULL) AND (kind = 'token') = (issued_at IS NOT NULL)
    ),
    CONSTRAINT sessions_spent_is_older CHECK (
        (spent_counter IS NULL) = (rotated_at IS NULL)
        AND (spent_counter IS NULL OR spent_counter < current_counter)
    ),
    CONSTRAINT sessions_end_has_reason CHECK ((ended_at IS NULL) = (end_reason IS NULL))
) STRICT;

CREATE INDEX sessions_by_user ON sessions (user_id) WHERE ended_at IS NULL;

CREATE TABLE signing_keys (
    kid        TEXT    NOT NULL,
    algorithm  TEXT    NOT NULL,
    public     BLOB    NOT NULL,
    -- Encrypted under the master key, bound to kid and algorithm.
    private    BLOB    NOT NULL,
    state      TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    changed_at INTEGER NOT NULL,
    CONSTRAINT signing_keys_pk PRIMARY KEY (kid),
    CONSTRAINT signing_keys_algorithm_known CHECK (algorithm IN ('ES256', 'EdDSA')),
    CONSTRAINT signing_keys_state_known CHECK (state IN ('next', 'current', 'retiring', 'withdrawn'))
) STRICT;

CREATE UNIQUE INDEX signing_keys_one_current ON signing_keys (state) WHERE state = 'current';

-- Secrets that origin made for itself, encrypted under the master key.
CREATE TABLE secrets (
    id         TEXT    NOT NULL,
    purpose    TEXT    NOT NULL,
    state      TEXT    NOT NULL,
    sealed     BLOB    NOT NULL,
    created_at INTEGER NOT NULL,
    CONSTRAINT secrets_pk PRIMARY KEY (id),
    CONSTRAINT secrets_state_unique UNIQUE (purpose, state),
    CONSTRAINT secrets_state_known CHECK (state IN ('current', 'previous'))
) STRICT;

-- Append-only. No foreign keys: it outlives what it tells of.
CREATE TABLE audit_events (
    seq        INTEGER NOT NULL,
    id         TEXT    NOT NULL,
    at         INTEGER NOT NULL,
    kind       TEXT    NOT NULL,
    outcome    TEXT    NOT NULL,
    reason     TEXT,
    actor      TEXT,
    subject    TEXT,
    session    TEXT,
    address    TEXT,
    user_agent TEXT,
    request_id TEXT    NOT NULL,
    detail     TEXT,
    CONSTRAINT audit_events_pk PRIMARY KEY (seq AUTOINCREMENT),
    CONSTRAINT audit_events_id_unique UNIQUE (id),
    CONSTRAINT audit_events_outcome_known CHECK (outcome IN ('success', 'failure'))
) STRICT;

CREATE INDEX audit_events_by_subject ON audit_events (subject, seq);

-- What there is once, such as the incarnation: a new one is begun when a backup was restored.
CREATE TABLE meta (
    name  TEXT NOT NULL,
    value TEXT NOT NULL,
    CONSTRAINT meta_pk PRIMARY KEY (name)
) STRICT, WITHOUT ROWID;
