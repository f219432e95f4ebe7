-- Passkeys (WebAuthn), and the ceremonies by which they are registered and used.

CREATE TABLE passkeys (
    id            TEXT    COLLATE "C" NOT NULL,
    user_id       TEXT    NOT NULL,
    -- The authenticator's name for it.
    credential_id BYTEA   NOT NULL,
    -- The public key and what else was said at registration, as JSON.
    credential    TEXT    NOT NULL,
    -- The authenticator's counter of signatures when it was last used; 0 for those that do not count.
    sign_count    BIGINT  NOT NULL,
    -- Whether it could be copied to other devices, and whether it was (1) or not (0).
    synchronised  BIGINT  NOT NULL,
    backed_up     BIGINT  NOT NULL,
    label         TEXT    NOT NULL,
    created_at    BIGINT  NOT NULL,
    last_used_at  BIGINT,
    CONSTRAINT passkeys_pk PRIMARY KEY (id),
    CONSTRAINT passkeys_user_fk FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE,
    CONSTRAINT passkeys_credential_unique UNIQUE (credential_id),
    CONSTRAINT passkeys_count_not_negative CHECK (sign_count >= 0)
);

CREATE INDEX passkeys_by_user ON passkeys (user_id);

-- What was asked of a browser and is not answered yet. Whoever takes a row away has answered it.
CREATE TABLE passkey_ceremonies (
    -- Of the challenge.
    digest     BYTEA   NOT NULL,
    purpose    TEXT    NOT NULL,
    -- Of a registration: who registers.
    user_id    TEXT,
    state      TEXT    NOT NULL,
    expires_at BIGINT  NOT NULL,
    CONSTRAINT passkey_ceremonies_pk PRIMARY KEY (digest),
    CONSTRAINT passkey_ceremonies_user_fk FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE,
    CONSTRAINT passkey_ceremonies_purpose_known CHECK (purpose IN ('registration', 'authentication')),
    CONSTRAINT passkey_ceremonies_registration_has_user CHECK ((purpose = 'registration') = (user_id IS NOT NULL))
);

CREATE INDEX passkey_ceremonies_by_expiry ON passkey_ceremonies (expires_at);
