-- A chain of the audit log that is not intact is closed, with all that stands in it, and another one begins after it.

-- Where a chain was closed and the next one begins, signed by the audit key: each takes a number in the place of a link.
CREATE TABLE audit_restarts (
    number    BIGINT NOT NULL,
    statement TEXT   NOT NULL,
    CONSTRAINT audit_restarts_pk PRIMARY KEY (number)
);

-- What had no place in a chain when it was closed, and gets none: events that no origin has written, or whose link was
-- gone. The statement holds their digest.
CREATE TABLE audit_apart (
    seq     BIGINT NOT NULL,
    restart BIGINT NOT NULL,
    CONSTRAINT audit_apart_pk PRIMARY KEY (seq)
);

CREATE INDEX audit_apart_by_restart ON audit_apart (restart, seq);

-- Append-only, as the rest. The statements stay for good.

CREATE TRIGGER audit_restarts_append_only BEFORE UPDATE OR DELETE ON audit_restarts
    FOR EACH ROW EXECUTE FUNCTION audit_is_append_only();
CREATE TRIGGER audit_restarts_are_not_truncated BEFORE TRUNCATE ON audit_restarts
    EXECUTE FUNCTION audit_is_append_only();

CREATE FUNCTION audit_apart_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.restart <= audit_removable() THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME;
END
$$;

CREATE TRIGGER audit_apart_stays BEFORE DELETE ON audit_apart
    FOR EACH ROW EXECUTE FUNCTION audit_apart_stays();
CREATE TRIGGER audit_apart_append_only BEFORE UPDATE ON audit_apart
    FOR EACH ROW EXECUTE FUNCTION audit_is_append_only();
CREATE TRIGGER audit_apart_is_not_truncated BEFORE TRUNCATE ON audit_apart
    EXECUTE FUNCTION audit_is_append_only();

-- What was kept apart goes with the chain that it was found beside.
CREATE OR REPLACE FUNCTION audit_events_stay() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM audit_links WHERE seq = OLD.seq AND number <= audit_removable())
        OR EXISTS (SELECT 1 FROM audit_apart WHERE seq = OLD.seq AND restart <= audit_removable()) THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME;
END
$$;

-- An event waits until it is linked, or kept apart.
CREATE OR REPLACE FUNCTION audit_unlinked_stay() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM audit_links WHERE seq = OLD.seq)
        OR EXISTS (SELECT 1 FROM audit_apart WHERE seq = OLD.seq) THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME;
END
$$;

-- Numbers are used one after the other, and what is linked has waited: nobody takes the place of what is to come.

CREATE OR REPLACE FUNCTION audit_links_go_on() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.number > audit_removable()
        AND NEW.number <= 1 + GREATEST(
            (SELECT MAX(number) FROM audit_links),
            (SELECT MAX(number) FROM audit_checkpoints),
            0
        )
        AND EXISTS (SELECT 1 FROM audit_unlinked WHERE seq = NEW.seq) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME;
END
$$;

CREATE FUNCTION audit_checkpoints_follow() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.number <= GREATEST(
        (SELECT MAX(number) FROM audit_links),
        (SELECT MAX(number) FROM audit_restarts),
        0
    ) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME;
END
$$;

CREATE FUNCTION audit_retention_follows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.number <= GREATEST((SELECT MAX(number) FROM audit_checkpoints), 0) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME;
END
$$;

CREATE FUNCTION audit_restarts_follow() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.number = 1 + GREATEST(
        (SELECT MAX(number) FROM audit_links),
        (SELECT MAX(number) FROM audit_checkpoints),
        (SELECT MAX(number) FROM audit_retention),
        (SELECT MAX(number) FROM audit_restarts),
        0
    ) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME;
END
$$;

CREATE FUNCTION audit_apart_follows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.restart <= 1 + GREATEST(
        (SELECT MAX(number) FROM audit_links),
        (SELECT MAX(number) FROM audit_checkpoints),
        (SELECT MAX(number) FROM audit_retention),
        (SELECT MAX(number) FROM audit_restarts),
        0
    ) AND (
        EXISTS (SELECT 1 FROM audit_events WHERE seq = NEW.seq)
        OR EXISTS (SELECT 1 FROM audit_unlinked WHERE seq = NEW.seq)
    ) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME;
END
$$;

CREATE TRIGGER audit_apart_follows BEFORE INSERT ON audit_apart
    FOR EACH ROW EXECUTE FUNCTION audit_apart_follows();
CREATE TRIGGER audit_checkpoints_follow BEFORE INSERT ON audit_checkpoints
    FOR EACH ROW EXECUTE FUNCTION audit_checkpoints_follow();
CREATE TRIGGER audit_retention_follows BEFORE INSERT ON audit_retention
    FOR EACH ROW EXECUTE FUNCTION audit_retention_follows();
CREATE TRIGGER audit_restarts_follow BEFORE INSERT ON audit_restarts
    FOR EACH ROW EXECUTE FUNCTION audit_restarts_follow();

-- What no origin can read would keep all of them from reading on.
CREATE FUNCTION audit_events_are_readable() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'an event has a number and a version';
END
$$;

CREATE TRIGGER audit_events_are_readable AFTER INSERT ON audit_events FOR EACH ROW
    WHEN (NEW.seq < 1 OR NEW.version < 0)
    EXECUTE FUNCTION audit_events_are_readable();

-- By which origin says, signed, that it has erased what names a person in the event. It says so once.
ALTER TABLE audit_links ADD COLUMN erasure TEXT;

CREATE TRIGGER audit_links_erased_once BEFORE UPDATE ON audit_links FOR EACH ROW
    WHEN (OLD.erasure IS NOT NULL AND NEW.erasure IS DISTINCT FROM OLD.erasure)
    EXECUTE FUNCTION audit_is_append_only();
