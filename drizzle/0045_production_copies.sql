CREATE TABLE "production_copies" (
	"provider" varchar(20) NOT NULL,
	"provider_id" text NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "production_copies_provider_provider_id_pk" PRIMARY KEY("provider","provider_id")
);
