ALTER TYPE "public"."operation_type" ADD VALUE 'MODIFY_INSTANCE_CLASS';--> statement-breakpoint
ALTER TABLE "instances" ADD COLUMN "pending_instance_class" varchar(64);