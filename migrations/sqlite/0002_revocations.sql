-- The revocation log: what no longer counts, though it was signed and has not expired.

-- One row. Whoever appends to the log counts here, as the last change of a transaction, and so holds the
-- row until that is committed: rules appear in the order of their numbers, and no reader skips one.
CREATE TABLE revocation_counter (
    id             INTEGER NOT NULL,
    -- The last rule's number; 0 before the first.
    number         INTEGER NOT NULL,
    -- The longest that any token may live, under whatever settings it was issued so far, in milliseconds.
    token_lifetime INTEGER NOT NULL,
    CONSTRAINT revocation_counter_pk PRIMARY KEY (id),
    CONSTRAINT revocation_counter_one_row CHECK (id = 1),
    CONSTRAINT revocation_counter_never_negative CHECK (number >= 0)
) STRICT;

INSERT INTO revocation_counter (id, number, token_lifetime) VALUES (1, 0, 0);

CREATE TABLE revocations (
    number     INTEGER NOT NULL,
    kind       TEXT    NOT NULL,
    -- The session, the user or the key.
    subject    TEXT    NOT NULL,
    -- Of a user: tokens of a lower epoch no longer count.
    epoch      INTEGER,
    at         INTEGER NOT NULL,
    -- By then the last token that it hits has expired.
    expires_at INTEGER NOT NULL,
    CONSTRAINT revocations_pk PRIMARY KEY (number),
    CONSTRAINT revocations_kind_known CHECK (kind IN ('session', 'user', 'key')),
    CONSTRAINT revocations_user_has_epoch CHECK ((kind = 'user') = (epoch IS NOT NULL))
) STRICT;
