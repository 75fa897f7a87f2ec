-- Consumption of devices by bucket. The devices are hidden from the planner behind a subquery: of a long list it would
-- estimate each one, in every chunk, which takes longer than the statement itself.
-- Without an order of their own: some are summed up again, and then without {levels}, which are of gauges and never are.
-- Of months it is by their starts which one a day lies in: date_trunc in a zone, day by day and hour by hour, took half the time.
-- The names without schema are the owner's tables or, for the web login, its account's views.

-- name: by_quarter Quarter-hours, from the ledger.
SELECT device_id, middle - interval '7 minutes 30 seconds' AS bucket, quantity, estimated, covered{levels}, readings
  FROM ledger WHERE device_id = any(array(SELECT unnest(CAST(:devices AS integer[])))) AND middle >= :start AND middle < :end;

-- name: by_hour Local hours where they are UTC hours.
SELECT device_id, bucket, quantity, estimated, covered{levels}, readings
  FROM consumption_hour WHERE device_id = any(array(SELECT unnest(CAST(:devices AS integer[])))) AND bucket >= :start AND bucket < :end;

-- name: by_day Local days: closed ones from the zone's rollup, of the running one what is kept of it, the rest from {today}, which is far less than the ledger.
SELECT device_id, bucket, quantity, estimated, covered{levels}, readings
  FROM {day}_closed WHERE device_id = any(array(SELECT unnest(CAST(:devices AS integer[])))) AND bucket >= :start AND bucket < least(:end, CAST(:today AS timestamptz))
UNION ALL
SELECT device_id, (CAST(:lows AS timestamptz[]))[width_bucket(bucket, CAST(:lows AS timestamptz[]))], sum(quantity), sum(estimated), sum(covered){level_sums}, sum(readings)
  FROM (SELECT device_id, bucket, quantity, estimated, covered{levels}, readings FROM consumption_running
         WHERE device_id = any(array(SELECT unnest(CAST(:devices AS integer[])))) AND name = :day AND until = CAST(:day_until AS timestamptz) AND bucket >= :start AND bucket < :end
        UNION ALL
        SELECT device_id, {moment}, quantity, estimated, covered{levels}, readings FROM {today}
         WHERE device_id = any(array(SELECT unnest(CAST(:devices AS integer[])))) AND {moment} >= greatest(:start, CAST(:rest AS timestamptz)) AND {moment} < :end) p
 GROUP BY 1, 2;

-- name: by_month Local months: closed ones from the month rollup, the rest from what is kept of the running one, from closed days since, and today as by_day does.
SELECT device_id, bucket, quantity, estimated, covered{levels}, readings
  FROM {month} WHERE device_id = any(array(SELECT unnest(CAST(:devices AS integer[])))) AND bucket >= :start AND bucket < least(:end, CAST(:closed AS timestamptz))
UNION ALL
SELECT device_id, (CAST(:lows AS timestamptz[]))[width_bucket(bucket, CAST(:lows AS timestamptz[]))], sum(quantity), sum(estimated), sum(covered){level_sums}, sum(readings)
  FROM (SELECT device_id, bucket, quantity, estimated, covered{levels}, readings FROM consumption_running
         WHERE device_id = any(array(SELECT unnest(CAST(:devices AS integer[])))) AND (name = :month AND until = CAST(:month_until AS timestamptz) OR name = :day AND until = CAST(:day_until AS timestamptz))
           AND bucket >= :start AND bucket < :end
        UNION ALL
        SELECT * FROM (SELECT device_id, bucket, quantity, estimated, covered{levels}, readings FROM {day}_closed
                        WHERE device_id = any(array(SELECT unnest(CAST(:devices AS integer[])))) AND bucket >= greatest(:start, CAST(:days AS timestamptz))
                          AND bucket < least(:end, CAST(:today AS timestamptz))) d
        UNION ALL
        SELECT device_id, {moment}, quantity, estimated, covered{levels}, readings FROM {today}
         WHERE device_id = any(array(SELECT unnest(CAST(:devices AS integer[])))) AND {moment} >= greatest(:start, CAST(:rest AS timestamptz)) AND {moment} < :end) p
 GROUP BY 1, 2;

