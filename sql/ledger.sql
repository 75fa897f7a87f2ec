-- The ledger's arithmetic, set-based. Each statement works on the session's temporary tables, filled one after the other:
-- work (what to recompute) -> seq (readings with their neighbours) -> slot (quarter-hours) -> changed -> ledger.

-- name: create_tables Makes the session's temporary tables; they are emptied at each commit.
CREATE TEMPORARY TABLE IF NOT EXISTS work (
    device_id integer PRIMARY KEY, low timestamptz, high timestamptz, whole boolean, kind text, gap interval, width interval,
    reach interval, max_rate numeric, resolution numeric, jitter numeric, modulus numeric,
    first_time timestamptz, last_time timestamptz, last_value numeric, odd_time timestamptz, fast boolean, fresh boolean,
    load_low timestamptz, load_high timestamptz, slot_low timestamptz, slot_high timestamptz
) ON COMMIT DELETE ROWS;
CREATE TEMPORARY TABLE IF NOT EXISTS seq (
    device_id integer, n integer, time timestamptz, value numeric, prev_time timestamptz, prev_value numeric, odd boolean
) ON COMMIT DELETE ROWS;
CREATE TEMPORARY TABLE IF NOT EXISTS run (
    device_id integer, since_n integer, at_n integer, since timestamptz, at timestamptz
) ON COMMIT DELETE ROWS;
CREATE TEMPORARY TABLE IF NOT EXISTS slot (
    device_id integer, middle timestamptz, quantity numeric, estimated numeric, covered bigint, readings integer,
    value_seconds numeric, minimum numeric, maximum numeric, last numeric
) ON COMMIT DELETE ROWS;
CREATE TEMPORARY TABLE IF NOT EXISTS detected (
    device_id integer, kind text, at timestamptz, since timestamptz, value_before numeric, value_after numeric, correction numeric,
    readings integer, lowest numeric, highest numeric
) ON COMMIT DELETE ROWS;
CREATE TEMPORARY TABLE IF NOT EXISTS changed (
    device_id integer, middle timestamptz, existed boolean, vanished boolean
) ON COMMIT DELETE ROWS;
CREATE TEMPORARY TABLE IF NOT EXISTS touched (device_id integer PRIMARY KEY, low timestamptz, high timestamptz) ON COMMIT DELETE ROWS;

-- name: add_work Takes devices with their ranges in, with what their arithmetic goes by.
INSERT INTO work (device_id, low, high, whole, kind, gap, width, reach, max_rate, resolution, jitter, modulus,
                  first_time, last_time, last_value, odd_time, fresh, fast)
SELECT d.id, w.low, w.high, w.whole OR s.last_time IS NULL, d.kind,
       greatest(interval '30 minutes', 3 * make_interval(secs => d.interval_seconds)), make_interval(secs => d.interval_seconds),
       greatest(interval '2 hours', 3 * make_interval(secs => d.interval_seconds)),
       d.max_rate, d.resolution, coalesce(d.jitter, d.resolution), d.modulus, s.first_time, s.last_time, s.last_value, s.odd_time, s.first_time IS NULL,
       NOT w.whole AND s.last_time IS NOT NULL AND w.low > s.last_time
       AND (d.kind <> 'counter' OR s.odd_time IS NULL
            OR w.low > s.odd_time + greatest(interval '2 hours', 3 * make_interval(secs => d.interval_seconds)))
       AND NOT EXISTS (SELECT FROM tds.decision c WHERE c.device_id = d.id AND c.undone_at IS NULL AND c.kind <> 'accept' AND c.at > s.last_time)
  FROM unnest(CAST(:devices AS integer[]), CAST(:lows AS timestamptz[]), CAST(:highs AS timestamptz[]), CAST(:wholes AS boolean[]))
       AS w (device_id, low, high, whole)
  JOIN tds.device d ON d.id = w.device_id
  LEFT JOIN tds.ledger_state s ON s.device_id = d.id;

