-- Second factors: an app that makes codes, recovery codes, and logins that wait for their second step.

-- At most one app a user. It counts once it is confirmed by a code of its own.
CREATE TABLE totp_factors (
    id           TEXT    COLLATE "C" NOT NULL,
    user_id      TEXT    COLLATE "C" NOT NULL,
    -- The secret, encrypted under the master key, bound to id and user.
    sealed       BYTEA   NOT NULL,
    created_at   BIGINT  NOT NULL,
    confirmed_at BIGINT,
    -- The newest step of 30 seconds of which a code was used: neither it nor an older one counts again.
    last_step    BIGINT,
    CONSTRAINT totp_factors_pk PRIMARY KEY (id),
    CONSTRAINT totp_factors_user_unique UNIQUE (user_id),
    CONSTRAINT totp_factors_user_fk FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE,
    CONSTRAINT totp_factors_confirmed_by_a_step CHECK ((confirmed_at IS NULL) = (last_step IS NULL))
);

-- The digests of the codes that are left.
CREATE TABLE recovery_codes (
    user_id    TEXT    COLLATE "C" NOT NULL,
    digest     BYTEA   NOT NULL,
    created_at BIGINT  NOT NULL,
    CONSTRAINT recovery_codes_pk PRIMARY KEY (user_id, digest),
    CONSTRAINT recovery_codes_user_fk FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE
);

-- A login whose password was right and that waits for its second step. It is no session.
CREATE TABLE login_challenges (
    digest     BYTEA   NOT NULL,
    user_id    TEXT    COLLATE "C" NOT NULL,
    -- The kind of session that it becomes.
    kind       TEXT    NOT NULL,
    -- What was proven: the digest of the hash that the password was verified against, and the epoch.
    verified   BYTEA   NOT NULL,
    epoch      BIGINT  NOT NULL,
    device     TEXT,
    created_at BIGINT  NOT NULL,
    expires_at BIGINT  NOT NULL,
    -- How many codes were tried on it.
    tries      BIGINT  NOT NULL,
    CONSTRAINT login_challenges_pk PRIMARY KEY (digest),
    CONSTRAINT login_challenges_user_fk FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE,
    CONSTRAINT login_challenges_kind_known CHECK (kind IN ('browser', 'token'))
);

CREATE INDEX login_challenges_by_expiry ON login_challenges (expires_at);
