-- name: reach  How far the ledger of some devices reaches.
SELECT device_id, first_time, last_time
  FROM tds.ledger_state
 WHERE device_id = any (cast(:ids AS integer[])) AND first_time IS NOT NULL;
