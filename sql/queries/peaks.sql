-- Maximum demand: the largest quarter-hours of devices, alone and together. Only measured quarter-hours count.
-- The rollups' column `largest` is the largest measured quarter-hour of a device within a bucket: added up over devices it is
-- never less than what they took together in any quarter-hour of that bucket. Devices are hidden from the planner, see consumption.sql.

-- name: months  The largest quarter-hour of each device and local month: closed ones from the month rollup, the rest from days, and today from {today}.
SELECT device_id, bucket, largest
  FROM {month} WHERE device_id = any(array(SELECT unnest(CAST(:devices AS integer[])))) AND bucket >= :start AND bucket < least(:end, CAST(:closed AS timestamptz))
UNION ALL
SELECT device_id, date_trunc('month', bucket, :zone), max(largest)
  FROM (SELECT device_id, bucket, largest FROM {day}_closed
         WHERE device_id = any(array(SELECT unnest(CAST(:devices AS integer[])))) AND bucket >= greatest(:start, CAST(:closed AS timestamptz))
           AND bucket < least(:end, CAST(:until AS timestamptz))
        UNION ALL
        SELECT device_id, {moment}, {largest} FROM {today}
         WHERE device_id = any(array(SELECT unnest(CAST(:devices AS integer[])))) AND {moment} >= greatest(:start, CAST(:until AS timestamptz)) AND {moment} < :end) p
 GROUP BY 1, 2;

-- name: months_of_ledger  The same straight from the ledger, by the starts of the months, where a zone has no rollups yet.
SELECT device_id, (CAST(:lows AS timestamptz[]))[width_bucket(middle, CAST(:lows AS timestamptz[]))] AS bucket, max(quantity) FILTER (WHERE estimated = 0) AS largest
  FROM ledger WHERE device_id = any(array(SELECT unnest(CAST(:devices AS integer[])))) AND middle >= :start AND middle < :end
 GROUP BY 1, 2;

-- name: days  What devices took together in no quarter-hour of a local day more than.
SELECT d.bucket, sum(greatest(d.largest, 0) * g.factor) AS bound
  FROM (SELECT device_id, bucket, largest FROM {day}
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
SELECT q.middle - interval '7 minutes 30 seconds' AS start, q.quantity, q.estimated, q.devices, q.estimated_devices
  FROM unnest(CAST(:lows AS timestamptz[]), CAST(:highs AS timestamptz[])) AS p (low, high)
 CROSS JOIN LATERAL (
       SELECT l.middle, sum(l.quantity * g.factor) FILTER (WHERE l.estimated = 0) AS quantity, coalesce(sum(l.quantity * g.factor) FILTER (WHERE l.estimated <> 0), 0) AS estimated,
              count(*) FILTER (WHERE l.estimated = 0) AS devices, count(*) FILTER (WHERE l.estimated <> 0) AS estimated_devices
         FROM (SELECT device_id, middle, quantity, estimated FROM ledger
                WHERE device_id = any(array(SELECT unnest(CAST(:devices AS integer[])))) AND middle >= p.low AND middle < p.high) l
         JOIN unnest(CAST(:devices AS integer[]), CAST(:factors AS numeric[])) AS g (id, factor) ON g.id = l.device_id
        WHERE l.quantity IS NOT NULL
        GROUP BY 1) q
 WHERE q.quantity IS NOT NULL;

-- name: shares  What each device took in some quarter-hours, the most first.
SELECT l.middle - interval '7 minutes 30 seconds' AS start, l.device_id, l.quantity * g.factor AS quantity, l.estimated = 0 AS measured
  FROM (SELECT device_id, middle, quantity, estimated FROM ledger
         WHERE device_id = any(array(SELECT unnest(CAST(:devices AS integer[])))) AND middle = any(array(SELECT unnest(CAST(:middles AS timestamptz[]))))
           AND middle >= :low AND middle <= :high) l
  JOIN unnest(CAST(:devices AS integer[]), CAST(:factors AS numeric[])) AS g (id, factor) ON g.id = l.device_id
 WHERE l.quantity IS NOT NULL
 ORDER BY 1, 3 DESC, 2;

-- name: moments  When each device first reached its largest quarter-hour of a period.
SELECT w.id AS device_id, q.middle - interval '7 minutes 30 seconds' AS start
  FROM unnest(CAST(:devices AS integer[]), CAST(:largest AS numeric[]), CAST(:lows AS timestamptz[]), CAST(:highs AS timestamptz[])) AS w (id, largest, low, high)
 CROSS JOIN LATERAL (SELECT bucket FROM consumption_hour
                      WHERE device_id = w.id AND bucket >= w.low AND bucket < w.high AND consumption_hour.largest = w.largest ORDER BY bucket LIMIT 1) h
 CROSS JOIN LATERAL (SELECT middle FROM ledger WHERE device_id = w.id AND middle >= greatest(h.bucket, w.low) AND middle < least(h.bucket + interval '1 hour', w.high)
                        AND quantity = w.largest AND estimated = 0 ORDER BY middle LIMIT 1) q;
