-- Why somebody mapped an instance or account is read by whoever may list mappings. What instances and their history store says it no more.
CREATE FUNCTION without_mapping_reasons(classification jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
	SELECT CASE WHEN jsonb_typeof(classification -> 'evidence') = 'array' THEN jsonb_set(classification, '{evidence}', (
		SELECT coalesce(jsonb_agg(
			CASE WHEN said ? 'detail' THEN said || jsonb_build_object('detail',
				regexp_replace(said ->> 'detail', '([Mm]apped to [A-Z]+): "(?:[^"\\]|\\.)*"', '\1', 'g')) ELSE said END ORDER BY place), '[]')
		FROM jsonb_array_elements(classification -> 'evidence') WITH ORDINALITY AS each (said, place)
	)) ELSE classification END
$$;
--> statement-breakpoint
-- Replicas of the release before still write it, until they are replaced.
CREATE FUNCTION remove_mapping_reasons() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	NEW.classification := without_mapping_reasons(NEW.classification);
	RETURN NEW;
END $$;
--> statement-breakpoint
CREATE TRIGGER instances_without_mapping_reasons BEFORE INSERT OR UPDATE OF classification ON instances FOR EACH ROW
	WHEN (NEW.classification::text ~ 'apped to [A-Z]+: ') EXECUTE FUNCTION remove_mapping_reasons();
--> statement-breakpoint
UPDATE instances SET classification = without_mapping_reasons(classification) WHERE classification::text ~ 'apped to [A-Z]+: ';
--> statement-breakpoint
UPDATE instance_changes SET before = without_mapping_reasons(before), after = without_mapping_reasons(after)
WHERE field = 'ENVIRONMENT' AND (before::text ~ 'apped to [A-Z]+: ' OR after::text ~ 'apped to [A-Z]+: ');
--> statement-breakpoint
UPDATE findings SET detail = regexp_replace(detail, '([Mm]apped to [A-Z]+): "(?:[^"\\]|\\.)*"', '\1', 'g') WHERE kind LIKE 'environment_%' AND detail ~ 'apped to [A-Z]+: ';
