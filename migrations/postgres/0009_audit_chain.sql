-- The audit log as a chain: each event is linked to the one before by a hash, some links are signed for, and what is
-- there stays as it is.

-- 0 for what earlier versions wrote: all of `detail` may name somebody there, and nothing proves who wrote it.
ALTER TABLE audit_events ADD COLUMN version BIGINT NOT NULL DEFAULT 0;
-- What of the details names a person, as a JSON object. It can be erased, and so can address, user agent and mac.
ALTER TABLE audit_events ADD COLUMN personal TEXT;
-- By a key that no database holds unencrypted: an origin wrote this.
ALTER TABLE audit_events ADD COLUMN mac BYTEA;

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
    seq BIGINT NOT NULL,
    CONSTRAINT audit_unlinked_pk PRIMARY KEY (seq)
);

INSERT INTO audit_unlinked (seq) SELECT seq FROM audit_events;

CREATE FUNCTION audit_events_await_their_link() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO audit_unlinked (seq) VALUES (NEW.seq);
    RETURN NULL;
END
$$;

CREATE TRIGGER audit_events_await_their_link AFTER INSERT ON audit_events
    FOR EACH ROW EXECUTE FUNCTION audit_events_await_their_link();

-- The chain. Its numbers are 1, 2, 3 … without a gap.
CREATE TABLE audit_links (
    number          BIGINT  NOT NULL,
    seq             BIGINT  NOT NULL,
    event           TEXT    COLLATE "C" NOT NULL,
    -- Whether an origin is known to have written the event.
    proof           TEXT    NOT NULL,
    -- What names a person goes into the hash as a digest, salted so that nobody can guess what was erased: the salt
    -- goes with it.
    salt            BYTEA,
    personal_digest BYTEA   NOT NULL,
    hash            BYTEA   NOT NULL,
    CONSTRAINT audit_links_pk PRIMARY KEY (number),
    CONSTRAINT audit_links_seq_unique UNIQUE (seq),
    CONSTRAINT audit_links_number_positive CHECK (number >= 1),
    CONSTRAINT audit_links_proof_known CHECK (proof IN ('mac', 'earlier_version', 'none'))
);

-- What the audit key has signed of the chain: how far it reached, and by which hash.
CREATE TABLE audit_checkpoints (
    number    BIGINT  NOT NULL,
    at        BIGINT  NOT NULL,
    statement TEXT    NOT NULL,
    CONSTRAINT audit_checkpoints_pk PRIMARY KEY (number)
);

CREATE INDEX audit_checkpoints_by_time ON audit_checkpoints (at);

-- Up to where the chain may be removed, signed by the audit key. It begins at the checkpoint of this number then.
CREATE TABLE audit_retention (
    number    BIGINT  NOT NULL,
    statement TEXT    NOT NULL,
    CONSTRAINT audit_retention_pk PRIMARY KEY (number)
);

-- Who links. Whoever does holds the lock of the one row.
CREATE TABLE audit_leader (
    id          BIGINT NOT NULL,
    holder      TEXT   NOT NULL,
    leads_until BIGINT NOT NULL,
    CONSTRAINT audit_leader_pk PRIMARY KEY (id),
    CONSTRAINT audit_leader_one CHECK (id = 1)
);

INSERT INTO audit_leader (id, holder, leads_until) VALUES (1, '', 0);

-- Append-only. Of an event only what names a person may go, and what has been signed away.

CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME;
END
$$;

CREATE FUNCTION audit_removable() RETURNS BIGINT LANGUAGE sql STABLE AS $$
    SELECT COALESCE(MAX(number), 0) FROM audit_retention
$$;

CREATE FUNCTION audit_events_stay() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM audit_links WHERE seq = OLD.seq AND number <= audit_removable()) THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME;
END
$$;

CREATE FUNCTION audit_links_stay() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.number <= audit_removable() THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME;
END
$$;

-- What has been signed away has gone: nothing is put in its place.
CREATE FUNCTION audit_links_go_on() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.number > audit_removable() THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME;
END
$$;

