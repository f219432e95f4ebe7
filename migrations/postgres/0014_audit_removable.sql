-- How far the audit log may be removed, as before, in the language that keeps its plans: each link that is put in asks
-- for it, and a function in SQL is planned anew each time.
CREATE OR REPLACE FUNCTION audit_removable() RETURNS BIGINT LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN COALESCE((SELECT MAX(number) FROM audit_retention), 0);
END
$$;