-- name: load_appended Loads the new readings of devices whose readings were all appended, each with its neighbour before.
INSERT INTO seq (device_id, n, time, value, prev_time, prev_value, odd)
SELECT q.device_id, 0, q.time, q.value, q.prev_time, q.prev_value,
       kind = 'counter' AND (q.value - q.prev_value < -q.jitter
            OR (q.value - q.prev_value - q.resolution) * 3600 > q.max_rate * extract(epoch FROM q.time - q.prev_time))
  FROM (SELECT w.kind, w.jitter, w.resolution, w.max_rate, r.device_id, r.time, r.value,
               lag(r.time, 1, w.last_time) OVER before AS prev_time, lag(r.value, 1, w.last_value) OVER before AS prev_value
          FROM work w JOIN tds.reading r ON r.device_id = w.device_id AND r.time > w.last_time AND r.time <= w.high
         WHERE w.fast AND r.time > :low AND r.time <= :high
        WINDOW before AS (PARTITION BY r.device_id ORDER BY r.time)) q;

-- name: give_up_fast Sends devices with a pair that is not plain to the full recomputation.
WITH odd AS (
    UPDATE work SET fast = false WHERE fast AND device_id IN (SELECT device_id FROM seq WHERE odd) RETURNING device_id
)
DELETE FROM seq WHERE device_id IN (SELECT device_id FROM odd);

-- name: neighbours_before Finds, for each device asked for, its last reading at or before an instant, not looking further back than a bound.
SELECT a.device_id, max(r.time) AS time
  FROM unnest(CAST(:devices AS integer[]), CAST(:instants AS timestamptz[])) AS a (device_id, instant)
  JOIN LATERAL (SELECT time FROM tds.reading r WHERE r.device_id = a.device_id AND r.time <= a.instant AND r.time >= :bound AND r.time <= :newest
                   AND NOT EXISTS (SELECT FROM tds.decision c WHERE c.device_id = r.device_id AND c.at = r.time AND c.kind = 'ignore' AND c.undone_at IS NULL)
                 ORDER BY time DESC LIMIT 1) r ON true
 GROUP BY 1;

-- name: neighbours_after Finds, for each device asked for, its first reading at or after an instant, not looking further than a bound.
SELECT a.device_id, min(r.time) AS time
  FROM unnest(CAST(:devices AS integer[]), CAST(:instants AS timestamptz[])) AS a (device_id, instant)
  JOIN LATERAL (SELECT time FROM tds.reading r WHERE r.device_id = a.device_id AND r.time >= a.instant AND r.time <= :bound AND r.time >= :oldest
                   AND NOT EXISTS (SELECT FROM tds.decision c WHERE c.device_id = r.device_id AND c.at = r.time AND c.kind = 'ignore' AND c.undone_at IS NULL)
                 ORDER BY time LIMIT 1) r ON true
 GROUP BY 1;

-- name: set_load Says which readings a device's recomputation loads; open ends as infinity.
UPDATE work w SET load_low = l.low, load_high = l.high
  FROM unnest(CAST(:devices AS integer[]), CAST(:lows AS timestamptz[]), CAST(:highs AS timestamptz[])) AS l (device_id, low, high)
 WHERE w.device_id = l.device_id;

-- name: load_full Loads the readings of full recomputations, numbered, without the ignored ones, each with its neighbour before.
INSERT INTO seq (device_id, n, time, value, prev_time, prev_value, odd)
SELECT q.device_id, q.n, q.time, q.value, q.prev_time, q.prev_value,
       kind = 'counter' AND q.prev_time IS NOT NULL
       AND (q.value - q.prev_value < -q.jitter
            OR (q.value - q.prev_value - q.resolution) * 3600 > q.max_rate * extract(epoch FROM q.time - q.prev_time))
  FROM (SELECT w.kind, w.jitter, w.resolution, w.max_rate, r.device_id, r.time, r.value, row_number() OVER before AS n,
               lag(r.time) OVER before AS prev_time, lag(r.value) OVER before AS prev_value
          FROM work w JOIN tds.reading r ON r.device_id = w.device_id AND r.time >= w.load_low AND r.time <= w.load_high
         WHERE NOT w.fast AND w.device_id = any(CAST(:devices AS integer[])) AND r.time >= :low AND r.time <= :high
           AND NOT EXISTS (SELECT FROM tds.decision c WHERE c.device_id = r.device_id AND c.at = r.time AND c.kind = 'ignore' AND c.undone_at IS NULL)
        WINDOW before AS (PARTITION BY r.device_id ORDER BY r.time)) q;

