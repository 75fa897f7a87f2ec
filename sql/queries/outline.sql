-- name: readings  Readings of a device in a range, oldest first, at most so many; broken where the one before is too long ago to be joined.
SELECT time, value, coalesce(time - lag(time) OVER (ORDER BY time) > :gap, false) AS broken
  FROM web.reading WHERE device_id = :device AND time >= :start AND time < :end
 ORDER BY time LIMIT :most;

-- name: outline  Of each of so many equal parts of a range the first, lowest, highest and last reading; and what lies on both sides of the longest gaps.
WITH found AS MATERIALIZED (
    SELECT time, value, time - lag(time) OVER (ORDER BY time) AS since,
           width_bucket(extract(epoch FROM time)::float8, extract(epoch FROM CAST(:start AS timestamptz))::float8,
                        extract(epoch FROM CAST(:end AS timestamptz))::float8, :parts) AS part
      FROM web.reading WHERE device_id = :device AND time >= :start AND time < :end
), edge AS (
    SELECT part, min(time) AS first, max(time) AS last, min(value) AS lowest, max(value) AS highest FROM found GROUP BY 1
), kept (time) AS (
    SELECT first FROM edge
    UNION SELECT last FROM edge
    UNION SELECT min(f.time) FROM found f JOIN edge e ON e.part = f.part AND e.lowest = f.value GROUP BY e.part
    UNION SELECT min(f.time) FROM found f JOIN edge e ON e.part = f.part AND e.highest = f.value GROUP BY e.part
    UNION SELECT unnest(ARRAY[g.time - g.since, g.time]) FROM (SELECT time, since FROM found WHERE since > :gap ORDER BY since DESC, time LIMIT :gaps) g
)
SELECT f.time, f.value, coalesce(f.since > :gap, false) AS broken FROM found f JOIN kept USING (time) ORDER BY f.time;
