-- What the ledger worker asks besides the arithmetic.

-- name: waiting Lists dirty devices, longest waiting first, with a guess of the readings, or of the quarter-hours between them, to be gone through.
SELECT q.device_id, q.low, q.high, NOT q.whole AND q.low <= s.last_time AS late,
       CASE WHEN q.whole OR s.last_time IS NULL THEN greatest(extract(epoch FROM coalesce(n.time, q.high) - least(s.first_time, q.low)), 0)
            WHEN q.low > s.last_time THEN extract(epoch FROM q.high - s.last_time)
            ELSE extract(epoch FROM q.high - q.low) END / least(coalesce(d.interval_seconds, 900), 900) + 1 AS readings
  FROM (SELECT device_id, min(id) AS first, min(low) FILTER (WHERE NOT whole) AS low, max(high) FILTER (WHERE NOT whole) AS high, bool_or(whole) AS whole
          FROM (SELECT * FROM tds.dirty ORDER BY id LIMIT 200000) r GROUP BY 1) q
  LEFT JOIN tds.ledger_state s ON s.device_id = q.device_id
  LEFT JOIN tds.device d ON d.id = q.device_id
  LEFT JOIN tds.device_seen n ON n.device_id = q.device_id
 ORDER BY q.first LIMIT :limit;

-- name: ensure_states Makes the rows that recomputations lock, of devices that have none.
INSERT INTO tds.ledger_state (device_id)
SELECT d.id FROM tds.device d
 WHERE d.id IN (SELECT device_id FROM tds.dirty) AND NOT EXISTS (SELECT FROM tds.ledger_state s WHERE s.device_id = d.id) ORDER BY 1
ON CONFLICT DO NOTHING;

-- name: lock Locks the devices that no other worker holds.
SELECT device_id FROM tds.ledger_state WHERE device_id = any(CAST(:devices AS integer[])) ORDER BY device_id FOR UPDATE SKIP LOCKED;

-- name: lock_settled Locks devices, waiting for other workers; those with readings that wait for the ledger are left out.
SELECT device_id FROM tds.ledger_state s WHERE device_id = any(CAST(:devices AS integer[]))
   AND NOT EXISTS (SELECT FROM tds.dirty q WHERE q.device_id = s.device_id) ORDER BY device_id FOR UPDATE;

-- name: wait_for_others Locks devices with old dirty ranges, waiting for the workers that hold them.
SELECT device_id FROM tds.ledger_state WHERE device_id IN (SELECT device_id FROM tds.dirty WHERE id <= :newest) ORDER BY 1 FOR UPDATE;

-- name: drop_orphans Forgets ranges of devices that were deleted.
DELETE FROM tds.dirty r WHERE r.device_id = any(CAST(:devices AS integer[])) AND NOT EXISTS (SELECT FROM tds.device d WHERE d.id = r.device_id);

-- name: take Takes the ranges of locked devices.
DELETE FROM tds.dirty WHERE device_id = any(CAST(:devices AS integer[])) RETURNING device_id, low, high, whole;

-- name: ledger_differences Counts the quarter-hours in which the ledger differs from what the readings say, in ground that is not closed.
-- A device that got readings since it was locked is left out: its ledger does not know them yet.
SELECT coalesce(s.device_id, l.device_id) AS device_id, count(*)
  FROM slot s
  FULL JOIN (SELECT l.* FROM work w JOIN tds.ledger l ON l.device_id = w.device_id AND l.middle >= w.slot_low) l
       ON l.device_id = s.device_id AND l.middle = s.middle
 WHERE (s.device_id IS NULL OR l.device_id IS NULL
        OR (s.quantity, s.estimated, s.covered, s.readings, s.value_seconds, s.minimum, s.maximum, s.last)
           IS DISTINCT FROM (l.quantity, l.estimated, l.covered, l.readings, l.value_seconds, l.minimum, l.maximum, l.last))
   AND NOT EXISTS (SELECT FROM tds.dirty q WHERE q.device_id = coalesce(s.device_id, l.device_id))
 GROUP BY 1 ORDER BY 1;