-- name: index_seq Finds readings by number and time while runs are looked for.
CREATE INDEX IF NOT EXISTS seq_n ON seq (device_id, n);

-- name: odd_readings Gives what the search for runs of glitches asks of the readings whose pair with the one before is not plain (sql/glitches.py).
SELECT s.device_id, s.n, s.time, s.value < s.prev_value AS falls, s.value, s.value * 3600 - w.max_rate * extract(epoch FROM s.time) AS height,
       s.prev_time AS before, CASE WHEN s.value < s.prev_value THEN s.prev_value ELSE s.prev_value - w.jitter END AS floor,
       (s.prev_value + w.resolution) * 3600 - w.max_rate * extract(epoch FROM s.prev_time) AS ceiling, s.prev_time + w.reach AS until
  FROM seq s JOIN work w ON w.device_id = s.device_id
 WHERE s.odd AND NOT w.fast AND s.device_id = any(CAST(:devices AS integer[])) ORDER BY s.device_id, s.n;

-- name: replaced Gives when meters were replaced or corrected: no run of glitches goes across that.
SELECT device_id, array_agg(at ORDER BY at) AS at FROM tds.decision
 WHERE kind IN ('replacement', 'correct') AND undone_at IS NULL AND device_id = any(CAST(:devices AS integer[])) GROUP BY 1;

-- name: known_runs Gives the glitch runs that the ledger was last computed with.
SELECT e.device_id, e.since, e.at FROM tds.event e
 WHERE e.kind = 'glitch' AND e.device_id = any(CAST(:devices AS integer[])) ORDER BY e.device_id, e.since;

-- name: add_runs Keeps the runs that were chosen.
INSERT INTO run (device_id, since_n, at_n, since, at)
SELECT * FROM unnest(CAST(:devices AS integer[]), CAST(:since_ns AS integer[]), CAST(:at_ns AS integer[]),
                     CAST(:sinces AS timestamptz[]), CAST(:ats AS timestamptz[]));

-- name: detect_glitches Writes a run of glitches down as an event.
INSERT INTO detected
SELECT r.device_id, 'glitch', r.at, r.since, p.value, q.value, 0, g.readings, g.lowest, g.highest
  FROM run r
  JOIN seq p ON p.device_id = r.device_id AND p.n = r.since_n
  JOIN seq q ON q.device_id = r.device_id AND q.n = r.at_n
 CROSS JOIN LATERAL (SELECT count(*) AS readings, min(value) AS lowest, max(value) AS highest FROM seq
                      WHERE device_id = r.device_id AND n > r.since_n AND n < r.at_n) g;

-- name: bridge_runs Ties the reading that returns to the last one before the run.
UPDATE seq q SET prev_time = p.time, prev_value = p.value
  FROM run r JOIN seq p ON p.device_id = r.device_id AND p.n = r.since_n
 WHERE q.device_id = r.device_id AND q.n = r.at_n;

-- name: leave_out_runs Takes the glitches out.
DELETE FROM seq WHERE (device_id, n) IN (SELECT device_id, generate_series(since_n + 1, at_n - 1) FROM run);

-- name: set_slots Says which quarter-hours a device's recomputation rewrites: from one start (included) to another (excluded).
UPDATE work w SET slot_low = l.low, slot_high = l.high
  FROM unnest(CAST(:devices AS integer[]), CAST(:lows AS timestamptz[]), CAST(:highs AS timestamptz[])) AS l (device_id, low, high)
 WHERE w.device_id = l.device_id;

