-- PostgreSQL without TimescaleDB: rollups are tables, rewritten by the worker for the buckets it touched.

-- Neither STRICT nor IMMUTABLE, so that the planner writes it out in place: five times as fast.
-- date_trunc begins a day at the second of two midnights (Azores, Havana: in autumn) and puts the hour between them in front of it.
CREATE FUNCTION tds.time_bucket(width interval, at timestamptz, zone text DEFAULT 'UTC') RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN width = interval '1 hour' THEN date_trunc('hour', at, zone)
                WHEN width = interval '1 day' THEN date_trunc('day', at, zone)
                     - CASE WHEN ((date_trunc('day', at, zone) - interval '1 hour') AT TIME ZONE zone)::date = (at AT TIME ZONE zone)::date
                            THEN interval '1 hour' ELSE interval '0' END
                WHEN width = interval '1 month' THEN date_trunc('month', at, zone)
                     - CASE WHEN date_trunc('month', (date_trunc('month', at, zone) - interval '1 hour') AT TIME ZONE zone) = date_trunc('month', at AT TIME ZONE zone)
                            THEN interval '1 hour' ELSE interval '0' END END
$$;
COMMENT ON FUNCTION tds.time_bucket IS 'Stands in for TimescaleDB''s function of this name, so that one rollup body serves both engines: 1 hour, 1 day, 1 month.';

-- 36 hours after a day's start, and 32 days after a month's, lie in the next one, whatever the clock did meanwhile.
CREATE FUNCTION tds.following_bucket(step text, bucket timestamptz, zone text) RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT CASE step WHEN 'hour' THEN bucket + interval '1 hour'
                     WHEN 'day' THEN tds.time_bucket(interval '1 day', bucket + interval '36 hours', zone)
                     WHEN 'month' THEN tds.time_bucket(interval '1 month', bucket + interval '768 hours', zone) END
$$;

INSERT INTO tds.meta (key, value) VALUES ('engine', 'plain');
