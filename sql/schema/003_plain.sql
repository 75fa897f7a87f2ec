-- PostgreSQL without TimescaleDB: rollups are tables, rewritten by the worker for the buckets it touched.

CREATE FUNCTION tds.time_bucket(width interval, at timestamptz, zone text DEFAULT 'UTC') RETURNS timestamptz
LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT AS $$
    SELECT date_trunc(CASE width WHEN interval '1 hour' THEN 'hour' WHEN interval '1 day' THEN 'day' WHEN interval '1 month' THEN 'month' END, at, zone)
$$;
COMMENT ON FUNCTION tds.time_bucket IS 'Stands in for TimescaleDB''s function of this name, so that one rollup body serves both engines: 1 hour, 1 day, 1 month.';

CREATE FUNCTION tds.following_bucket(step text, bucket timestamptz, zone text) RETURNS timestamptz
LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT AS $$
    SELECT CASE step WHEN 'hour' THEN bucket + interval '1 hour' ELSE ((bucket AT TIME ZONE zone) + ('1 ' || step)::interval) AT TIME ZONE zone END
$$;

INSERT INTO tds.meta (key, value) VALUES ('engine', 'plain');
