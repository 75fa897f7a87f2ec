-- How the worker keeps tds.total_quarter: from the ledger alone, for the quarter-hours that were touched and the meters that came or went.

-- name: share_lock  Whoever changes the members of a group waits until this batch has ended, so that it misses nothing of it.
SELECT pg_advisory_xact_lock_shared(7245123);

-- name: lock_members  Waits for batches at work, and keeps others from ending until the members have been changed.
SELECT pg_advisory_xact_lock(7245123);

-- name: queue  Queues the quarter-hours that a batch touched, by group.
INSERT INTO tds.total_pending (group_id, low, high)
SELECT q.group_id, lower(q.stretch), upper(q.stretch)
  FROM (SELECT m.group_id, unnest(range_agg(tstzrange(t.low, t.high + interval '15 minutes'))) AS stretch
          FROM touched t JOIN tds.total_member m ON m.device_id = t.device_id GROUP BY 1) q;

-- name: one_at_work  Lets one worker at a time do this.
SELECT pg_try_advisory_xact_lock(7245124);

-- name: wait_for_work  Waits until nobody else does.
SELECT pg_advisory_xact_lock(7245124);

-- name: changes  Which devices are not where they belong: out of which group, and to which account, resource and unit.
WITH wanted AS (
    SELECT d.id, d.account_id, d.resource, d.unit, count(*) OVER (PARTITION BY d.account_id, d.resource, d.unit) AS together
      FROM tds.device d JOIN tds.account a ON a.id = d.account_id
     WHERE d.kind <> 'gauge' AND d.retired_at IS NULL AND a.closed_at IS NULL
)
SELECT coalesce(w.id, m.device_id) AS device_id, m.group_id AS leaves, w.account_id, w.resource, w.unit
  FROM (SELECT * FROM wanted WHERE together >= :fewest) w
  FULL JOIN (SELECT m.device_id, m.group_id, g.account_id, g.resource, g.unit FROM tds.total_member m JOIN tds.total_group g ON g.id = m.group_id) m
       ON m.device_id = w.id
 WHERE (w.account_id, w.resource, w.unit) IS DISTINCT FROM (m.account_id, m.resource, m.unit);

-- name: hold  Keeps devices from being deleted; gives those that are there.
SELECT id FROM tds.device WHERE id = any (CAST(:devices AS integer[])) ORDER BY id FOR KEY SHARE;

-- name: add_groups  Makes the groups that are missing.
INSERT INTO tds.total_group (account_id, resource, unit)
SELECT DISTINCT * FROM unnest(CAST(:accounts AS integer[]), CAST(:resources AS text[]), CAST(:units AS text[])) ON CONFLICT DO NOTHING;

-- name: groups  The number of each group.
SELECT id, account_id, resource, unit FROM tds.total_group WHERE account_id = any (CAST(:accounts AS integer[]));

-- name: leave  Takes devices out of their groups.
DELETE FROM tds.total_member WHERE device_id = any (CAST(:devices AS integer[]));

-- name: join  Puts devices into groups.
INSERT INTO tds.total_member (device_id, group_id) SELECT * FROM unnest(CAST(:devices AS integer[]), CAST(:groups AS integer[]));

-- name: shift  Adds the ledger of devices that joined a group to it, and takes away that of devices that left: `signs` says which.
INSERT INTO tds.total_quarter AS q (group_id, middle, quantity, devices, estimated, estimated_devices, part, covered, readings, rows)
SELECT :group, l.middle, coalesce(sum(d.sign * l.quantity) FILTER (WHERE l.estimated = 0), 0), coalesce(sum(d.sign) FILTER (WHERE l.estimated = 0), 0),
       coalesce(sum(d.sign * l.quantity) FILTER (WHERE l.estimated <> 0), 0), coalesce(sum(d.sign) FILTER (WHERE l.estimated <> 0), 0),
       coalesce(sum(d.sign * l.estimated), 0), coalesce(sum(d.sign * l.covered) FILTER (WHERE l.quantity IS NOT NULL), 0), sum(d.sign * l.readings), sum(d.sign)
  FROM unnest(CAST(:devices AS integer[]), CAST(:signs AS integer[])) AS d (id, sign) JOIN tds.ledger l ON l.device_id = d.id
 WHERE l.device_id = any (array(SELECT unnest(CAST(:devices AS integer[])))) GROUP BY l.middle
ON CONFLICT (group_id, middle) DO UPDATE SET quantity = q.quantity + excluded.quantity, devices = q.devices + excluded.devices,
    estimated = q.estimated + excluded.estimated, estimated_devices = q.estimated_devices + excluded.estimated_devices, part = q.part + excluded.part,
    covered = q.covered + excluded.covered, readings = q.readings + excluded.readings, rows = q.rows + excluded.rows;

-- name: drop_empty  Removes the quarter-hours of which the ledger has a row of nobody of a group.
DELETE FROM tds.total_quarter WHERE group_id = :group AND rows = 0;

-- name: begin_anew  Forgets what was added up of a group.
DELETE FROM tds.total_quarter WHERE group_id = :group;

-- name: queue_all  Has everything of a group added up, as far as its members' ledger reaches.
INSERT INTO tds.total_pending (group_id, low, high)
SELECT m.group_id, date_bin('15 minutes', min(s.first_time), 'epoch'), date_bin('15 minutes', max(s.last_time), 'epoch') + interval '15 minutes'
  FROM tds.total_member m JOIN tds.ledger_state s ON s.device_id = m.device_id
 WHERE m.group_id = :group AND s.first_time IS NOT NULL GROUP BY 1;

