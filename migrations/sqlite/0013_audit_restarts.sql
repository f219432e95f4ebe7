-- A chain of the audit log that is not intact is closed, with all that stands in it, and another one begins after it.

-- Where a chain was closed and the next one begins, signed by the audit key: each takes a number in the place of a link.
CREATE TABLE audit_restarts (
    number    INTEGER NOT NULL,
    statement TEXT    NOT NULL,
    CONSTRAINT audit_restarts_pk PRIMARY KEY (number)
) STRICT;

-- What had no place in a chain when it was closed, and gets none: events that no origin has written, or whose link was
-- gone. The statement holds their digest.
CREATE TABLE audit_apart (
    seq     INTEGER NOT NULL,
    restart INTEGER NOT NULL,
    CONSTRAINT audit_apart_pk PRIMARY KEY (seq)
) STRICT;

CREATE INDEX audit_apart_by_restart ON audit_apart (restart, seq);

-- Append-only, as the rest. The statements stay for good.

CREATE TRIGGER audit_restarts_append_only BEFORE UPDATE ON audit_restarts
BEGIN
    SELECT RAISE(ABORT, 'audit_restarts is append-only');
END;

CREATE TRIGGER audit_restarts_stay BEFORE DELETE ON audit_restarts
BEGIN
    SELECT RAISE(ABORT, 'audit_restarts is append-only');
END;

CREATE TRIGGER audit_apart_append_only BEFORE UPDATE ON audit_apart
BEGIN
    SELECT RAISE(ABORT, 'audit_apart is append-only');
END;

CREATE TRIGGER audit_apart_stays BEFORE DELETE ON audit_apart
WHEN OLD.restart > COALESCE((SELECT MAX(number) FROM audit_retention), 0)
BEGIN
    SELECT RAISE(ABORT, 'audit_apart is append-only');
END;

-- What was kept apart goes with the chain that it was found beside.
DROP TRIGGER audit_events_stay;
CREATE TRIGGER audit_events_stay BEFORE DELETE ON audit_events
WHEN NOT EXISTS (
    SELECT 1 FROM audit_links
    WHERE audit_links.seq = OLD.seq AND audit_links.number <= (SELECT MAX(number) FROM audit_retention)
) AND NOT EXISTS (
    SELECT 1 FROM audit_apart
    WHERE audit_apart.seq = OLD.seq AND audit_apart.restart <= (SELECT MAX(number) FROM audit_retention)
)
BEGIN
    SELECT RAISE(ABORT, 'audit_events is append-only');
END;

-- An event waits until it is linked, or kept apart.
DROP TRIGGER audit_unlinked_stay;
CREATE TRIGGER audit_unlinked_stay BEFORE DELETE ON audit_unlinked
WHEN NOT EXISTS (SELECT 1 FROM audit_links WHERE audit_links.seq = OLD.seq)
    AND NOT EXISTS (SELECT 1 FROM audit_apart WHERE audit_apart.seq = OLD.seq)
BEGIN
    SELECT RAISE(ABORT, 'audit_unlinked is append-only');
END;

-- Numbers are used one after the other, and what is linked has waited: nobody takes the place of what is to come.

CREATE TRIGGER audit_links_follow BEFORE INSERT ON audit_links
WHEN NEW.number > 1 + MAX(
        COALESCE((SELECT MAX(number) FROM audit_links), 0),
        COALESCE((SELECT MAX(number) FROM audit_checkpoints), 0)
    )
    OR NOT EXISTS (SELECT 1 FROM audit_unlinked WHERE audit_unlinked.seq = NEW.seq)
BEGIN
    SELECT RAISE(ABORT, 'audit_links is append-only');
END;

CREATE TRIGGER audit_checkpoints_follow BEFORE INSERT ON audit_checkpoints
WHEN NEW.number > MAX(
        COALESCE((SELECT MAX(number) FROM audit_links), 0),
        COALESCE((SELECT MAX(number) FROM audit_restarts), 0)
    )
BEGIN
    SELECT RAISE(ABORT, 'audit_checkpoints is append-only');
END;

CREATE TRIGGER audit_retention_follows BEFORE INSERT ON audit_retention
WHEN NEW.number > COALESCE((SELECT MAX(number) FROM audit_checkpoints), 0)
BEGIN
    SELECT RAISE(ABORT, 'audit_retention is append-only');
END;

CREATE TRIGGER audit_restarts_follow BEFORE INSERT ON audit_restarts
WHEN NEW.number <> 1 + MAX(
        COALESCE((SELECT MAX(number) FROM audit_links), 0),
        COALESCE((SELECT MAX(number) FROM audit_checkpoints), 0),
        COALESCE((SELECT MAX(number) FROM audit_retention), 0),
        COALESCE((SELECT MAX(number) FROM audit_restarts), 0)
    )
BEGIN
    SELECT RAISE(ABORT, 'audit_restarts is append-only');
END;

CREATE TRIGGER audit_apart_follows BEFORE INSERT ON audit_apart
WHEN NEW.restart > 1 + MAX(
        COALESCE((SELECT MAX(number) FROM audit_links), 0),
        COALESCE((SELECT MAX(number) FROM audit_checkpoints), 0),
        COALESCE((SELECT MAX(number) FROM audit_retention), 0),
        COALESCE((SELECT MAX(number) FROM audit_restarts), 0)
    )
    OR NOT EXISTS (
        SELECT 1 FROM audit_events WHERE seq = NEW.seq UNION ALL SELECT 1 FROM audit_unlinked WHERE seq = NEW.seq
    )
BEGIN
    SELECT RAISE(ABORT, 'audit_apart is append-only');
END;

-- What no origin can read would keep all of them from reading on.
CREATE TRIGGER audit_events_are_readable AFTER INSERT ON audit_events
WHEN NEW.seq < 1 OR NEW.version < 0
BEGIN
    SELECT RAISE(ABORT, 'an event has a number and a version');
END;

-- By which origin says, signed, that it has erased what names a person in the event. It says so once.
ALTER TABLE audit_links ADD COLUMN erasure TEXT;

CREATE TRIGGER audit_links_erased_once BEFORE UPDATE ON audit_links
WHEN OLD.erasure IS NOT NULL AND NEW.erasure IS NOT OLD.erasure
BEGIN
    SELECT RAISE(ABORT, 'audit_links is append-only');
END;
