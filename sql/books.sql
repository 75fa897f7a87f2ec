-- The books of a device: its register at an instant, and the corrections between two instants.

-- name: booked_until The last reading that the ledger knows: what came since is not in the books yet.
SELECT last_time FROM tds.ledger_state WHERE device_id = :device;

-- name: register_at The register at an instant inside the device's accepted readings: interpolated as the ledger spreads it.
WITH accepted AS (
    SELECT r.time, r.value FROM reading r
     WHERE r.device_id = :device AND r.time >= :low AND r.time <= least(CAST(:high AS timestamptz), CAST(:until AS timestamptz))
       AND NOT EXISTS (SELECT FROM tds.decision c WHERE c.device_id = :device AND c.at = r.time AND c.kind = 'ignore' AND c.undone_at IS NULL)
       AND NOT EXISTS (SELECT FROM tds.event g WHERE g.device_id = :device AND g.kind = 'glitch' AND g.since < r.time AND r.time < g.at)
), before AS (
    SELECT time, value FROM accepted WHERE time <= :instant ORDER BY time DESC LIMIT 1
), after AS (
    SELECT time, value FROM accepted WHERE time > :instant ORDER BY time LIMIT 1
)
SELECT b.time AS before_time, b.value AS before_value, a.time AS after_time, a.value AS after_value,
       CASE WHEN b.time = :instant OR a.time IS NULL THEN b.value
            ELSE b.value + round((a.value - b.value + coalesce(e.correction, 0)) * extract(epoch FROM CAST(:instant AS timestamptz) - b.time)
                                 / extract(epoch FROM a.time - b.time), 6) END AS register
  FROM (SELECT 1) one LEFT JOIN before b ON true LEFT JOIN after a ON true
  LEFT JOIN tds.event e ON e.device_id = :device AND e.kind <> 'glitch' AND e.at = a.time;

-- name: corrections Every pair that was not plain and ended within the period.
SELECT at, kind, correction AS amount FROM tds.event event
 WHERE device_id = :device AND kind <> 'glitch' AND at > :start AND at <= :end
   AND NOT EXISTS (SELECT FROM tds.decision c WHERE c.device_id = :device AND c.at = event.at AND c.kind = 'ignore' AND c.undone_at IS NULL)
 ORDER BY at;

-- name: booked What the ledger holds for the period.
SELECT sum(quantity) AS quantity, sum(estimated) AS estimated FROM ledger WHERE device_id = :device AND middle >= :start AND middle < :end;

-- name: closed Tells whether the period begins on ground whose readings are gone with retention.
SELECT EXISTS (SELECT FROM tds.ledger_state s WHERE s.device_id = :device AND :end > s.first_time
                  AND s.first_time < coalesce((SELECT min(time) FROM reading r WHERE r.device_id = :device), 'infinity')
                  AND :start < coalesce((SELECT min(time) FROM reading r WHERE r.device_id = :device), 'infinity'));
