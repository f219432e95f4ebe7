-- Keys that rotate, and the purge of what is over.

-- When a retiring key goes: the last token that it signed has expired.
ALTER TABLE signing_keys ADD COLUMN expires_at BIGINT;

CREATE UNIQUE INDEX signing_keys_one_next ON signing_keys (state) WHERE state = 'next';

-- What the purge looks for. There is none on idle_expires_at, which every refresh changes: a session that
-- nobody used is found once its absolute time is over.
CREATE INDEX sessions_by_end ON sessions (ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX sessions_by_expiry ON sessions (absolute_expires_at);

-- Grows with every change of keys or secrets, so that origins notice; who changes them holds its lock. The
-- other is only a lock, held by whoever takes an administrator away.
INSERT INTO meta (name, value) VALUES ('key_generation', '1'), ('administrators', '');
