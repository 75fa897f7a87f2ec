-- How the worker keeps tds.total_bucket: what a group's members took together by hour, local day and local month, from the rollups alone.

-- name: homeless  Tells whether a group does not hold the zone of its account.
SELECT EXISTS (SELECT FROM tds.total_group g JOIN tds.account a ON a.id = g.account_id JOIN tds.zone z ON z.name = a.timezone
                WHERE z.ready_at IS NOT NULL AND g.zone IS DISTINCT FROM a.timezone);

-- name: adopt_zones  Gives groups the zone of their account, once it has rollups; what they hold of another zone goes.
WITH moved AS (
    UPDATE tds.total_group g SET zone = a.timezone FROM tds.account a JOIN tds.zone z ON z.name = a.timezone
     WHERE a.id = g.account_id AND z.ready_at IS NOT NULL AND g.zone IS DISTINCT FROM a.timezone RETURNING g.id
), gone AS (
    DELETE FROM tds.total_bucket WHERE group_id IN (SELECT id FROM moved)
)
INSERT INTO tds.total_stale (group_id, step, low, high)
SELECT id, s.step, '1970-01-01', '9000-01-01' FROM moved, unnest(ARRAY['hour', 'day', 'month']) AS s (step);

-- name: begin_anew  Forgets what a group holds.
WITH gone AS (DELETE FROM tds.total_bucket WHERE group_id = :group)
INSERT INTO tds.total_stale (group_id, step, low, high)
SELECT :group, s.step, '1970-01-01', '9000-01-01' FROM unnest(ARRAY['hour', 'day', 'month']) AS s (step);

-- name: hold  Says that buckets of a rollup are about to change: whoever reads does without the totals of them.
INSERT INTO tds.total_stale (group_id, step, low, high, held)
SELECT id, :step, :low, :high, true FROM tds.total_group WHERE zone = coalesce(:zone, zone);

-- name: release  Says that rollups have changed: the totals may be made.
UPDATE tds.total_stale SET held = false WHERE held;

-- name: queue  Plain engine: queues the buckets of the session's table `touched`.
INSERT INTO tds.total_stale (group_id, step, low, high)
SELECT m.group_id, s.step, min(time_bucket(s.width, t.low, CASE s.step WHEN 'hour' THEN 'UTC' ELSE g.zone END)), max(t.high)
  FROM touched t JOIN tds.total_member m ON m.device_id = t.device_id JOIN tds.total_group g ON g.id = m.group_id,
       (VALUES ('hour', interval '1 hour'), ('day', interval '1 day'), ('month', interval '1 month')) AS s (step, width)
 WHERE g.zone IS NOT NULL
 GROUP BY m.group_id, s.step, time_bucket(interval '1 day', t.low, 'UTC');

-- name: shift  Adds the rollup rows of devices that joined a group to it, and takes away those of devices that left: `signs` says which.
INSERT INTO tds.total_bucket AS b (group_id, step, bucket, quantity, estimated, covered, readings, devices, rows)
SELECT :group, :step, l.bucket, sum(d.sign * l.quantity), sum(d.sign * l.estimated), coalesce(sum(d.sign * l.covered) FILTER (WHERE l.quantity IS NOT NULL), 0),
       sum(d.sign * l.readings), coalesce(sum(d.sign) FILTER (WHERE l.quantity IS NOT NULL), 0), sum(d.sign)
  FROM unnest(CAST(:devices AS integer[]), CAST(:signs AS integer[])) AS d (id, sign) JOIN tds.{source} l ON l.device_id = d.id
 WHERE l.device_id = any (array(SELECT unnest(CAST(:devices AS integer[])))) GROUP BY l.bucket
ON CONFLICT (group_id, step, bucket) DO UPDATE SET quantity = coalesce(b.quantity + excluded.quantity, b.quantity, excluded.quantity),
    estimated = coalesce(b.estimated + excluded.estimated, b.estimated, excluded.estimated), covered = b.covered + excluded.covered,
    readings = b.readings + excluded.readings, devices = b.devices + excluded.devices, rows = b.rows + excluded.rows;

-- name: tidy  Removes the buckets of which nobody of a group has a row, and says of those in which nobody took anything that it is nothing.
WITH gone AS (DELETE FROM tds.total_bucket WHERE group_id = :group AND rows = 0)
UPDATE tds.total_bucket SET quantity = NULL, estimated = NULL WHERE group_id = :group AND devices = 0 AND rows > 0 AND quantity IS NOT NULL;

-- name: next  Gives the group and step that have waited longest, of those with buckets that have closed; with them until when.
SELECT p.group_id, p.step, g.zone, r.name, least(r.refreshed_until, '9000-01-01') AS closed
  FROM tds.total_stale p JOIN tds.total_group g ON g.id = p.group_id
  JOIN tds.rollup r ON r.step = p.step AND (r.zone = g.zone OR r.step = 'hour')
 WHERE NOT p.held AND p.low < r.refreshed_until ORDER BY p.id LIMIT 1;