-- An event waits until it is linked.
CREATE FUNCTION audit_unlinked_stay() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM audit_links WHERE seq = OLD.seq) THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME;
END
$$;

-- The one that the chain begins at stays.
CREATE FUNCTION audit_checkpoints_stay() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.number < audit_removable() THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME;
END
$$;

CREATE TRIGGER audit_events_append_only BEFORE UPDATE ON audit_events FOR EACH ROW
    WHEN (NOT (
        (NEW.seq, NEW.id, NEW.at, NEW.kind, NEW.outcome, NEW.reason, NEW.actor, NEW.subject, NEW.session,
         NEW.request_id, NEW.version)
        IS NOT DISTINCT FROM
        (OLD.seq, OLD.id, OLD.at, OLD.kind, OLD.outcome, OLD.reason, OLD.actor, OLD.subject, OLD.session,
         OLD.request_id, OLD.version)
        AND (NEW.detail IS NOT DISTINCT FROM OLD.detail OR (OLD.version = 0 AND NEW.detail IS NULL))
        AND NEW.address IS NULL AND NEW.user_agent IS NULL AND NEW.personal IS NULL AND NEW.mac IS NULL
    ))
    EXECUTE FUNCTION audit_is_append_only();

CREATE TRIGGER audit_events_stay BEFORE DELETE ON audit_events
    FOR EACH ROW EXECUTE FUNCTION audit_events_stay();

CREATE TRIGGER audit_links_append_only BEFORE UPDATE ON audit_links FOR EACH ROW
    WHEN (NOT (
        (NEW.number, NEW.seq, NEW.event, NEW.proof, NEW.personal_digest, NEW.hash)
        IS NOT DISTINCT FROM
        (OLD.number, OLD.seq, OLD.event, OLD.proof, OLD.personal_digest, OLD.hash)
        AND NEW.salt IS NULL
    ))
    EXECUTE FUNCTION audit_is_append_only();

CREATE TRIGGER audit_links_go_on BEFORE INSERT ON audit_links
    FOR EACH ROW EXECUTE FUNCTION audit_links_go_on();

CREATE TRIGGER audit_unlinked_stay BEFORE DELETE ON audit_unlinked
    FOR EACH ROW EXECUTE FUNCTION audit_unlinked_stay();
CREATE TRIGGER audit_unlinked_append_only BEFORE UPDATE ON audit_unlinked
    FOR EACH ROW EXECUTE FUNCTION audit_is_append_only();
CREATE TRIGGER audit_unlinked_is_not_truncated BEFORE TRUNCATE ON audit_unlinked
    EXECUTE FUNCTION audit_is_append_only();

CREATE TRIGGER audit_links_stay BEFORE DELETE ON audit_links
    FOR EACH ROW EXECUTE FUNCTION audit_links_stay();

CREATE TRIGGER audit_checkpoints_append_only BEFORE UPDATE ON audit_checkpoints
    FOR EACH ROW EXECUTE FUNCTION audit_is_append_only();

CREATE TRIGGER audit_checkpoints_stay BEFORE DELETE ON audit_checkpoints
    FOR EACH ROW EXECUTE FUNCTION audit_checkpoints_stay();

CREATE TRIGGER audit_retention_append_only BEFORE UPDATE OR DELETE ON audit_retention
    FOR EACH ROW EXECUTE FUNCTION audit_is_append_only();

CREATE TRIGGER audit_events_are_not_truncated BEFORE TRUNCATE ON audit_events
    EXECUTE FUNCTION audit_is_append_only();
CREATE TRIGGER audit_links_are_not_truncated BEFORE TRUNCATE ON audit_links
    EXECUTE FUNCTION audit_is_append_only();
CREATE TRIGGER audit_checkpoints_are_not_truncated BEFORE TRUNCATE ON audit_checkpoints
    EXECUTE FUNCTION audit_is_append_only();
CREATE TRIGGER audit_retention_is_not_truncated BEFORE TRUNCATE ON audit_retention
    EXECUTE FUNCTION audit_is_append_only();
