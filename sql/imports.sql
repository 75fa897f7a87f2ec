-- Bulk import of readings: lines are copied to a staging table, then stored block by block in one transaction.

-- name: stage Makes the staging table of an import.
CREATE TEMPORARY TABLE IF NOT EXISTS import_stage (line bigint, device_id integer, time timestamptz, value numeric, shown text) ON COMMIT DROP;

-- name: owner The account of a gateway in use, by its MAC.
SELECT a.name FROM tds.gateway g JOIN tds.account a ON a.id = g.account_id WHERE g.mac = :mac AND g.retired_at IS NULL;

-- name: targets The devices in use of an account.
SELECT g.mac, d.code, d.id, d.kind, d.unit
  FROM tds.device d JOIN tds.gateway g ON g.id = d.gateway_id
 WHERE d.account_id = :account AND d.retired_at IS NULL AND g.retired_at IS NULL;

-- name: open_from The first instant that a device's figures can still be computed for, where retention has taken its older readings.
SELECT coalesce(r.first, s.last_time)
  FROM tds.ledger_state s CROSS JOIN LATERAL (SELECT min(time) AS first FROM tds.reading WHERE device_id = s.device_id) r
 WHERE s.device_id = :device AND s.first_time < coalesce(r.first, 'infinity');

-- name: store Stores what is new; of two values for one instant the first line wins. Gives, per device, the range of what was new.
WITH fresh AS (
    INSERT INTO tds.reading (device_id, time, value)
    SELECT DISTINCT ON (device_id, time) device_id, time, value FROM import_stage ORDER BY device_id, time, line
    ON CONFLICT DO NOTHING RETURNING device_id, time
)
SELECT device_id, min(time) AS low, max(time) AS high, count(*) AS readings FROM fresh GROUP BY 1;

-- name: reject_conflicts Records lines whose instant holds another value.
INSERT INTO tds.rejection (received_at, account_id, gateway_id, mac, device_code, reason, detail, topic, payload, digest)
SELECT now(), d.account_id, d.gateway_id, g.mac, d.code, 'conflicting_duplicate', 'stored: ' || trim_scale(r.value), 'import',
       convert_to(s.shown, 'UTF8'), sha256(convert_to('import|conflicting_duplicate|' || s.shown, 'UTF8'))
  FROM import_stage s
  JOIN tds.reading r ON r.device_id = s.device_id AND r.time = s.time
  JOIN tds.device d ON d.id = s.device_id JOIN tds.gateway g ON g.id = d.gateway_id
 WHERE r.value <> s.value AND r.time >= :low AND r.time <= :high
ON CONFLICT (digest) DO NOTHING;

-- name: finish Marks what is new dirty, and moves last-seen forward; a file is no delivery of the gateway, so it took no time.
WITH marked AS (
    INSERT INTO tds.dirty (device_id, low, high)
    SELECT * FROM unnest(CAST(:devices AS integer[]), CAST(:lows AS timestamptz[]), CAST(:highs AS timestamptz[]))
)
INSERT INTO tds.device_seen AS s (device_id, time, value, received_at, moved_at)
SELECT f.device_id, r.time, r.value, r.time, m.time
  FROM unnest(CAST(:devices AS integer[]), CAST(:highs AS timestamptz[])) AS f (device_id, high)
 CROSS JOIN LATERAL (SELECT time, value FROM tds.reading
                      WHERE device_id = f.device_id AND time >= f.high ORDER BY time DESC LIMIT 1) r
  LEFT JOIN LATERAL (SELECT time FROM tds.reading
                      WHERE device_id = f.device_id AND time < r.time AND value <> r.value ORDER BY time DESC LIMIT 1) b ON true
 CROSS JOIN LATERAL (SELECT time FROM tds.reading
                      WHERE device_id = f.device_id AND time > coalesce(b.time, '-infinity') ORDER BY time LIMIT 1) m
ON CONFLICT (device_id) DO UPDATE
   SET time = excluded.time, value = excluded.value, moved_at = excluded.moved_at,
       received_at = CASE WHEN s.time < excluded.time THEN excluded.received_at ELSE s.received_at END
 WHERE s.time <= excluded.time;