-- name: closed_ground Finds devices whose oldest readings are gone while the ledger remembers them: the first slot that may be rewritten.
-- It comes after the one of the first reading left, or of the reading that ends a run of glitches which the cut went through;
-- but what lies after the last reading that the ledger knew was never booked, and so is open.
SELECT w.device_id, coalesce(least(date_bin('15 minutes', greatest(r.first, g.at), 'epoch'), date_bin('15 minutes', w.last_time, 'epoch'))
                             + interval '15 minutes', 'infinity')::text AS floor
  FROM work w
 CROSS JOIN LATERAL (SELECT min(time) AS first FROM tds.reading WHERE device_id = w.device_id) r
  LEFT JOIN LATERAL (SELECT max(e.at) AS at FROM tds.event e
                      WHERE e.device_id = w.device_id AND e.kind = 'glitch' AND e.since < r.first AND e.at > r.first) g ON true
 WHERE NOT w.fast AND NOT w.fresh AND w.load_low = '-infinity' AND (r.first IS NULL OR w.first_time < r.first);

-- name: spread_counters Shares the increment of each accepted pair out over its quarter-hours, by cumulative rounding.
WITH decided AS MATERIALIZED (
    SELECT s.device_id, s.time, sum(c.final - c.initial) AS change, bool_or(c.kind = 'replacement') AS replaced
      FROM seq s JOIN tds.decision c ON c.device_id = s.device_id AND c.kind IN ('replacement', 'correct') AND c.undone_at IS NULL
                                    AND c.at > s.prev_time AND c.at <= s.time
     GROUP BY 1, 2
), pair AS (
    SELECT s.device_id, s.prev_time AS t0, s.time AS t1, s.prev_value AS v0, s.value AS v1, w.modulus, w.gap, d.change, d.replaced,
           CASE WHEN s.prev_time IS NULL THEN NULL
                WHEN NOT s.odd THEN 'plain'
                WHEN (s.value - s.prev_value - w.resolution) * 3600 > w.max_rate * extract(epoch FROM s.time - s.prev_time) THEN 'unresolved'
                WHEN s.value - s.prev_value >= -w.jitter THEN 'plain'
                WHEN w.modulus IS NOT NULL AND s.prev_value < w.modulus
                     AND (w.modulus - s.prev_value + s.value - w.resolution) * 3600 <= w.max_rate * extract(epoch FROM s.time - s.prev_time) THEN 'rollover'
                WHEN (s.value - w.resolution) * 3600 <= w.max_rate * extract(epoch FROM s.time - s.prev_time) THEN 'reset'
                ELSE 'unresolved' END AS rule
      FROM seq s JOIN work w ON w.device_id = s.device_id AND w.kind = 'counter'
      LEFT JOIN decided d ON d.device_id = s.device_id AND d.time = s.time
), increment AS (
    SELECT device_id, t0, t1, v0, v1, rule, change, replaced,
           CASE WHEN change IS NOT NULL THEN v1 - v0 + change
                WHEN rule = 'plain' THEN v1 - v0
                WHEN rule = 'rollover' THEN modulus - v0 + v1
                WHEN rule = 'reset' THEN v1
                WHEN rule = 'unresolved' THEN 0 END AS amount,
           rule = 'plain' AND change IS NULL AND t1 - t0 <= gap AS measured
      FROM pair
), noted AS (
    INSERT INTO detected
    SELECT device_id, CASE WHEN replaced OR rule = 'plain' THEN 'replacement' ELSE rule END, t1, t0, v0, v1, amount - (v1 - v0), 0, NULL, NULL
      FROM increment WHERE rule <> 'plain' OR change IS NOT NULL
), share AS (
    SELECT s.device_id, s.start, s.measured, s.start = date_bin('15 minutes', s.t1, 'epoch') AS holds_reading,
           least(s.t1, s.start + interval '15 minutes') - greatest(s.t0, s.start) AS part,
           CASE WHEN s.t0 IS NULL OR s.start >= s.t1 THEN NULL
                WHEN s.t0 >= s.start AND s.t1 <= s.start + interval '15 minutes' THEN s.amount
                ELSE round(s.amount * extract(epoch FROM least(s.t1, s.start + interval '15 minutes') - s.t0) / extract(epoch FROM s.t1 - s.t0), 6)
                   - round(s.amount * extract(epoch FROM greatest(s.t0, s.start) - s.t0) / extract(epoch FROM s.t1 - s.t0), 6) END AS amount
      FROM (SELECT i.*, generate_series(date_bin('15 minutes', coalesce(i.t0, i.t1), 'epoch'), i.t1, interval '15 minutes') AS start FROM increment i) s
)
INSERT INTO slot (device_id, middle, quantity, estimated, covered, readings)
SELECT device_id, start + interval '7 minutes 30 seconds', sum(amount), CASE WHEN count(amount) > 0 THEN coalesce(sum(amount) FILTER (WHERE NOT measured), 0) END,
       coalesce((extract(epoch FROM sum(part) FILTER (WHERE measured AND amount IS NOT NULL)) * 1000000)::bigint, 0),
       count(*) FILTER (WHERE holds_reading)
  FROM share GROUP BY 1, 2;

