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
  FROM "{day}_closed" WHERE device_id = any(array(SELECT unnest(CAST(:devices AS integer[])))) AND bucket >= :start AND bucket < least(:end, CAST(:today AS timestamptz))
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
  FROM "{month}" WHERE device_id = any(array(SELECT unnest(CAST(:devices AS integer[])))) AND bucket >= :start AND bucket < least(:end, CAST(:closed AS timestamptz))
UNION ALL
SELECT device_id, (CAST(:lows AS timestamptz[]))[width_bucket(bucket, CAST(:lows AS timestamptz[]))], sum(quantity), sum(estimated), sum(covered){level_sums}, sum(readings)
  FROM (SELECT device_id, bucket, quantity, estimated, covered{levels}, readings FROM consumption_running
         WHERE device_id = any(array(SELECT unnest(CAST(:devices AS integer[])))) AND (name = :month AND until = CAST(:month_until AS timestamptz) OR name = :day AND until = CAST(:day_until AS timestamptz))
           AND bucket >= :start AND bucket < :end
        UNION ALL
        SELECT * FROM (SELECT device_id, bucket, quantity, estimated, covered{levels}, readings FROM "{day}_closed"
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

-- name: beyond What the buckets of {body}, which are quarter-hours, hold after an instant of each device's own, added up by group: of the one in which it
-- lies a part, by time; one that is still running holds what was until the newest reading.
SELECT m.number AS device_id, r.bucket, sum(round(r.quantity * p.share, 6){times}) AS quantity, sum(round(r.estimated * p.share, 6){times}) AS estimated,
       coalesce(sum(r.covered * p.share) FILTER (WHERE r.quantity IS NOT NULL), 0) AS covered,
       NULL::numeric AS value_seconds, NULL::numeric AS minimum, NULL::numeric AS maximum, 0 AS readings, count(r.quantity) AS devices
  FROM ({body}) r
  JOIN unnest(CAST(:devices AS integer[]), CAST(:groups AS integer[]), CAST(:factors AS numeric[]), CAST(:ends AS timestamptz[]), CAST(:newest AS timestamptz[])) AS m (id, number, factor, "end", newest)
    ON m.id = r.device_id AND r.bucket + interval '15 minutes' > m."end" AND r.bucket < m.newest
 CROSS JOIN LATERAL (SELECT greatest(0, least(1, 1 - extract(epoch FROM m."end" - r.bucket) / extract(epoch FROM least(m.newest - r.bucket, interval '15 minutes')))) AS share) p
 GROUP BY 1, 2 ORDER BY 1, 2;

-- name: with_totals The same with what the worker has added up of whole groups: their totals count for the number that most members stand under,
-- less the devices that stand under another one. One more row, without a number, where the totals are not, or no longer, what was asked for.
SELECT x.number AS device_id, x.bucket, CASE WHEN sum(x.devices) > 0 THEN sum(x.quantity) END AS quantity, CASE WHEN sum(x.devices) > 0 THEN sum(x.estimated) END AS estimated,
       sum(x.covered) AS covered, NULL::numeric AS value_seconds, NULL::numeric AS minimum, NULL::numeric AS maximum, sum(x.readings) AS readings,
       CAST(sum(x.devices) AS integer) AS devices
  FROM (SELECT m.number, r.bucket, m.sign * r.quantity * m.factor AS quantity, m.sign * r.estimated * m.factor AS estimated,
               CASE WHEN r.quantity IS NULL THEN 0 ELSE m.sign * r.covered END AS covered, m.sign * r.readings AS readings,
               CASE WHEN r.quantity IS NULL THEN 0 ELSE m.sign END AS devices, m.sign AS rows
          FROM ({body}) r
          JOIN unnest(CAST(:ids AS integer[]), CAST(:numbers AS integer[]), CAST(:factors AS numeric[]), CAST(:signs AS integer[])) AS m (id, number, factor, sign) ON m.id = r.device_id
        UNION ALL
        SELECT g.number, t.bucket, t.quantity * g.factor, t.estimated * g.factor, t.covered, t.readings, t.devices, t.rows
          FROM ({totals}) t
          JOIN unnest(CAST(:total_groups AS integer[]), CAST(:total_numbers AS integer[]), CAST(:total_factors AS numeric[])) AS g (id, number, factor) ON g.id = t.group_id) x
 GROUP BY 1, 2 HAVING sum(x.rows) > 0
UNION ALL
SELECT NULL, CAST(:start AS timestamptz), NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
 WHERE EXISTS ({waiting}) OR (SELECT count(*) FROM tds.total_member WHERE group_id = any(CAST(:total_groups AS integer[])) AND device_id = any(CAST(:total_members AS integer[]))) <> cardinality(CAST(:total_members AS integer[]))
    OR (SELECT count(*) FROM tds.total_member WHERE group_id = any(CAST(:total_groups AS integer[]))) <> cardinality(CAST(:total_members AS integer[]));

-- name: total_quarters What groups took together in quarter-hours.
SELECT group_id, middle - interval '7 minutes 30 seconds' AS bucket, quantity + estimated AS quantity, part AS estimated, covered, readings, devices + estimated_devices AS devices, rows
  FROM tds.total_quarter WHERE group_id = any(CAST(:total_groups AS integer[])) AND middle >= :start AND middle < :end;

-- name: total_buckets What groups took together in hours, days or months.
SELECT group_id, bucket, quantity, estimated, covered, readings, devices, rows
  FROM tds.total_bucket WHERE group_id = any(CAST(:total_groups AS integer[])) AND step = :total_step AND bucket >= :start AND bucket < :end;

-- name: waiting_quarters Quarter-hours of groups that wait to be added up, as the starts that they lie between.
SELECT low - interval '7 minutes 30 seconds' AS low, high - interval '7 minutes 30 seconds' AS high FROM tds.total_pending
 WHERE group_id = any(CAST(:total_groups AS integer[])) AND low < :end AND high > :start;

-- name: waiting_buckets The same of hours, days or months.
SELECT low, high FROM tds.total_stale
 WHERE group_id = any(CAST(:total_groups AS integer[])) AND step = :total_step AND low < :end AND high > :start;

-- name: totals_of Groups of which all members are asked for, by one factor: the number that most of them stand under, and who they are.
SELECT t.group_id, mode() WITHIN GROUP (ORDER BY m.number) AS number, min(m.factor) AS factor, array_agg(t.device_id) AS members
  FROM tds.total_member t JOIN tds.total_group g ON g.id = t.group_id
  LEFT JOIN unnest(CAST(:devices AS integer[]), CAST(:numbers AS integer[]), CAST(:factors AS numeric[])) AS m (id, number, factor) ON m.id = t.device_id
 WHERE CAST(:zone AS text) IS NULL OR g.zone = :zone
 GROUP BY 1 HAVING count(*) = count(m.id) AND min(m.factor) = max(m.factor);

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
