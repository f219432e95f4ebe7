-- Leaving: whoever deletes an account finds all that is to go with it, and whoever asks what is kept finds it.

-- The sessions of a user that are over too.
CREATE INDEX sessions_of_user ON sessions (user_id, id);
CREATE INDEX login_challenges_by_user ON login_challenges (user_id);
CREATE INDEX passkey_ceremonies_by_user ON passkey_ceremonies (user_id) WHERE user_id IS NOT NULL;

-- Mail that went to an address, or waits to; and whose it is, to whichever of their addresses it went.
ALTER TABLE mails ADD COLUMN user_id TEXT;
CREATE INDEX mails_by_recipient ON mails (LOWER(recipient));
CREATE INDEX mails_by_user ON mails (user_id) WHERE user_id IS NOT NULL;

-- Of which deleted accounts something is still to be erased, in small parts. The row goes with the last of it, and
-- with it what is left of the user.
CREATE TABLE erasures (
    user_id   TEXT    NOT NULL,
    -- What names the user in events that know no user, as a JSON array of texts.
    personal  TEXT    NOT NULL,
    -- The number of the last event that was looked at.
    after_seq INTEGER NOT NULL,
    -- Whether this is the last look, when nothing about the user can be under way any more (1), or the first (0).
    is_last   INTEGER NOT NULL,
    due_at    INTEGER NOT NULL,
    CONSTRAINT erasures_pk PRIMARY KEY (user_id)
) STRICT;

CREATE INDEX erasures_by_due ON erasures (due_at);

-- What users did to others, or to the site: it stays when they leave.
CREATE INDEX audit_events_of_acts_on_others ON audit_events (actor)
    WHERE actor IS NOT NULL AND (subject IS NULL OR subject <> actor);
