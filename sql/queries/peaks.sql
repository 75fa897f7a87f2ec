-- Maximum demand: the largest quarter-hours of devices, alone and together. Only measured quarter-hours count.
-- The rollups' column `largest` is the largest measured quarter-hour of a device within a bucket: added up over devices it is
-- never less than what they took together in any quarter-hour of that bucket. Devices are hidden from the planner, see consumption.sql.

-- name: alone  What each device took at most: added up by month, without a device; and the largest of each device with its first month.
WITH r AS MATERIALIZED (
    SELECT * FROM ({body}) b WHERE largest IS NOT NULL
), own AS (
    SELECT device_id, max(largest) AS largest FROM r WHERE bucket >= :first AND bucket < :last GROUP BY 1
)
SELECT NULL AS device_id, r.bucket, sum(r.largest * g.factor) AS largest
  FROM r JOIN unnest(CAST(:devices AS integer[]), CAST(:factors AS numeric[])) AS g (id, factor) ON g.id = r.device_id
 GROUP BY r.bucket
UNION ALL
SELECT device_id, min(r.bucket), largest FROM r JOIN own USING (device_id, largest) WHERE r.bucket >= :first AND r.bucket < :last GROUP BY 1, 3;

-- name: months  The largest quarter-hour of each device and local month: from closed months, what is kept of the running ones, closed days since, and {today}.
SELECT device_id, bucket, largest
  FROM "{month}" WHERE device_id = any(array(SELECT unnest(CAST(:devices AS integer[])))) AND bucket >= :start AND bucket < least(:end, CAST(:closed AS timestamptz))
UNION ALL
SELECT device_id, (CAST(:lows AS timestamptz[]))[width_bucket(bucket, CAST(:lows AS timestamptz[]))], max(largest)
  FROM (SELECT device_id, bucket, largest FROM consumption_running
         WHERE device_id = any(array(SELECT unnest(CAST(:devices AS integer[])))) AND (name = :month AND until = CAST(:month_until AS timestamptz) OR name = :day AND until = CAST(:day_until AS timestamptz))
           AND bucket >= :start AND bucket < :end
        UNION ALL
        SELECT * FROM (SELECT device_id, bucket, largest FROM "{day}_closed"
                        WHERE device_id = any(array(SELECT unnest(CAST(:devices AS integer[])))) AND bucket >= greatest(:start, CAST(:days AS timestamptz)) AND bucket < least(:end, CAST(:today AS timestamptz))) d
        UNION ALL
        SELECT device_id, {moment}, {largest} FROM {today}
         WHERE device_id = any(array(SELECT unnest(CAST(:devices AS integer[])))) AND {moment} >= greatest(:start, CAST(:rest AS timestamptz)) AND {moment} < :end) p
 GROUP BY 1, 2;

-- name: months_of_ledger  The same straight from the ledger, by the starts of the months, where a zone has no rollups yet.
SELECT device_id, (CAST(:lows AS timestamptz[]))[width_bucket(middle, CAST(:lows AS timestamptz[]))] AS bucket, max(quantity) FILTER (WHERE estimated = 0) AS largest
  FROM ledger WHERE device_id = any(array(SELECT unnest(CAST(:devices AS integer[])))) AND middle >= :start AND middle < :end
 GROUP BY 1, 2;

-- name: totals  The largest quarter-hours of each of some periods, by the totals that are kept; what waits for its totals, and one empty line.
-- Nothing at all where there are no totals of just these devices: of every group that one of them is in, all must be asked for, by one factor.
WITH member AS MATERIALIZED (
    SELECT m.group_id, count(*) AS members, count(g.id) AS asked, min(g.factor) AS factor, max(g.factor) AS other
      FROM tds.total_member m LEFT JOIN unnest(CAST(:devices AS integer[]), CAST(:factors AS numeric[])) AS g (id, factor) ON g.id = m.device_id
     GROUP BY 1
), own AS MATERIALIZED (
    SELECT group_id, factor FROM member
     WHERE members = asked AND factor = other AND (SELECT sum(asked) FROM member WHERE members = asked AND factor = other) = cardinality(CAST(:devices AS integer[]))
), waiting AS MATERIALIZED (
    SELECT lower(w.stretch) AS low, upper(w.stretch) AS high
      FROM (SELECT unnest(range_agg(tstzrange(low, high))) AS stretch FROM tds.total_pending
             WHERE group_id IN (SELECT group_id FROM own) AND low < :end AND high > :start) w
)
SELECT low, high, NULL::timestamptz AS start, NULL::numeric AS quantity, NULL::numeric AS estimated, NULL::bigint AS estimated_devices FROM waiting
UNION ALL
SELECT NULL, NULL, NULL, NULL, NULL, NULL WHERE EXISTS (SELECT FROM own)
UNION ALL
SELECT NULL, NULL, q.middle - interval '7 minutes 30 seconds', q.quantity, q.estimated, q.estimated_devices
  FROM unnest(CAST(:lows AS timestamptz[]), CAST(:highs AS timestamptz[])) AS p (low, high)
 CROSS JOIN LATERAL (
       SELECT t.middle, t.quantity * o.factor AS quantity, t.estimated * o.factor AS estimated, t.estimated_devices
         FROM (SELECT * FROM own WHERE (SELECT count(*) FROM own) = 1) o
        CROSS JOIN LATERAL (SELECT middle, quantity, estimated, estimated_devices FROM tds.total_quarter t
               WHERE t.group_id = o.group_id AND t.middle >= p.low AND t.middle < p.high AND t.devices > 0
                 AND (NOT EXISTS (SELECT FROM waiting) OR NOT EXISTS (SELECT FROM waiting w WHERE t.middle >= w.low AND t.middle < w.high))
               ORDER BY quantity DESC, middle LIMIT :most) t
       UNION ALL
       (SELECT t.middle, sum(t.quantity * o.factor) AS quantity, sum(t.estimated * o.factor) AS estimated, sum(t.estimated_devices) AS estimated_devices
          FROM (SELECT * FROM own WHERE (SELECT count(*) FROM own) > 1) o JOIN tds.total_quarter t ON t.group_id = o.group_id
         WHERE t.middle >= p.low AND t.middle < p.high AND NOT EXISTS (SELECT FROM waiting w WHERE t.middle >= w.low AND t.middle < w.high)
         GROUP BY 1 HAVING sum(t.devices) > 0 ORDER BY 2 DESC, 1 LIMIT :most)) q;

