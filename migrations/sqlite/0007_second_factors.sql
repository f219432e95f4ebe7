-- Second factors: an app that makes codes, recovery codes, and logins that wait for their second step.

-- At most one app a user. It counts once it is confirmed by a code of its own.
CREATE TABLE totp_factors (
    id           TEXT    NOT NULL,
    user_id      TEXT    NOT NULL,
    -- The secret, encrypted under the master key, bound to id and user.
    sealed       BLOB    NOT NULL,
    created_at   INTEGER NOT NULL,
    confirmed_at INTEGER,
    -- The newest step of 30 seconds of which a code was used: neither it nor an older one counts again.
    last_step    INTEGER,
    CONSTRAINT totp_factors_pk PRIMARY KEY (id),
    CONSTRAINT totp_factors_user_unique UNIQUE (user_id),
    CONSTRAINT totp_factors_user_fk FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE,
    CONSTRAINT totp_factors_confirmed_by_a_step CHECK ((confirmed_at IS NULL) = (last_step IS NULL))
) STRICT;

-- The digests of the codes that are left.
CREATE TABLE recovery_codes (
    user_id    TEXT    NOT NULL,
    digest     BLOB    NOT NULL,
    created_at INTEGER NOT NULL,
    CONSTRAINT recovery_codes_pk PRIMARY KEY (user_id, digest),
    CONSTRAINT recovery_codes_user_fk FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

-- A login whose password was right and that waits for its second step. It is no session.
CREATE TABLE login_challenges (
    digest     BLOB    NOT NULL,
    user_id    TEXT    NOT NULL,
    -- The kind of session that it becomes.
    kind       TEXT    NOT NULL,
    -- What was proven: the digest of the hash that the password was verified against, and the epoch.
    verified   BLOB    NOT NULL,
    epoch      INTEGER NOT NULL,
    device     TEXT,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    -- How many codes were tried on it.
    tries      INTEGER NOT NULL,
    CONSTRAINT login_challenges_pk PRIMARY KEY (digest),
    CONSTRAINT login_challenges_user_fk FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE,
    CONSTRAINT login_challenges_kind_known CHECK (kind IN ('browser', 'token'))
) STRICT, WITHOUT ROWID;

CREATE INDEX login_challenges_by_expiry ON login_challenges (expires_at);
