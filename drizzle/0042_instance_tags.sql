ALTER TYPE "public"."environment_proposal_kind" ADD VALUE 'TAGS';--> statement-breakpoint
ALTER TYPE "public"."operation_type" ADD VALUE 'SET_INSTANCE_TAGS';--> statement-breakpoint
ALTER TABLE "environment_proposals" ADD COLUMN "tag_change" jsonb;--> statement-breakpoint
ALTER TABLE "operations" ADD COLUMN "proposal_id" bigint;--> statement-breakpoint
ALTER TABLE "operations" ADD CONSTRAINT "operations_proposal_id_environment_proposals_id_fk" FOREIGN KEY ("proposal_id") REFERENCES "public"."environment_proposals"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "operations_proposal_idx" ON "operations" USING btree ("proposal_id") WHERE "operations"."proposal_id" is not null;