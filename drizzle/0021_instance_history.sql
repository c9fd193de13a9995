-- Whoever changes an instance, its history says so: what people ask about later, and not what differs from minute to minute, such as lag.
CREATE FUNCTION tags_in_order(tags jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
	SELECT CASE WHEN jsonb_typeof(tags) = 'array' THEN
		(SELECT coalesce(jsonb_agg(tag ORDER BY tag ->> 'key'), '[]') FROM jsonb_array_elements(tags) tag)
	END
$$;
--> statement-breakpoint
CREATE FUNCTION member_roles(members jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
	SELECT CASE WHEN jsonb_typeof(members) = 'array' THEN (
		SELECT coalesce(jsonb_agg(jsonb_build_object('name', member -> 'name', 'role', member -> 'role') ORDER BY member ->> 'name'), '[]')
		FROM jsonb_array_elements(members) member
	) END
$$;
--> statement-breakpoint
CREATE FUNCTION record_instance_changes() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
	-- A new instance is classified right after it was written; until then it has no evidence.
	moved boolean := OLD.environment IS DISTINCT FROM NEW.environment AND OLD.classification -> 'evidence' IS DISTINCT FROM '[]';
BEGIN
	INSERT INTO instance_changes (instance_id, field, before, after)
	SELECT NEW.id, c.field::instance_change_field, c.before, c.after
	FROM (VALUES
		('IDENTIFIER', to_jsonb(OLD.identifier), to_jsonb(NEW.identifier)),
		('INSTANCE_CLASS', to_jsonb(OLD.instance_class), to_jsonb(NEW.instance_class)),
		('ENGINE_VERSION', to_jsonb(OLD.engine_version), to_jsonb(NEW.engine_version)),
		('TAGS', tags_in_order(OLD.tags), tags_in_order(NEW.tags)),
		('BACKUP_WINDOW', to_jsonb(OLD.backup_window), to_jsonb(NEW.backup_window)),
		('MAINTENANCE_WINDOW', to_jsonb(OLD.maintenance_window), to_jsonb(NEW.maintenance_window)),
		('BACKUP_RETENTION_DAYS', to_jsonb(OLD.backup_retention_days), to_jsonb(NEW.backup_retention_days)),
		('MEMBER_ROLES', member_roles(OLD.members), member_roles(NEW.members)),
		('CLUSTER', OLD.cluster -> 'identifier', NEW.cluster -> 'identifier'),
		('ENVIRONMENT',
			CASE WHEN moved THEN OLD.classification - 'dispute' || jsonb_build_object('environment', OLD.environment) END,
			CASE WHEN moved THEN NEW.classification - 'dispute' || jsonb_build_object('environment', NEW.environment) END),
		('GONE', to_jsonb(OLD.vanished_at IS NOT NULL), to_jsonb(NEW.vanished_at IS NOT NULL))
	) c (field, before, after)
	WHERE c.before IS DISTINCT FROM c.after;
	RETURN NULL;
END $$;
--> statement-breakpoint
CREATE TRIGGER instances_changed AFTER UPDATE ON instances FOR EACH ROW
	WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION record_instance_changes();
--> statement-breakpoint
-- A planned read that is given an identifier which several rows have fails with them, so that nobody takes them for absent or guesses.
CREATE FUNCTION raise_ambiguous(candidates json) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
	RAISE EXCEPTION 'ambiguous identifier' USING ERRCODE = '22P99', DETAIL = candidates::text;
END $$;
