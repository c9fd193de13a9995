CREATE INDEX "chat_sessions_session_idx" ON "chat_sessions" USING btree ("session_id","timestamp" DESC NULLS LAST,"id" DESC NULLS LAST);--> statement-breakpoint
CREATE INDEX "organizations_domain_idx" ON "organizations" USING btree ("domain");--> statement-breakpoint
CREATE INDEX "users_email_idx" ON "users" USING btree ("email");--> statement-breakpoint
CREATE INDEX "analytics_metrics_type_idx" ON "analytics_metrics" USING btree ("metric_type","recorded_at" DESC NULLS LAST,"id" DESC NULLS LAST);--> statement-breakpoint
CREATE INDEX "performance_logs_service_idx" ON "performance_logs" USING btree ("service_name","timestamp" DESC NULLS LAST,"id" DESC NULLS LAST);