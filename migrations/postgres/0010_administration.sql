-- What administrators look for, page by page.

-- Who begins with an address: in the order of bytes, which the unique index has only where the database's
-- language does.
CREATE INDEX users_by_address ON users (email_lookup COLLATE "C");

-- Who has a role, in the order in which users were made.
CREATE INDEX user_roles_by_role_and_user ON user_roles (role, user_id);

-- Who is disabled, in the same order. Most are not, and need no index of their own.
CREATE INDEX users_disabled ON users (id) WHERE disabled_at IS NOT NULL;

-- Everybody's sessions, the newest first, past those that ended and are still kept.
CREATE INDEX sessions_not_ended ON sessions (id) WHERE ended_at IS NULL;
