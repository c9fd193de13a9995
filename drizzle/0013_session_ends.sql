ALTER TABLE "sessions" ADD COLUMN "last_used_at" timestamp with time zone DEFAULT now() NOT NULL;--> statement-breakpoint
ALTER TABLE "sessions" ADD COLUMN "ends_at" timestamp with time zone DEFAULT now() + interval '30 days' NOT NULL;--> statement-breakpoint
-- Until now each refresh gave a session and its token 30 days more. They stay until now at least: what has expired is removed a day
-- later, and an access token of theirs may still live.
UPDATE "sessions" SET
	"last_used_at" = "expires_at" - interval '30 days',
	"ends_at" = "created_at" + interval '30 days',
	"expires_at" = greatest(now(), least("expires_at" - interval '23 days', "created_at" + interval '30 days'));
--> statement-breakpoint
UPDATE "refresh_tokens" t SET "expires_at" = least(t."expires_at" - interval '23 days', s."ends_at")
FROM "sessions" s WHERE s."id" = t."session_id" AND t."used_at" IS NULL;
