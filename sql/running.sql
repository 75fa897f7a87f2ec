-- name: known  Which part of a rollup's running bucket is kept.
SELECT running_from, running_until FROM tds.rollup WHERE name = :name;

-- name: rewrite  Makes the part anew from {source}; that of before the last one goes.
WITH fresh AS MATERIALIZED (
    SELECT device_id, {sums} FROM tds.{source} s JOIN tds.device d ON d.id = s.device_id WHERE bucket >= :start AND bucket < :until GROUP BY 1
), gone AS (
    DELETE FROM tds.consumption_running r USING tds.rollup k
     WHERE k.name = :name AND r.name = k.name
       AND (r.until NOT IN (k.running_until, :until) OR r.until = :until AND NOT EXISTS (SELECT FROM fresh f WHERE f.device_id = r.device_id))
)
INSERT INTO tds.consumption_running AS r (name, until, device_id, bucket, {columns}) SELECT :name, :until, device_id, :start, {columns} FROM fresh
ON CONFLICT (name, until, device_id) DO UPDATE SET bucket = excluded.bucket, {given}
 WHERE (r.bucket, {old}) IS DISTINCT FROM (excluded.bucket, {new});

-- name: say  Says that it is there.
UPDATE tds.rollup SET running_from = :start, running_until = :until WHERE name = :name;

-- name: forget  Says that there is nothing of the rollups that nothing can be kept of now; the rows go with the next that is kept.
UPDATE tds.rollup SET running_from = NULL WHERE running_from IS NOT NULL AND name <> all (CAST(:kept AS text[]));

-- name: differences  Counts what differs from the ledger, by device.
WITH wanted AS (
    SELECT device_id, sum(quantity) AS quantity, sum(estimated) AS estimated, sum(covered) AS covered, sum(readings) AS readings,
           max(quantity) FILTER (WHERE estimated = 0) AS largest, sum(value_seconds) AS value_seconds, min(minimum) AS minimum, max(maximum) AS maximum
      FROM tds.ledger WHERE device_id = any (:devices) AND middle >= :start AND middle < :until GROUP BY 1
), kept AS (
    SELECT device_id, {columns} FROM tds.consumption_running r JOIN tds.rollup k ON k.name = r.name AND k.running_until = r.until AND k.running_from = r.bucket
     WHERE r.name = :name AND device_id = any (:devices) AND k.running_until = :until
)
SELECT device_id, count(*) AS rows FROM ((SELECT device_id, {columns} FROM wanted EXCEPT SELECT * FROM kept) UNION ALL (SELECT * FROM kept EXCEPT SELECT device_id, {columns} FROM wanted)) d
 GROUP BY 1 ORDER BY 1;