-- name: spread_intervals Books the amount of each reading on the time since the reading before, or on the declared interval where that is shorter.
WITH pair AS (
    SELECT s.device_id, greatest(s.prev_time, s.time - w.width) AS t0, s.time AS t1, s.value AS amount, true AS measured, s.prev_time IS NULL AS first
      FROM seq s JOIN work w ON w.device_id = s.device_id AND w.kind = 'interval'
    UNION ALL
    SELECT s.device_id, s.prev_time, s.time - w.width, 0, false, false
      FROM seq s JOIN work w ON w.device_id = s.device_id AND w.kind = 'interval'
     WHERE s.prev_time < s.time - w.width
), share AS (
    SELECT i.device_id, s.start, i.measured, i.measured AND s.start = date_bin('15 minutes', i.t1, 'epoch') AS holds_reading,
           least(i.t1, s.start + interval '15 minutes') - greatest(i.t0, s.start) AS part,
           CASE WHEN i.first OR s.start >= i.t1 THEN NULL
                WHEN i.t0 >= s.start AND i.t1 <= s.start + interval '15 minutes' THEN i.amount
                ELSE round(i.amount * extract(epoch FROM least(i.t1, s.start + interval '15 minutes') - i.t0) / extract(epoch FROM i.t1 - i.t0), 6)
                   - round(i.amount * extract(epoch FROM greatest(i.t0, s.start) - i.t0) / extract(epoch FROM i.t1 - i.t0), 6) END AS amount
      FROM pair i
     CROSS JOIN LATERAL generate_series(date_bin('15 minutes', CASE WHEN i.first THEN i.t1 ELSE i.t0 END, 'epoch'), i.t1, interval '15 minutes') AS s (start)
)
INSERT INTO slot (device_id, middle, quantity, estimated, covered, readings)
SELECT device_id, start + interval '7 minutes 30 seconds', sum(amount), CASE WHEN count(amount) > 0 THEN 0 END,
       coalesce((extract(epoch FROM sum(part) FILTER (WHERE measured AND amount IS NOT NULL)) * 1000000)::bigint, 0),
       count(*) FILTER (WHERE holds_reading)
  FROM share WHERE holds_reading OR amount IS NOT NULL GROUP BY 1, 2;

-- name: spread_gauges Integrates gauges over their quarter-hours, linear between readings that are at most the gap limit apart.
WITH pair AS (
    SELECT s.device_id, s.prev_time AS t0, s.time AS t1, s.prev_value AS v0, s.value AS v1, s.time - s.prev_time <= w.gap AS measured
      FROM seq s JOIN work w ON w.device_id = s.device_id AND w.kind = 'gauge'
), piece AS (
    SELECT i.*, s.start, s.start = date_bin('15 minutes', i.t1, 'epoch') AS holds_reading,
           extract(epoch FROM greatest(i.t0, s.start) - i.t0) AS a, extract(epoch FROM least(i.t1, s.start + interval '15 minutes') - i.t0) AS b,
           extract(epoch FROM i.t1 - i.t0) AS width
      FROM pair i
     CROSS JOIN LATERAL generate_series(date_bin('15 minutes', CASE WHEN i.measured THEN i.t0 ELSE i.t1 END, 'epoch'), i.t1, interval '15 minutes') AS s (start)
)
INSERT INTO slot (device_id, middle, covered, readings, value_seconds, minimum, maximum, last)
SELECT device_id, start + interval '7 minutes 30 seconds',
       coalesce(sum(((b - a) * 1000000)::bigint) FILTER (WHERE measured AND b > a), 0), count(*) FILTER (WHERE holds_reading),
       sum(round(v0 * b + (v1 - v0) * b * b / (2 * width), 6) - round(v0 * a + (v1 - v0) * a * a / (2 * width), 6)) FILTER (WHERE measured AND b > a),
       min(v1) FILTER (WHERE holds_reading), max(v1) FILTER (WHERE holds_reading),
       (array_agg(v1 ORDER BY t1 DESC) FILTER (WHERE holds_reading))[1]
  FROM piece GROUP BY 1, 2;

