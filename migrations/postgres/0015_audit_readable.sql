-- What no origin can read would keep all of them from reading on, in these tables as in that of the events. NOT VALID: what
-- may stand there already is no reason not to go on.
ALTER TABLE audit_unlinked ADD CONSTRAINT audit_unlinked_seq_positive CHECK (seq >= 1) NOT VALID;
ALTER TABLE audit_checkpoints ADD CONSTRAINT audit_checkpoints_number_not_negative CHECK (number >= 0) NOT VALID;
ALTER TABLE audit_retention ADD CONSTRAINT audit_retention_number_not_negative CHECK (number >= 0) NOT VALID;
ALTER TABLE audit_apart ADD CONSTRAINT audit_apart_restart_positive CHECK (restart >= 1) NOT VALID;
