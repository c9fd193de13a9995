CREATE TABLE "row_changes" (
	"xid" "xid8" DEFAULT pg_current_xact_id() NOT NULL,
	"source" varchar(63) NOT NULL,
	"row_id" bigint NOT NULL,
	"changed_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "row_changes_xid_source_row_id_pk" PRIMARY KEY("xid","source","row_id")
);
--> statement-breakpoint
CREATE INDEX "row_changes_changed_at_idx" ON "row_changes" USING btree ("changed_at");