ALTER TABLE "operations" ADD COLUMN "cancel_requested_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "operations" ADD COLUMN "cancel_requested_by" jsonb;