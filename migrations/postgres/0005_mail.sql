-- Mail, and the links in it.
--
-- A mail is written in the transaction of the act that it tells of, and handed over later by whichever origin
-- takes it first: none is lost while the mail server is away, and none tells of what was rolled back.

CREATE TABLE mails (
    id           TEXT    COLLATE "C" NOT NULL,
    kind         TEXT    NOT NULL,
    recipient    TEXT    NOT NULL,
    -- What the text names beside its link: of a change of address the new one.
    about        TEXT,
    -- The token of the link, encrypted under the master key, until the mail has left.
    sealed_token BYTEA,
    created_at   BIGINT  NOT NULL,
    -- When it is tried next. Whoever tries it moves this ahead first, and so has it alone meanwhile.
    due_at       BIGINT  NOT NULL,
    attempts     BIGINT  NOT NULL,
    last_failure TEXT,
    -- When it was over, and how.
    closed_at    BIGINT,
    outcome      TEXT,
    CONSTRAINT mails_pk PRIMARY KEY (id),
    CONSTRAINT mails_attempts_never_negative CHECK (attempts >= 0),
    CONSTRAINT mails_outcome_known CHECK (outcome IN ('sent', 'given_up', 'never')),
    CONSTRAINT mails_end_has_outcome CHECK ((closed_at IS NULL) = (outcome IS NULL))
);

CREATE INDEX mails_by_due ON mails (due_at) WHERE closed_at IS NULL;
CREATE INDEX mails_by_end ON mails (closed_at) WHERE closed_at IS NOT NULL;

-- What the links in mails carry, as digests. Of each purpose a user has one: a new one displaces it.
-- There is no foreign key to the user: where there is none, one is made up, so that asking takes as long.
CREATE TABLE mail_tokens (
    digest       BYTEA   NOT NULL,
    purpose      TEXT    NOT NULL,
    user_id      TEXT    COLLATE "C" NOT NULL,
    -- The mail that it is in: its time counts from when that is handed over.
    mail_id      TEXT    COLLATE "C" NOT NULL,
    -- The user's address, in lower case, when it was made: it is good for no other.
    email_lookup TEXT    NOT NULL,
    -- Of a change of address: the new one, and the session that it was asked for in.
    new_email    TEXT,
    session_id   TEXT    COLLATE "C",
    created_at   BIGINT  NOT NULL,
    -- In milliseconds.
    lifetime     BIGINT  NOT NULL,
    expires_at   BIGINT  NOT NULL,
    used_at      BIGINT,
    CONSTRAINT mail_tokens_pk PRIMARY KEY (digest),
    CONSTRAINT mail_tokens_one_of_a_purpose UNIQUE (user_id, purpose),
    CONSTRAINT mail_tokens_purpose_known CHECK (purpose IN ('verify', 'reset', 'change_from', 'change_to'))
);

CREATE INDEX mail_tokens_by_mail ON mail_tokens (mail_id);
CREATE INDEX mail_tokens_by_expiry ON mail_tokens (expires_at);
