-- Attempts that were let through, counted before they are judged: guesses at a password or a code, and
-- requests that send mail. A row goes once all that it counts is forgiven.

CREATE TABLE attempts (
    -- SHA-256 of what is limited and for whom: an account, a device, a client's address, everybody.
    limit_key     BYTEA  NOT NULL,
    -- When all of them are forgiven. With the time that each takes, it says how many count now.
    forgiven_at   BIGINT NOT NULL,
    -- From when on the next one is let through.
    allowed_at    BIGINT NOT NULL,
    -- The latest allowed_at of which the audit log says that somebody was refused until then.
    recorded_at   BIGINT NOT NULL,
    -- Where the latest came from, and how many came from there with none from elsewhere between.
    source        BYTEA,
    source_streak BIGINT NOT NULL,
    CONSTRAINT attempts_pk PRIMARY KEY (limit_key)
);

CREATE INDEX attempts_by_forgiven_at ON attempts (forgiven_at);
