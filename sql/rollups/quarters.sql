-- What each device took in every quarter-hour of a UTC day, packed into one number each: the sum of numbers adds all their quarter-hours up at once.
-- The powers of ten in it (sql/rollups.py) shift the amount of each quarter-hour to its place. What is not measured is counted as well.
SELECT device_id,
       time_bucket(interval '1 day', middle) AS bucket,
       sum(quantity * (CAST(:'lanes' AS numeric[]))[1 + mod(CAST(date_part('epoch', middle - timestamptz '2000-01-01 00:00+00') AS bigint) / 900, 96)])
           FILTER (WHERE estimated = 0) AS measured,
       sum((quantity + 1e8) * (CAST(:'wide_lanes' AS numeric[]))[1 + mod(CAST(date_part('epoch', middle - timestamptz '2000-01-01 00:00+00') AS bigint) / 900, 96)])
           FILTER (WHERE estimated <> 0) AS unmeasured,
       max(abs(CAST(quantity AS double precision))) AS bound
  FROM tds.ledger