-- name: take  Takes what waits of a group and step, joined, the newest first.
WITH taken AS (DELETE FROM tds.total_stale WHERE group_id = :group AND step = :step AND NOT held RETURNING low, high)
SELECT lower(r.stretch) AS low, upper(r.stretch) AS high FROM (SELECT unnest(range_agg(tstzrange(low, high))) AS stretch FROM taken) r ORDER BY 1 DESC;

-- name: put_back  What did not fit into one transaction, or has not closed.
INSERT INTO tds.total_stale (group_id, step, low, high) SELECT :group, :step, * FROM unnest(CAST(:lows AS timestamptz[]), CAST(:highs AS timestamptz[]));

-- name: reach  How many members a group has, and how far their ledger reaches, or what is held of those who left or whose readings were ignored.
SELECT count(*) AS members,
       least(min(s.first_time), (SELECT min(bucket) FROM tds.total_bucket WHERE group_id = :group AND step = :step)) AS low,
       greatest(max(s.last_time), (SELECT max(bucket) FROM tds.total_bucket WHERE group_id = :group AND step = :step)) AS high
  FROM tds.total_member m LEFT JOIN tds.ledger_state s ON s.device_id = m.device_id WHERE m.group_id = :group;

-- name: rewrite  Adds up the buckets of a stretch anew.
WITH fresh AS MATERIALIZED ({fresh}), gone AS (
    DELETE FROM tds.total_bucket b WHERE b.group_id = :group AND b.step = :step AND b.bucket >= :low AND b.bucket < :high
       AND NOT EXISTS (SELECT FROM fresh f WHERE f.bucket = b.bucket)
)
INSERT INTO tds.total_bucket AS b (group_id, step, bucket, quantity, estimated, covered, readings, devices, rows) SELECT :group, :step, * FROM fresh
ON CONFLICT (group_id, step, bucket) DO UPDATE SET quantity = excluded.quantity, estimated = excluded.estimated, covered = excluded.covered,
    readings = excluded.readings, devices = excluded.devices, rows = excluded.rows
 WHERE (b.quantity, b.estimated, b.covered, b.readings, b.devices, b.rows)
    IS DISTINCT FROM (excluded.quantity, excluded.estimated, excluded.covered, excluded.readings, excluded.devices, excluded.rows);

-- name: fresh  What a group's members took together, from a rollup.
    SELECT bucket, sum(quantity) AS quantity, sum(estimated) AS estimated, coalesce(sum(covered) FILTER (WHERE quantity IS NOT NULL), 0) AS covered,
           sum(readings) AS readings, count(quantity) AS devices, count(*) AS rows
      FROM tds.{source}
     WHERE device_id = any (array(SELECT device_id FROM tds.total_member WHERE group_id = :group)) AND bucket >= :low AND bucket < :high
     GROUP BY bucket

-- name: kept  The rollups that the groups of devices, or all, have totals of; each with a member.
SELECT g.id AS group_id, r.step, g.zone, r.name, min(m.device_id) AS device_id
  FROM tds.total_group g JOIN tds.total_member m ON m.group_id = g.id JOIN tds.rollup r ON r.zone = g.zone OR r.step = 'hour'
 GROUP BY g.id, r.name HAVING CAST(:devices AS integer[]) IS NULL OR bool_or(m.device_id = any (CAST(:devices AS integer[]))) ORDER BY 1, 2;

-- name: differences  Counts the buckets that differ from the rollup, but for those that wait.
WITH fresh AS MATERIALIZED ({fresh}), kept AS (
    SELECT bucket, quantity, estimated, covered, readings, devices, rows FROM tds.total_bucket
     WHERE group_id = :group AND step = :step AND bucket >= :low AND bucket < :high
)
SELECT count(*) FROM ((SELECT * FROM fresh EXCEPT SELECT * FROM kept) UNION ALL (SELECT * FROM kept EXCEPT SELECT * FROM fresh)) d
 WHERE NOT EXISTS (SELECT FROM tds.total_stale p WHERE p.group_id = :group AND p.step = :step AND d.bucket >= p.low AND d.bucket < p.high);

-- name: mend  Has the buckets of the groups of devices that a period touches added up anew.
INSERT INTO tds.total_stale (group_id, step, low, high)
SELECT DISTINCT m.group_id, s.step, CAST(:low AS timestamptz) - s.width, CAST(:high AS timestamptz)
  FROM tds.total_member m, (VALUES ('hour', interval '1 hour'), ('day', interval '25 hours'), ('month', interval '32 days')) AS s (step, width)
 WHERE m.device_id = any (CAST(:devices AS integer[]));
