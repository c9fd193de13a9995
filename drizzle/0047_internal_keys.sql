CREATE TABLE "internal_keys" (
	"purpose" varchar(64) PRIMARY KEY NOT NULL,
	"sealed_key" text NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL
);
