-- The audit log as a chain: each event is linked to the one before by a hash, some links are signed for, and what is
-- there stays as it is.

-- 0 for what earlier versions wrote: all of `detail` may name somebody there, and nothing proves who wrote it.
ALTER TABLE audit_events ADD COLUMN version INTEGER NOT NULL DEFAULT 0;
-- What of the details names a person, as a JSON object. It can be erased, and so can address, user agent and mac.
ALTER TABLE audit_events ADD COLUMN personal TEXT;
-- By a key that no database holds unencrypted: an origin wrote this.
ALTER TABLE audit_events ADD COLUMN mac BLOB;

CREATE INDEX audit_events_by_time ON audit_events (at, seq);
CREATE INDEX audit_events_by_kind_and_time ON audit_events (kind, at, seq);
CREATE INDEX audit_events_by_actor_and_time ON audit_events (actor, at, seq) WHERE actor IS NOT NULL;
CREATE INDEX audit_events_by_subject_and_time ON audit_events (subject, at, seq) WHERE subject IS NOT NULL;
CREATE INDEX audit_events_by_session_and_time ON audit_events (session, at, seq) WHERE session IS NOT NULL;
CREATE INDEX audit_events_of_failures ON audit_events (at, seq) WHERE outcome = 'failure';
-- By which what concerns an address, and no user, is found when that has to be erased.
CREATE INDEX audit_events_by_personal ON audit_events (personal) WHERE personal IS NOT NULL AND subject IS NULL;

-- The events that have no place in the chain yet. Whoever writes one, of whichever version, it waits here.
CREATE TABLE audit_unlinked (
    seq INTEGER NOT NULL,
    CONSTRAINT audit_unlinked_pk PRIMARY KEY (seq)
) STRICT;

INSERT INTO audit_unlinked (seq) SELECT seq FROM audit_events;

CREATE TRIGGER audit_events_await_their_link AFTER INSERT ON audit_events
BEGIN
    INSERT INTO audit_unlinked (seq) VALUES (NEW.seq);
END;

-- The chain. Its numbers are 1, 2, 3 … without a gap.
CREATE TABLE audit_links (
    number          INTEGER NOT NULL,
    seq             INTEGER NOT NULL,
    event           TEXT    NOT NULL,
    -- Whether an origin is known to have written the event.
    proof           TEXT    NOT NULL,
    -- What names a person goes into the hash as a digest, salted so that nobody can guess what was erased: the salt
    -- goes with it.
    salt            BLOB,
    personal_digest BLOB    NOT NULL,
    hash            BLOB    NOT NULL,
    CONSTRAINT audit_links_pk PRIMARY KEY (number),
    CONSTRAINT audit_links_seq_unique UNIQUE (seq),
    CONSTRAINT audit_links_number_positive CHECK (number >= 1),
    CONSTRAINT audit_links_proof_known CHECK (proof IN ('mac', 'earlier_version', 'none'))
) STRICT;

-- What the audit key has signed of the chain: how far it reached, and by which hash.
CREATE TABLE audit_checkpoints (
    number    INTEGER NOT NULL,
    at        INTEGER NOT NULL,
    statement TEXT    NOT NULL,
    CONSTRAINT audit_checkpoints_pk PRIMARY KEY (number)
) STRICT;

CREATE INDEX audit_checkpoints_by_time ON audit_checkpoints (at);

-- Up to where the chain may be removed, signed by the audit key. It begins at the checkpoint of this number then.
CREATE TABLE audit_retention (
    number    INTEGER NOT NULL,
    statement TEXT    NOT NULL,
    CONSTRAINT audit_retention_pk PRIMARY KEY (number)
) STRICT;

-- Who links. Whoever does holds the lock of the one row.
CREATE TABLE audit_leader (
    id          INTEGER NOT NULL,
    holder      TEXT    NOT NULL,
    leads_until INTEGER NOT NULL,
    CONSTRAINT audit_leader_pk PRIMARY KEY (id),
    CONSTRAINT audit_leader_one CHECK (id = 1)
) STRICT;

