CREATE TABLE "installations" (
	"id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL
);
--> statement-breakpoint
ALTER TABLE "audit_logs" ADD COLUMN "record_id" uuid;--> statement-breakpoint
ALTER TABLE "security_events" ADD COLUMN "reported_by" jsonb;--> statement-breakpoint
ALTER TABLE "security_events" ADD COLUMN "record_id" uuid;--> statement-breakpoint
CREATE UNIQUE INDEX "audit_logs_record_key" ON "audit_logs" USING btree ("record_id") WHERE "audit_logs"."record_id" is not null;--> statement-breakpoint
CREATE UNIQUE INDEX "security_events_record_key" ON "security_events" USING btree ("record_id") WHERE "security_events"."record_id" is not null;--> statement-breakpoint
INSERT INTO "installations" DEFAULT VALUES;--> statement-breakpoint
-- Who recorded the events that came through the API before: the audit log knows, as far back as it is kept.
UPDATE "security_events" SET "reported_by" = "audit_logs"."actor" FROM "audit_logs"
WHERE "audit_logs"."action" = 'security-event.record' AND "audit_logs"."success" AND "audit_logs"."resource_id" = "security_events"."id"::text;--> statement-breakpoint
-- Nobody saw the events of the demo.
UPDATE "security_events" SET "reported_by" = '{"type": "system", "name": "demo"}'
WHERE "reported_by" IS NULL AND "metadata" = '{"demo": true}';
