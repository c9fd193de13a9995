-- scans.vulnerabilities_found follows the vulnerabilities of the scan, in the same transaction. The scans that one statement
-- touches are locked in the order of their keys, so that two bulk changes cannot wait for each other.
CREATE FUNCTION count_vulnerabilities() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF TG_OP = 'INSERT' THEN
		PERFORM 1 FROM scans WHERE id IN (SELECT scan_id FROM inserted) ORDER BY id FOR NO KEY UPDATE;
		UPDATE scans s SET vulnerabilities_found = vulnerabilities_found + c.n
		FROM (SELECT scan_id, count(*) AS n FROM inserted GROUP BY scan_id) c WHERE s.id = c.scan_id;
	ELSIF TG_OP = 'DELETE' THEN
		PERFORM 1 FROM scans WHERE id IN (SELECT scan_id FROM deleted) ORDER BY id FOR NO KEY UPDATE;
		UPDATE scans s SET vulnerabilities_found = vulnerabilities_found - c.n
		FROM (SELECT scan_id, count(*) AS n FROM deleted GROUP BY scan_id) c WHERE s.id = c.scan_id;
	ELSE
		PERFORM 1 FROM scans WHERE id IN (SELECT scan_id FROM inserted UNION SELECT scan_id FROM deleted) ORDER BY id FOR NO KEY UPDATE;
		UPDATE scans s SET vulnerabilities_found = vulnerabilities_found + c.n
		FROM (
			SELECT scan_id, sum(n) AS n
			FROM (SELECT scan_id, 1 AS n FROM inserted UNION ALL SELECT scan_id, -1 FROM deleted) moved
			GROUP BY scan_id HAVING sum(n) <> 0
		) c WHERE s.id = c.scan_id;
	END IF;
	RETURN NULL;
END $$;
--> statement-breakpoint
CREATE TRIGGER vulnerabilities_inserted AFTER INSERT ON vulnerabilities
	REFERENCING NEW TABLE AS inserted FOR EACH STATEMENT EXECUTE FUNCTION count_vulnerabilities();
--> statement-breakpoint
CREATE TRIGGER vulnerabilities_deleted AFTER DELETE ON vulnerabilities
	REFERENCING OLD TABLE AS deleted FOR EACH STATEMENT EXECUTE FUNCTION count_vulnerabilities();
--> statement-breakpoint
CREATE TRIGGER vulnerabilities_updated AFTER UPDATE ON vulnerabilities
	REFERENCING NEW TABLE AS inserted OLD TABLE AS deleted FOR EACH STATEMENT EXECUTE FUNCTION count_vulnerabilities();
--> statement-breakpoint
-- The audit log is append-only: nothing changes a record, and nothing removes one before its 90 days are over.
CREATE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF TG_OP = 'DELETE' AND OLD.timestamp < now() - interval '90 days' THEN
		RETURN OLD;
	END IF;
	RAISE EXCEPTION 'audit_logs is append-only' USING ERRCODE = 'insufficient_privilege';
END $$;
--> statement-breakpoint
CREATE TRIGGER audit_logs_append_only BEFORE UPDATE OR DELETE ON audit_logs
	FOR EACH ROW EXECUTE FUNCTION refuse_audit_change();
--> statement-breakpoint
CREATE TRIGGER audit_logs_no_truncate BEFORE TRUNCATE ON audit_logs
	FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change();
