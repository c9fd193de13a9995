ALTER TYPE "public"."instance_change_field" ADD VALUE 'PARAMETER_GROUP';--> statement-breakpoint
ALTER TYPE "public"."operation_type" ADD VALUE 'CHANGE_PARAMETER_GROUP';--> statement-breakpoint
ALTER TABLE "instances" ADD COLUMN "parameter_group" jsonb;--> statement-breakpoint
CREATE OR REPLACE FUNCTION record_instance_changes() RETURNS trigger LANGUAGE plpgsql AS $$
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
		('TAGS', tags_beyond(OLD.tags, NEW.tags), tags_beyond(NEW.tags, OLD.tags)),
		('BACKUP_WINDOW', to_jsonb(OLD.backup_window), to_jsonb(NEW.backup_window)),
		('MAINTENANCE_WINDOW', to_jsonb(OLD.maintenance_window), to_jsonb(NEW.maintenance_window)),
		('BACKUP_RETENTION_DAYS', to_jsonb(OLD.backup_retention_days), to_jsonb(NEW.backup_retention_days)),
		('MEMBER_ROLES', member_roles(OLD.members), member_roles(NEW.members)),
		('CLUSTER', OLD.cluster -> 'identifier', NEW.cluster -> 'identifier'),
		('CLUSTER_TAGS', tags_beyond(OLD.cluster -> 'tags', NEW.cluster -> 'tags'), tags_beyond(NEW.cluster -> 'tags', OLD.cluster -> 'tags')),
		('ENVIRONMENT',
			CASE WHEN moved THEN OLD.classification - 'dispute' || jsonb_build_object('environment', OLD.environment) END,
			CASE WHEN moved THEN NEW.classification - 'dispute' || jsonb_build_object('environment', NEW.environment) END),
		-- That an older release did not know it is no change.
		('PARAMETER_GROUP', OLD.parameter_group -> 'name', CASE WHEN OLD.parameter_group IS NOT NULL THEN NEW.parameter_group -> 'name' END),
		('GONE', to_jsonb(OLD.vanished_at IS NOT NULL), to_jsonb(NEW.vanished_at IS NOT NULL))
	) c (field, before, after)
	WHERE c.before IS DISTINCT FROM c.after;
	RETURN NULL;
END $$;
