-- Whoever subscribes to rows of these tables is told of what is written here, once it is committed.
CREATE FUNCTION note_row_changes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO row_changes (source, row_id) SELECT TG_TABLE_NAME, id FROM written ON CONFLICT DO NOTHING;
	RETURN NULL;
END $$;
--> statement-breakpoint
CREATE TRIGGER operations_noted AFTER INSERT ON operations
	REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION note_row_changes();
--> statement-breakpoint
CREATE TRIGGER operations_changes_noted AFTER UPDATE ON operations
	REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION note_row_changes();
--> statement-breakpoint
CREATE TRIGGER security_events_noted AFTER INSERT ON security_events
	REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION note_row_changes();
