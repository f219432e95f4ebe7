-- Service accounts: programs that act for themselves.
--
-- One is a user without a password, and each of its keys is a session: so roles, epochs, the end of a session and
-- the revocation log mean for it what they mean for everybody. Its name stands where a person's address does, and
-- is looked up in a form that no address has. Somebody who left is `deleted` until all of it is erased (0012).

ALTER TABLE users ADD COLUMN kind TEXT NOT NULL DEFAULT 'person'
    CONSTRAINT users_kind_known CHECK (kind IN ('person', 'service', 'deleted'));

CREATE INDEX users_that_are_services ON users (id) WHERE kind = 'service';

-- What a key is known by again. It goes with its session.
CREATE TABLE service_keys (
    session_id TEXT    NOT NULL,
    digest     BLOB    NOT NULL,
    -- Who made it: a user, or an operator by a command. No foreign key: the key outlives its maker.
    created_by TEXT,
    operator   TEXT,
    CONSTRAINT service_keys_pk PRIMARY KEY (session_id),
    CONSTRAINT service_keys_digest_unique UNIQUE (digest),
    CONSTRAINT service_keys_session_fk FOREIGN KEY (session_id) REFERENCES sessions (id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE INDEX service_keys_by_maker ON service_keys (created_by, session_id) WHERE created_by IS NOT NULL;
