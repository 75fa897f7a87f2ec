-- What the ingester asks and writes. Parameters are psycopg2's %(named)s: these statements run next to COPY,
-- on the ingester's own connection. ingest/writer.py strings them into one transaction per batch.

-- name: directory  Every gateway that is in use, with every device it has or had; live devices last, so that they win.
SELECT g.mac, g.id, g.account_id, a.timezone, d.code, d.id, d.unit, d.kind, d.active AND d.retired_at IS NULL
  FROM tds.gateway g
  JOIN tds.account a ON a.id = g.account_id
  LEFT JOIN tds.device d ON d.gateway_id = g.id
 WHERE g.retired_at IS NULL AND (%(macs)s::text[] IS NULL OR g.mac = any (%(macs)s::text[]))
 ORDER BY g.mac, d.retired_at IS NULL, d.retired_at, d.id;

-- name: make_staging  Where a batch lands before it is compared with what is known; private to the session.
CREATE TEMPORARY TABLE staging (
    ordinal   integer NOT NULL,
    device_id integer NOT NULL,
    time      timestamptz NOT NULL,
    value     numeric NOT NULL
) ON COMMIT DELETE ROWS;

-- name: copy_staging  The readings of a batch, in order of arrival.
COPY pg_temp.staging (ordinal, device_id, time, value) FROM STDIN;

-- name: store_readings  Stores what is new, marks it for the ledger, moves last-seen forward; gives the number of new readings.
-- Sorted by key, so that two writers never wait for each other crosswise. Prepared once a session: planning it costs
-- more than storing a single message.
PREPARE store_readings (timestamptz) AS
WITH fresh AS (
    INSERT INTO tds.reading (device_id, time, value)
    SELECT device_id, time, trim_scale(value) FROM pg_temp.staging ORDER BY device_id, time, ordinal
    ON CONFLICT (device_id, time) DO NOTHING
    RETURNING device_id, time, value
), span AS (
    SELECT device_id, min(time) AS low, max(time) AS high, count(*) AS readings, (array_agg(value ORDER BY time DESC))[1] AS last
      FROM fresh GROUP BY device_id
), marked AS (
    INSERT INTO tds.dirty (device_id, low, high) SELECT device_id, low, high FROM span
), seen AS (
    INSERT INTO tds.device_seen AS known (device_id, time, value, received_at)
    SELECT device_id, high, last, $1 FROM span ORDER BY device_id
    ON CONFLICT (device_id) DO UPDATE SET time = excluded.time, value = excluded.value, received_at = excluded.received_at
     WHERE known.time < excluded.time
)
SELECT coalesce(sum(readings), 0)::integer FROM span;

-- name: conflicts  Readings of the batch whose device and time are taken by a different value.
-- One index look-up per reading: joined freely, a batch with a late reading would scan every chunk back to it.
SELECT s.ordinal, r.value
  FROM pg_temp.staging s
 CROSS JOIN LATERAL (SELECT value FROM tds.reading
                      WHERE device_id = s.device_id AND time = s.time AND time BETWEEN %(low)s AND %(high)s LIMIT 1) r
 WHERE r.value <> s.value
 ORDER BY s.ordinal;

-- name: gateways_seen  Last message of each gateway; an offline notice does not move the time.
INSERT INTO tds.gateway_seen AS known (gateway_id, last_seen_at, online)
SELECT id, heard, online FROM unnest(%(ids)s::integer[], %(heard)s::timestamptz[], %(online)s::boolean[]) AS s (id, heard, online)
 ORDER BY id
ON CONFLICT (gateway_id) DO UPDATE
   SET last_seen_at = CASE WHEN excluded.online THEN greatest(known.last_seen_at, excluded.last_seen_at) ELSE known.last_seen_at END,
       online = excluded.online;

-- name: reject  One rejection; a second time the same counts once.
INSERT INTO tds.rejection (received_at, account_id, gateway_id, mac, device_code, reason, detail, topic, payload, digest)
VALUES %s
ON CONFLICT (digest) DO NOTHING;

-- name: ledger_lag  Seconds that the oldest range waits for the ledger.
SELECT coalesce(extract(epoch FROM clock_timestamp() - min(queued_at)), 0)::float8 FROM tds.dirty;
