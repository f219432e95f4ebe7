-- How well it is known who a session's user is. A session of an earlier version tells nothing of it, and so
-- opens nothing that asks for it.

-- When the user last proved to be who they are.
ALTER TABLE sessions ADD COLUMN authenticated_at BIGINT;
-- How they proved it then: methods of RFC 8176 with commas between.
ALTER TABLE sessions ADD COLUMN amr TEXT;