-- name: days  What devices took together in no quarter-hour of a local day more than.
SELECT d.bucket, sum(greatest(d.largest, 0) * g.factor) AS bound
  FROM (SELECT device_id, bucket, largest FROM "{day}"
         WHERE device_id = any(array(SELECT unnest(CAST(:devices AS integer[])))) AND bucket >= :start AND bucket < :end) d
  JOIN unnest(CAST(:devices AS integer[]), CAST(:factors AS numeric[])) AS g (id, factor) ON g.id = d.device_id
 WHERE d.largest IS NOT NULL
 GROUP BY 1;

-- name: hours  The same of the hours of some periods.
SELECT h.bucket, h.bound
  FROM unnest(CAST(:lows AS timestamptz[]), CAST(:highs AS timestamptz[])) AS p (low, high)
 CROSS JOIN LATERAL (
       SELECT r.bucket, sum(greatest(r.largest, 0) * g.factor) AS bound
         FROM (SELECT device_id, bucket, largest FROM consumption_hour
                WHERE device_id = any(array(SELECT unnest(CAST(:devices AS integer[])))) AND bucket >= p.low AND bucket < p.high) r
         JOIN unnest(CAST(:devices AS integer[]), CAST(:factors AS numeric[])) AS g (id, factor) ON g.id = r.device_id
        WHERE r.largest IS NOT NULL
        GROUP BY 1) h;

-- name: quarters  What devices took together in the quarter-hours of some periods: measured, and beside it what is estimated.
SELECT q.middle - interval '7 minutes 30 seconds' AS start, q.quantity, q.estimated, q.estimated_devices
  FROM unnest(CAST(:lows AS timestamptz[]), CAST(:highs AS timestamptz[])) AS p (low, high)
 CROSS JOIN LATERAL (
       SELECT l.middle, sum(l.quantity * g.factor) FILTER (WHERE l.estimated = 0) AS quantity, coalesce(sum(l.quantity * g.factor) FILTER (WHERE l.estimated <> 0), 0) AS estimated,
              count(*) FILTER (WHERE l.estimated <> 0) AS estimated_devices
         FROM (SELECT device_id, middle, quantity, estimated FROM ledger
                WHERE device_id = any(array(SELECT unnest(CAST(:devices AS integer[])))) AND middle >= p.low AND middle < p.high) l
         JOIN unnest(CAST(:devices AS integer[]), CAST(:factors AS numeric[])) AS g (id, factor) ON g.id = l.device_id
        WHERE l.quantity IS NOT NULL
        GROUP BY 1) q
 WHERE q.quantity IS NOT NULL;

-- name: parts  What each device took in some quarter-hours.
SELECT middle - interval '7 minutes 30 seconds' AS start, device_id, quantity, estimated = 0 AS measured
  FROM ledger
 WHERE device_id = any(array(SELECT unnest(CAST(:devices AS integer[])))) AND middle = any(array(SELECT unnest(CAST(:middles AS timestamptz[]))))
   AND middle >= :low AND middle <= :high AND quantity IS NOT NULL;

-- name: moments  When each device first reached its largest quarter-hour of a period.
SELECT w.id AS device_id, q.middle - interval '7 minutes 30 seconds' AS start
  FROM unnest(CAST(:devices AS integer[]), CAST(:largest AS numeric[]), CAST(:lows AS timestamptz[]), CAST(:highs AS timestamptz[])) AS w (id, largest, low, high)
 CROSS JOIN LATERAL (SELECT bucket FROM consumption_hour
                      WHERE device_id = w.id AND bucket >= w.low AND bucket < w.high AND consumption_hour.largest = w.largest ORDER BY bucket LIMIT 1) h
 CROSS JOIN LATERAL (SELECT middle FROM ledger WHERE device_id = w.id AND middle >= greatest(h.bucket, w.low) AND middle < least(h.bucket + interval '1 hour', w.high)
                        AND quantity = w.largest AND estimated = 0 ORDER BY middle LIMIT 1) q;
