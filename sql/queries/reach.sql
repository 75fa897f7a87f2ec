-- name: reach  How far the ledger of some devices reaches, and from when on their readings are still there.
SELECT s.device_id, s.first_time, s.last_time, (SELECT min(r.time) FROM reading r WHERE r.device_id = s.device_id) AS oldest
  FROM tds.ledger_state s
 WHERE s.device_id = any (cast(:ids AS integer[])) AND s.first_time IS NOT NULL;