-- name: clip_slots Drops what lies outside the quarter-hours to be rewritten.
DELETE FROM slot s USING work w
 WHERE w.device_id = s.device_id AND NOT w.fast AND NOT w.fresh AND (s.middle < w.slot_low OR s.middle >= w.slot_high);

-- name: find_changes Compares the recomputed quarter-hours with the ledger's.
INSERT INTO changed (device_id, middle, existed, vanished)
SELECT coalesce(s.device_id, l.device_id), coalesce(s.middle, l.middle), l.device_id IS NOT NULL, s.device_id IS NULL
  FROM (SELECT s.* FROM slot s JOIN work w ON w.device_id = s.device_id AND NOT w.fast AND NOT w.fresh) s
  FULL JOIN (SELECT l.* FROM work w JOIN tds.ledger l ON l.device_id = w.device_id AND l.middle >= w.slot_low AND l.middle < w.slot_high
              WHERE NOT w.fast AND NOT w.fresh AND l.middle >= :low AND l.middle < :high) l ON l.device_id = s.device_id AND l.middle = s.middle
 WHERE s.device_id IS NULL OR l.device_id IS NULL
    OR (s.quantity, s.estimated, s.covered, s.readings, s.value_seconds, s.minimum, s.maximum, s.last)
       IS DISTINCT FROM (l.quantity, l.estimated, l.covered, l.readings, l.value_seconds, l.minimum, l.maximum, l.last);

-- name: replace_slots Writes the quarter-hours that differ.
INSERT INTO tds.ledger AS l (device_id, middle, quantity, estimated, covered, readings, value_seconds, minimum, maximum, last)
SELECT s.device_id, s.middle, s.quantity, s.estimated, s.covered, s.readings, s.value_seconds, s.minimum, s.maximum, s.last
  FROM changed c JOIN slot s ON s.device_id = c.device_id AND s.middle = c.middle
 ORDER BY s.device_id, s.middle
ON CONFLICT (device_id, middle) DO UPDATE
   SET quantity = excluded.quantity, estimated = excluded.estimated, covered = excluded.covered, readings = excluded.readings,
       value_seconds = excluded.value_seconds, minimum = excluded.minimum, maximum = excluded.maximum, last = excluded.last;

-- name: vanished Lists the quarter-hours that are no longer covered.
SELECT device_id, array_agg(middle ORDER BY middle) AS middles FROM changed WHERE vanished GROUP BY 1 ORDER BY 1;

-- name: append_slots Adds appended shares to the ledger: the quarter-hour of the last reading has a row already.
INSERT INTO tds.ledger AS l (device_id, middle, quantity, estimated, covered, readings, value_seconds, minimum, maximum, last)
SELECT s.device_id, s.middle, s.quantity, s.estimated, s.covered, s.readings, s.value_seconds, s.minimum, s.maximum, s.last
  FROM slot s JOIN work w ON w.device_id = s.device_id WHERE w.fast OR w.fresh
 ORDER BY s.device_id, s.middle
ON CONFLICT (device_id, middle) DO UPDATE
   SET quantity = CASE WHEN l.quantity IS NULL THEN excluded.quantity ELSE l.quantity + coalesce(excluded.quantity, 0) END,
       estimated = CASE WHEN l.estimated IS NULL THEN excluded.estimated ELSE l.estimated + coalesce(excluded.estimated, 0) END,
       covered = l.covered + excluded.covered, readings = l.readings + excluded.readings,
       value_seconds = CASE WHEN l.value_seconds IS NULL THEN excluded.value_seconds ELSE l.value_seconds + coalesce(excluded.value_seconds, 0) END,
       minimum = least(l.minimum, excluded.minimum), maximum = greatest(l.maximum, excluded.maximum), last = coalesce(excluded.last, l.last);