INSERT INTO audit_leader (id, holder, leads_until) VALUES (1, '', 0);

-- Append-only. Of an event only what names a person may go, and what has been signed away.

CREATE TRIGGER audit_events_append_only BEFORE UPDATE ON audit_events
WHEN NOT (
    NEW.seq IS OLD.seq AND NEW.id IS OLD.id AND NEW.at IS OLD.at AND NEW.kind IS OLD.kind
    AND NEW.outcome IS OLD.outcome AND NEW.reason IS OLD.reason AND NEW.actor IS OLD.actor
    AND NEW.subject IS OLD.subject AND NEW.session IS OLD.session AND NEW.request_id IS OLD.request_id
    AND NEW.version IS OLD.version
    AND (NEW.detail IS OLD.detail OR (OLD.version = 0 AND NEW.detail IS NULL))
    AND NEW.address IS NULL AND NEW.user_agent IS NULL AND NEW.personal IS NULL AND NEW.mac IS NULL
)
BEGIN
    SELECT RAISE(ABORT, 'audit_events is append-only');
END;

CREATE TRIGGER audit_events_stay BEFORE DELETE ON audit_events
WHEN NOT EXISTS (
    SELECT 1 FROM audit_links
    WHERE audit_links.seq = OLD.seq AND audit_links.number <= (SELECT MAX(number) FROM audit_retention)
)
BEGIN
    SELECT RAISE(ABORT, 'audit_events is append-only');
END;

-- What has been signed away has gone: nothing is put in its place.
CREATE TRIGGER audit_links_go_on BEFORE INSERT ON audit_links
WHEN NEW.number <= COALESCE((SELECT MAX(number) FROM audit_retention), 0)
BEGIN
    SELECT RAISE(ABORT, 'audit_links is append-only');
END;

-- An event waits until it is linked.
CREATE TRIGGER audit_unlinked_stay BEFORE DELETE ON audit_unlinked
WHEN NOT EXISTS (SELECT 1 FROM audit_links WHERE audit_links.seq = OLD.seq)
BEGIN
    SELECT RAISE(ABORT, 'audit_unlinked is append-only');
END;

CREATE TRIGGER audit_unlinked_append_only BEFORE UPDATE ON audit_unlinked
BEGIN
    SELECT RAISE(ABORT, 'audit_unlinked is append-only');
END;

CREATE TRIGGER audit_links_append_only BEFORE UPDATE ON audit_links
WHEN NOT (
    NEW.number IS OLD.number AND NEW.seq IS OLD.seq AND NEW.event IS OLD.event AND NEW.proof IS OLD.proof
    AND NEW.salt IS NULL AND NEW.personal_digest IS OLD.personal_digest AND NEW.hash IS OLD.hash
)
BEGIN
    SELECT RAISE(ABORT, 'audit_links is append-only');
END;

CREATE TRIGGER audit_links_stay BEFORE DELETE ON audit_links
WHEN OLD.number > COALESCE((SELECT MAX(number) FROM audit_retention), 0)
BEGIN
    SELECT RAISE(ABORT, 'audit_links is append-only');
END;

CREATE TRIGGER audit_checkpoints_append_only BEFORE UPDATE ON audit_checkpoints
BEGIN
    SELECT RAISE(ABORT, 'audit_checkpoints is append-only');
END;

-- The one that the chain begins at stays.
CREATE TRIGGER audit_checkpoints_stay BEFORE DELETE ON audit_checkpoints
WHEN OLD.number >= COALESCE((SELECT MAX(number) FROM audit_retention), 0)
BEGIN
    SELECT RAISE(ABORT, 'audit_checkpoints is append-only');
END;

CREATE TRIGGER audit_retention_append_only BEFORE UPDATE ON audit_retention
BEGIN
    SELECT RAISE(ABORT, 'audit_retention is append-only');
END;

CREATE TRIGGER audit_retention_stays BEFORE DELETE ON audit_retention
BEGIN
    SELECT RAISE(ABORT, 'audit_retention is append-only');
END;
