-- What the ingester asks and writes. Parameters are psycopg2's %(named)s: these statements run next to COPY,
-- on the ingester's own connection. ingest/writer.py strings them into one transaction per batch.

-- name: directory  Every gateway that is in use, with every device it has or had; live devices last, so that they win.
SELECT g.mac, g.id, g.account_id, a.timezone, d.code, d.id, d.unit, d.kind, d.active AND d.retired_at IS NULL,
       a.silent_intervals * d.interval_seconds,
       (SELECT max(o.retired_at) FROM tds.gateway o WHERE o.mac = g.mac AND o.account_id <> g.account_id)
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

-- name: many_readings  A batch as it was copied.
PREPARE store_many (timestamptz, integer) AS
WITH staging AS NOT MATERIALIZED (SELECT ordinal, device_id, time, value FROM pg_temp.staging),

-- name: few_readings  A batch of few as arrays, past the temporary table: emptying that at the commit takes longer than storing them.
PREPARE store_few (timestamptz, integer, integer[], timestamptz[], numeric[]) AS
WITH staging AS MATERIALIZED (
    SELECT number::integer - 1 AS ordinal, device_id, time, value
      FROM unnest($3, $4, $5) WITH ORDINALITY AS s (device_id, time, value, number)
),

-- name: store_readings  Behind either of these: stores what is new, marks it for the ledger, moves last-seen forward; of $2 readings
-- gives the number of new ones and, where others are among them, the ordinals of those.
-- Sorted by key, so that two writers never wait for each other crosswise. Prepared once a session: planning it costs
-- more than storing a single message.
-- Since when a device shows its value (moved_at) depends on its newest reading, and on readings that come late: one of before that
-- time changes nothing; one of after it that differs puts it forward to the newest, which may be late, but never too early.
fresh AS (
    INSERT INTO tds.reading (device_id, time, value)
    SELECT device_id, time, trim_scale(value) FROM staging ORDER BY device_id, time, ordinal
    ON CONFLICT (device_id, time) DO NOTHING
    RETURNING device_id, time, value
), step AS (
    SELECT device_id, time, value, lead(time) OVER one AS before, value IS DISTINCT FROM lead(value) OVER one AS moved
      FROM fresh WINDOW one AS (PARTITION BY device_id ORDER BY time DESC)
), span AS (
    SELECT device_id, min(time) AS low, max(time) AS high, count(*) AS readings, (array_agg(value ORDER BY time DESC))[1] AS last,
           max(time) FILTER (WHERE moved) AS began, max(before) FILTER (WHERE moved) AS differed
      FROM step GROUP BY device_id
), marked AS (
    INSERT INTO tds.dirty (device_id, low, high) SELECT device_id, low, high FROM span
), seen AS (
    INSERT INTO tds.device_seen AS known (device_id, time, value, received_at, moved_at)
    SELECT s.device_id, greatest(s.high, k.time), CASE WHEN s.high < k.time THEN k.value ELSE s.last END,
           CASE WHEN s.high < k.time THEN k.received_at ELSE $1 END,
           CASE WHEN s.last = k.value AND coalesce(s.differed, '-infinity') < k.moved_at THEN k.moved_at
                WHEN k.time IS NULL OR s.began > k.time THEN s.began
                ELSE greatest(s.high, k.time) END
      FROM span s LEFT JOIN tds.device_seen k ON k.device_id = s.device_id
     WHERE k.time IS NULL OR s.high > k.moved_at ORDER BY s.device_id
    ON CONFLICT (device_id) DO UPDATE
       SET time = excluded.time, value = excluded.value, received_at = excluded.received_at, moved_at = excluded.moved_at
     WHERE known.time <= excluded.time
)
SELECT coalesce(sum(readings), 0)::integer,
       CASE WHEN coalesce(sum(readings), 0) < $2 THEN
           array(SELECT s.ordinal
                   FROM (SELECT ordinal, device_id, time, row_number() OVER (PARTITION BY device_id, time ORDER BY ordinal) AS number
                           FROM staging) s
                   LEFT JOIN fresh f ON f.device_id = s.device_id AND f.time = s.time
                  WHERE f.time IS NULL OR s.number > 1) END
  FROM span;

