-- What administrators look for, page by page. By role `user_roles_by_role` does, which ends with the user.

-- Who is disabled, in the order in which users were made. Most are not, and need no index of their own.
CREATE INDEX users_disabled ON users (id) WHERE disabled_at IS NOT NULL;

-- Everybody's sessions, the newest first, past those that ended and are still kept.
CREATE INDEX sessions_not_ended ON sessions (id) WHERE ended_at IS NULL;