-- name: drop_groups  Removes groups that nobody is in, and what waits for groups that are gone.
WITH gone AS (DELETE FROM tds.total_group g WHERE NOT EXISTS (SELECT FROM tds.total_member m WHERE m.group_id = g.id))
   , stale AS (DELETE FROM tds.total_stale p WHERE NOT EXISTS (SELECT FROM tds.total_member m WHERE m.group_id = p.group_id))
DELETE FROM tds.total_pending p WHERE NOT EXISTS (SELECT FROM tds.total_member m WHERE m.group_id = p.group_id);

-- name: next_group  Gives the group that has waited longest, of those with quarter-hours that are over.
SELECT p.group_id FROM tds.total_pending p JOIN tds.total_group g ON g.id = p.group_id WHERE p.low < :horizon ORDER BY p.id LIMIT 1;

-- name: take  Takes what waits of a group, joined, the newest first; and with each how many members there are.
WITH taken AS (DELETE FROM tds.total_pending WHERE group_id = :group RETURNING low, high)
SELECT lower(r.stretch) AS low, upper(r.stretch) AS high, (SELECT count(*) FROM tds.total_member WHERE group_id = :group) AS members
  FROM (SELECT unnest(range_agg(tstzrange(low, high))) AS stretch FROM taken) r ORDER BY 1 DESC;

-- name: put_back  What did not fit into one transaction, or is not over yet.
INSERT INTO tds.total_pending (group_id, low, high) SELECT :group, * FROM unnest(CAST(:lows AS timestamptz[]), CAST(:highs AS timestamptz[]));

-- name: rewrite  Adds up the quarter-hours of a stretch anew.
WITH fresh AS MATERIALIZED ({fresh}), gone AS (
    DELETE FROM tds.total_quarter q WHERE q.group_id = :group AND q.middle >= :low AND q.middle < :high AND NOT EXISTS (SELECT FROM fresh f WHERE f.middle = q.middle)
)
INSERT INTO tds.total_quarter AS q (group_id, middle, quantity, devices, estimated, estimated_devices, part, covered, readings, rows) SELECT :group, * FROM fresh
ON CONFLICT (group_id, middle) DO UPDATE SET quantity = excluded.quantity, devices = excluded.devices, estimated = excluded.estimated,
    estimated_devices = excluded.estimated_devices, part = excluded.part, covered = excluded.covered, readings = excluded.readings, rows = excluded.rows
 WHERE (q.quantity, q.devices, q.estimated, q.estimated_devices, q.part, q.covered, q.readings, q.rows) IS DISTINCT FROM
       (excluded.quantity, excluded.devices, excluded.estimated, excluded.estimated_devices, excluded.part, excluded.covered, excluded.readings, excluded.rows);

-- name: fresh  What a group's members took together, from the ledger.
    SELECT l.middle, coalesce(sum(l.quantity) FILTER (WHERE l.estimated = 0), 0) AS quantity, count(l.quantity) FILTER (WHERE l.estimated = 0) AS devices,
           coalesce(sum(l.quantity) FILTER (WHERE l.estimated <> 0), 0) AS estimated, count(l.quantity) FILTER (WHERE l.estimated <> 0) AS estimated_devices,
           coalesce(sum(l.estimated), 0) AS part, coalesce(sum(l.covered) FILTER (WHERE l.quantity IS NOT NULL), 0) AS covered, sum(l.readings) AS readings,
           count(*) AS rows
      FROM tds.ledger l
     WHERE l.device_id = any (array(SELECT device_id FROM tds.total_member WHERE group_id = :group)) AND l.middle >= :low AND l.middle < :high
     GROUP BY l.middle;

-- name: members  The groups of devices, or all, each with its first member and how far its members' ledger reaches, or what was added up.
SELECT m.group_id, count(*) AS members, min(m.device_id) AS device_id,
       least(min(s.first_time), (SELECT min(middle) FROM tds.total_quarter q WHERE q.group_id = m.group_id)) AS low,
       greatest(max(s.last_time), (SELECT max(middle) FROM tds.total_quarter q WHERE q.group_id = m.group_id)) AS high
  FROM tds.total_member m LEFT JOIN tds.ledger_state s ON s.device_id = m.device_id
 GROUP BY 1 HAVING CAST(:devices AS integer[]) IS NULL OR bool_or(m.device_id = any (CAST(:devices AS integer[]))) ORDER BY 1;

-- name: differences  Counts the quarter-hours of a stretch that differ from the ledger, but for those that wait.
WITH fresh AS MATERIALIZED ({fresh}), kept AS (
    SELECT middle, quantity, devices, estimated, estimated_devices, part, covered, readings, rows FROM tds.total_quarter
     WHERE group_id = :group AND middle >= :low AND middle < :high
)
SELECT count(*) FROM ((SELECT * FROM fresh EXCEPT SELECT * FROM kept) UNION ALL (SELECT * FROM kept EXCEPT SELECT * FROM fresh)) d
 WHERE NOT EXISTS (SELECT FROM tds.total_pending p WHERE p.group_id = :group AND d.middle >= p.low AND d.middle < p.high);

-- name: mend  Has a stretch of the groups of devices added up anew.
INSERT INTO tds.total_pending (group_id, low, high)
SELECT DISTINCT group_id, CAST(:low AS timestamptz), CAST(:high AS timestamptz) FROM tds.total_member WHERE device_id = any (CAST(:devices AS integer[]));
