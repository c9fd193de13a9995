ALTER TYPE "public"."operation_type" ADD VALUE 'STOP_INSTANCE';--> statement-breakpoint
ALTER TYPE "public"."operation_type" ADD VALUE 'START_INSTANCE';