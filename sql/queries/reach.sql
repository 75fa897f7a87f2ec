-- name: reach  How far the ledger of some devices reaches.
SELECT device_id, first_time, last_time
  FROM tds.ledger_state
 WHERE device_id = any (cast(:ids AS integer[])) AND first_time IS NOT NULL;

-- name: newest  The newest reading that the ledger knows of those devices of which the next one is not overdue: by the gap limit of their interval.
SELECT s.device_id, s.last_time
  FROM tds.ledger_state s JOIN tds.device d ON d.id = s.device_id
 WHERE s.device_id = any (cast(:ids AS integer[])) AND d.retired_at IS NULL
   AND s.last_time > cast(:now AS timestamptz) - greatest(interval '30 minutes', 3 * make_interval(secs => d.interval_seconds));