-- name: by_edges Any buckets at all, given by their starts, straight from the ledger.
SELECT device_id, (CAST(:lows AS timestamptz[]))[width_bucket(middle, CAST(:lows AS timestamptz[]))] AS bucket, sum(quantity) AS quantity, sum(estimated) AS estimated,
       sum(covered) AS covered{level_sums}, sum(readings) AS readings
  FROM ledger WHERE device_id = any(array(SELECT unnest(CAST(:devices AS integer[])))) AND middle >= :start AND middle < :end
 GROUP BY 1, 2;

-- name: grouped The buckets of {body} added up by group: of coverage, that of the devices that have any consumption there.
SELECT m.number AS device_id, r.bucket, sum(r.quantity{times}) AS quantity, sum(r.estimated{times}) AS estimated,
       coalesce(sum(r.covered) FILTER (WHERE r.quantity IS NOT NULL), 0) AS covered,
       NULL::numeric AS value_seconds, NULL::numeric AS minimum, NULL::numeric AS maximum, sum(r.readings) AS readings, count(r.quantity) AS devices
  FROM ({body}) r
  JOIN unnest(CAST(:devices AS integer[]), CAST(:groups AS integer[]), CAST(:factors AS numeric[])) AS m (id, number, factor) ON m.id = r.device_id
 GROUP BY 1, 2 ORDER BY 1, 2;

-- name: largest The groups of each chart that consumed most in the buckets of {body}, each with its first bucket.
SELECT number AS device_id, bucket
  FROM (SELECT m.number, min(r.bucket) AS bucket, row_number() OVER (PARTITION BY m.chart ORDER BY sum(r.quantity{times}) DESC NULLS LAST, m.number) AS place
          FROM ({body}) r
          JOIN unnest(CAST(:devices AS integer[]), CAST(:groups AS integer[]), CAST(:charts AS integer[]), CAST(:factors AS numeric[])) AS m (id, number, chart, factor) ON m.id = r.device_id
         GROUP BY m.chart, m.number) k
 WHERE place <= :most;

-- name: ranked The buckets of {body} added up by group: of each chart the groups that consumed most, the rest as the chart's negative number.
WITH m AS MATERIALIZED (
    SELECT * FROM unnest(CAST(:devices AS integer[]), CAST(:groups AS integer[]), CAST(:charts AS integer[]), CAST(:factors AS numeric[])) AS m (id, number, chart, factor)
), r AS MATERIALIZED (
    {body}
), k AS (
    SELECT m.number, row_number() OVER (PARTITION BY m.chart ORDER BY sum(r.quantity{times}) DESC NULLS LAST, m.number) <= :most AS own
      FROM r JOIN m ON m.id = r.device_id GROUP BY m.chart, m.number
)
SELECT CASE WHEN k.own THEN m.number ELSE -m.chart END AS device_id, r.bucket, sum(r.quantity{times}) AS quantity, sum(r.estimated{times}) AS estimated,
       coalesce(sum(r.covered) FILTER (WHERE r.quantity IS NOT NULL), 0) AS covered,
       NULL::numeric AS value_seconds, NULL::numeric AS minimum, NULL::numeric AS maximum, sum(r.readings) AS readings, count(r.quantity) AS devices
  FROM r JOIN m ON m.id = r.device_id JOIN k ON k.number = m.number
 GROUP BY 1, 2 ORDER BY 1, 2;

-- name: altogether The buckets of {body} added up by group, over all of them.
SELECT m.number AS device_id, min(r.bucket) AS bucket, sum(r.quantity{times}) AS quantity, sum(r.estimated{times}) AS estimated, count(DISTINCT r.device_id) FILTER (WHERE r.quantity IS NOT NULL) AS devices
  FROM ({body}) r
  JOIN unnest(CAST(:devices AS integer[]), CAST(:groups AS integer[]), CAST(:factors AS numeric[])) AS m (id, number, factor) ON m.id = r.device_id
 GROUP BY 1;

-- name: device_name The gateway's MAC and the code of one device.
SELECT g.mac, d.code FROM tds.device d JOIN tds.gateway g ON g.id = d.gateway_id WHERE d.id = :device;