-- name: note_revised Notes the quarter-hours that changed after they were first complete.
INSERT INTO tds.revised (device_id, middle)
SELECT c.device_id, c.middle FROM changed c JOIN work w ON w.device_id = c.device_id
 WHERE c.existed AND c.middle + interval '7 minutes 30 seconds' <= w.last_time
ON CONFLICT (device_id, middle) DO UPDATE SET revised_at = excluded.revised_at;

-- name: write_events Writes detected events, keeping the number of those already known.
INSERT INTO tds.event AS e (device_id, kind, at, since, value_before, value_after, correction, readings, lowest, highest)
SELECT d.device_id, d.kind, d.at, d.since, d.value_before, d.value_after, d.correction, d.readings, d.lowest, d.highest
  FROM detected d JOIN work w ON w.device_id = d.device_id
 WHERE w.fast OR (d.at > w.slot_low AND d.since < w.slot_high)
ON CONFLICT (device_id, at, kind) DO UPDATE
   SET since = excluded.since, value_before = excluded.value_before, value_after = excluded.value_after, correction = excluded.correction,
       readings = excluded.readings, lowest = excluded.lowest, highest = excluded.highest
 WHERE (e.since, e.value_before, e.value_after, e.correction, e.readings, e.lowest, e.highest)
       IS DISTINCT FROM (excluded.since, excluded.value_before, excluded.value_after, excluded.correction, excluded.readings, excluded.lowest, excluded.highest);

-- name: drop_events Removes events that are no longer detected in the recomputed ground; one whose reading a person ignored stays on record.
DELETE FROM tds.event e USING work w
 WHERE e.device_id = w.device_id AND NOT w.fast AND e.at > w.slot_low AND e.since < w.slot_high
   AND NOT EXISTS (SELECT FROM detected d WHERE d.device_id = e.device_id AND d.at = e.at AND d.kind = e.kind)
   AND NOT EXISTS (SELECT FROM tds.decision c WHERE c.device_id = e.device_id AND c.at = e.at AND c.kind = 'ignore' AND c.undone_at IS NULL
                      AND c.event_kind = e.kind);

-- name: note_touched Says which stretch of the ledger changed, per device, for the rollups.
INSERT INTO touched (device_id, low, high)
SELECT device_id, min(middle), max(middle)
  FROM (SELECT device_id, middle FROM changed
        UNION ALL SELECT s.device_id, s.middle FROM slot s JOIN work w ON w.device_id = s.device_id WHERE w.fast OR w.fresh) t
 GROUP BY 1;

-- name: queue_refresh Queues the days that changed behind the materialised part of a rollup.
INSERT INTO tds.refresh_pending (low, high)
SELECT min(middle), max(middle)
  FROM (SELECT middle FROM changed UNION ALL SELECT s.middle FROM slot s JOIN work w ON w.device_id = s.device_id WHERE w.fast OR w.fresh) t
 WHERE middle < clock_timestamp() - interval '15 minutes'
 GROUP BY date_bin('1 day', middle, 'epoch');

-- name: save_state Remembers how far each device's ledger reaches, and that there is something new.
UPDATE tds.ledger_state s
   SET version = s.version + 1,
       first_time = least(s.first_time, q.first),
       last_time = CASE WHEN w.fast OR w.load_high = 'infinity' THEN q.last ELSE s.last_time END,
       last_value = CASE WHEN w.fast OR w.load_high = 'infinity' THEN l.value ELSE s.last_value END,
       odd_time = greatest(s.odd_time, q.odd)
  FROM work w
  LEFT JOIN (SELECT device_id, min(time) AS first, max(time) AS last, max(time) FILTER (WHERE odd) AS odd FROM seq GROUP BY 1) q
       ON q.device_id = w.device_id
  LEFT JOIN seq l ON l.device_id = q.device_id AND l.time = q.last
 WHERE s.device_id = w.device_id AND NOT (w.fast AND q.last IS NULL)
   AND (q.last IS NOT NULL OR EXISTS (SELECT FROM tds.reading r WHERE r.device_id = w.device_id));
