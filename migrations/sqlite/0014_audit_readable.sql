-- What no origin can read would keep all of them from reading on, in these tables as in that of the events.

CREATE TRIGGER audit_unlinked_is_readable BEFORE INSERT ON audit_unlinked WHEN NEW.seq < 1
BEGIN
    SELECT RAISE(ABORT, 'an event that waits has a number');
END;

CREATE TRIGGER audit_checkpoints_are_readable BEFORE INSERT ON audit_checkpoints WHEN NEW.number < 0
BEGIN
    SELECT RAISE(ABORT, 'a checkpoint has a number');
END;

CREATE TRIGGER audit_retention_is_readable BEFORE INSERT ON audit_retention WHEN NEW.number < 0
BEGIN
    SELECT RAISE(ABORT, 'what is removed has a number');
END;

CREATE TRIGGER audit_apart_is_readable BEFORE INSERT ON audit_apart WHEN NEW.restart < 1
BEGIN
    SELECT RAISE(ABORT, 'a closed chain has a number');
END;
