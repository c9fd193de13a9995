ALTER TABLE "operations" ADD COLUMN "cluster_resource_id" text;--> statement-breakpoint
ALTER TABLE "operations" ADD COLUMN "cluster_key" text GENERATED ALWAYS AS (coalesce(cluster_resource_id, cluster_arn)) STORED;--> statement-breakpoint
CREATE INDEX "operations_cluster_key_idx" ON "operations" USING btree ("cluster_key","requested_at" DESC NULLS LAST,"id" DESC NULLS LAST);--> statement-breakpoint
-- The release before knew a cluster by its ARN. Once a member of it tells its resource id, that is the id of its operations so far.
CREATE FUNCTION name_cluster_of_operations() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	UPDATE operations SET cluster_resource_id = NEW.cluster ->> 'resourceId'
	WHERE cluster_arn = NEW.cluster ->> 'arn' AND cluster_resource_id IS NULL;
	RETURN NULL;
END $$;
--> statement-breakpoint
CREATE TRIGGER instances_cluster_named AFTER UPDATE OF cluster ON instances FOR EACH ROW
	WHEN (OLD.cluster ->> 'arn' = NEW.cluster ->> 'arn' AND OLD.cluster ->> 'resourceId' IS NULL AND NEW.cluster ->> 'resourceId' IS NOT NULL)
	EXECUTE FUNCTION name_cluster_of_operations();
