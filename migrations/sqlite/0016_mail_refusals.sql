-- How often a server said that it will never take a mail, apart from the attempts that nobody answered: however long a
-- server was away, each mail is refused as often as any other until that is believed.
ALTER TABLE mails ADD COLUMN refusals INTEGER NOT NULL DEFAULT 0
    CONSTRAINT mails_refusals_never_negative CHECK (refusals >= 0);
