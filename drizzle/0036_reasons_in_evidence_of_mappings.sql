-- Only the evidence of mappings holds reasons. What a tag or a name says is left as it is, whatever it says.
CREATE OR REPLACE FUNCTION without_mapping_reasons(classification jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
	SELECT CASE WHEN jsonb_typeof(classification -> 'evidence') = 'array' THEN jsonb_set(classification, '{evidence}', (
		SELECT coalesce(jsonb_agg(
			CASE WHEN said ->> 'method' IN ('INSTANCE_MAPPING', 'ACCOUNT_MAPPING') AND said ? 'detail'
			THEN said || jsonb_build_object('detail',
				regexp_replace(said ->> 'detail', '([Mm]apped to [A-Z]+): "(?:[^"\\]|\\.)*"', '\1', 'g')) ELSE said END ORDER BY place), '[]')
		FROM jsonb_array_elements(classification -> 'evidence') WITH ORDINALITY AS each (said, place)
	)) ELSE classification END
$$;
