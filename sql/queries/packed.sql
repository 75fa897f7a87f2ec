-- Quarter-hours that are packed into one number a device and day, see sql/rollups/quarters.sql. Devices are hidden from the planner, see consumption.sql.

-- name: until  Before which instant everything is packed.
SELECT least(refreshed_until, '9000-01-01') FROM tds.rollup WHERE name = 'consumption_quarters' AND refreshed_until > '-infinity';

-- name: sums  What devices took together, day by day: shifted so that nothing is below zero; and what the quarter-hours cannot be above.
SELECT bucket, CAST(trunc(coalesce(sum(measured), 0) * 1000000 + CAST(:offset AS numeric)) AS text) AS measured,
       CAST(trunc(sum(unmeasured) * 1000000) AS text) AS unmeasured, max(bound) * count(*) AS bound
  FROM consumption_quarters
 WHERE device_id = any(array(SELECT unnest(CAST(:devices AS integer[])))) AND bucket >= :low AND bucket < :high
 GROUP BY bucket;

-- name: parts  What each device took in some quarter-hours, by their days and their places within them; what is not measured with a count of it.
-- A row for each quarter-hour: ten thousand rows of one device each would take as long to be handed over as to be cut out.
SELECT w.place, bool_or(q.bound >= CAST(:most AS double precision)) AS odd, array_agg(q.device_id) AS devices,
       array_agg(round((round(q.measured, 6 - 14 * w.slot) - round(q.measured, -8 - 14 * w.slot)) * CAST('1e-' || 14 * w.slot AS numeric), 6)) AS measured,
       array_agg(round((trunc(q.unmeasured, 6 - 20 * w.slot) - trunc(q.unmeasured, -14 - 20 * w.slot)) * CAST('1e-' || 20 * w.slot AS numeric), 6)) AS unmeasured
  FROM (SELECT device_id, bucket, measured, unmeasured, bound FROM consumption_quarters
         WHERE device_id = any(array(SELECT unnest(CAST(:devices AS integer[])))) AND bucket = any(array(SELECT unnest(CAST(:buckets AS timestamptz[]))))
           AND bucket >= :low AND bucket <= :high) q
  JOIN unnest(CAST(:buckets AS timestamptz[]), CAST(:slots AS integer[])) WITH ORDINALITY AS w (bucket, slot, place) ON w.bucket = q.bucket
 GROUP BY 1;

-- name: reached  The days in which devices may have reached an amount, from the first that reaches into a period on.
SELECT w.id AS device_id, q.bucket, q.bound, CAST(trunc(coalesce(q.measured, 0) * 1000000 + CAST(:offset AS numeric)) AS text) AS measured
  FROM (SELECT device_id, bucket, bound, measured FROM consumption_quarters
         WHERE device_id = any(array(SELECT unnest(CAST(:devices AS integer[])))) AND bucket > :low AND bucket < :high) q
  JOIN unnest(CAST(:devices AS integer[]), CAST(:largest AS numeric[]), CAST(:lows AS timestamptz[]), CAST(:highs AS timestamptz[])) AS w (id, largest, low, high)
       ON w.id = q.device_id
 WHERE q.bucket > w.low - interval '1 day' AND q.bucket < w.high AND q.bound >= CAST(w.largest AS double precision)
 ORDER BY 1, 2;