-- name: conflicts  Readings of the batch whose device and time are taken by a different value.
-- One index look-up per reading: joined freely, a batch with a late reading would scan every chunk back to it.
SELECT s.ordinal, r.value
  FROM pg_temp.staging s
 CROSS JOIN LATERAL (SELECT value FROM tds.reading
                      WHERE device_id = s.device_id AND time = s.time AND time BETWEEN %(low)s AND %(high)s LIMIT 1) r
 WHERE r.value <> s.value
 ORDER BY s.ordinal;

-- name: see_gateways  Last message of each gateway; an offline notice does not move the time. Prepared as storing is.
PREPARE see_gateways (integer[], timestamptz, boolean[]) AS
INSERT INTO tds.gateway_seen AS known (gateway_id, last_seen_at, online)
SELECT id, $2, online FROM unnest($1, $3) AS s (id, online)
 ORDER BY id
ON CONFLICT (gateway_id) DO UPDATE
   SET last_seen_at = CASE WHEN excluded.online THEN excluded.last_seen_at ELSE known.last_seen_at END,
       online = excluded.online;

-- name: delivered  Adds to what came late or twice, by gateway and quarter-hour.
INSERT INTO tds.delivery AS known (gateway_id, slot, late, duplicated, longest)
SELECT gateway_id, slot, late, duplicated, longest
  FROM unnest(%(gateways)s::integer[], %(slots)s::timestamptz[], %(late)s::integer[], %(duplicated)s::integer[], %(longest)s::interval[])
       AS s (gateway_id, slot, late, duplicated, longest)
 ORDER BY gateway_id, slot
ON CONFLICT (gateway_id, slot) DO UPDATE
   SET late = known.late + excluded.late, duplicated = known.duplicated + excluded.duplicated,
       longest = greatest(known.longest, excluded.longest);

-- name: reject  One rejection; a second time the same counts once.
INSERT INTO tds.rejection (received_at, account_id, gateway_id, mac, device_code, reason, detail, topic, payload, digest)
VALUES %s
ON CONFLICT (digest) DO NOTHING;

-- name: lock_tally  What is kept of some gateways, and of those that are registered nowhere; theirs until the transaction ends.
SELECT gateway_id, kept, bytes FROM tds.rejection_tally
 WHERE gateway_id = any (%(owners)s::integer[]) OR (%(strangers)s AND gateway_id IS NULL) ORDER BY gateway_id FOR UPDATE;

-- name: kept_already  Which of some rejections are there.
SELECT digest FROM tds.rejection WHERE digest = any (%(digests)s::bytea[]);

-- name: note_unkept  Counts what was refused and not kept.
INSERT INTO tds.rejection_tally AS known (gateway_id, unkept, unkept_from, unkept_to)
SELECT owner, count, %(at)s, %(at)s FROM unnest(%(owners)s::integer[], %(counts)s::integer[]) AS c (owner, count) ORDER BY owner
ON CONFLICT (gateway_id) DO UPDATE
   SET unkept = known.unkept + excluded.unkept, unkept_from = coalesce(known.unkept_from, excluded.unkept_from), unkept_to = excluded.unkept_to;

-- name: commit  Comes back when all that this session committed is as durable as the server is set to make it.
-- The empty message is there because a transaction that wrote nothing waits for nothing.
COMMIT;
BEGIN;
SET LOCAL synchronous_commit TO DEFAULT;
SELECT pg_logical_emit_message(true, 'tds', '');
COMMIT;

-- name: ledger  Seconds that the oldest range waits for the ledger, and the rows that differed when the books were last compared.
SELECT coalesce(extract(epoch FROM clock_timestamp() - min(queued_at)), 0)::float8,
       coalesce((SELECT value::float8 FROM tds.meta WHERE key = 'ledger_difference'), 0) FROM tds.dirty;

-- name: clock  What time it is for the database, by which everything in it is judged.
SELECT clock_timestamp();
