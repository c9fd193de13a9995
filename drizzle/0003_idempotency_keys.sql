CREATE TABLE "idempotency_keys" (
	"user_id" bigint NOT NULL,
	"key" varchar(100) NOT NULL,
	"action" varchar(100) NOT NULL,
	"fingerprint" varchar(64) NOT NULL,
	"ids" jsonb NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "idempotency_keys_user_id_key_pk" PRIMARY KEY("user_id","key")
);
--> statement-breakpoint
CREATE INDEX "idempotency_keys_created_at_idx" ON "idempotency_keys" USING btree ("created_at");