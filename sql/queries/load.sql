-- How a device's consumption, or a gauge's level, lies over the hours of day and week. {hours} is one of the two sources below.
-- An hour counts as measured where all of it is: neither spread over a gap nor cut by the first or last reading.

-- name: hours_of_rollup  Local hours where they are UTC hours.
SELECT bucket AT TIME ZONE :zone AS wall, quantity, estimated, covered, readings, value_seconds
  FROM consumption_hour WHERE device_id = :device AND bucket >= :start AND bucket < :end;

-- name: hours_of_ledger  Any local hours, from their quarter-hours.
SELECT date_trunc('hour', middle, :zone) AT TIME ZONE :zone AS wall, sum(quantity) AS quantity, sum(estimated) AS estimated, sum(covered) AS covered,
       sum(readings) AS readings, sum(value_seconds) AS value_seconds
  FROM ledger WHERE device_id = :device AND middle >= :start AND middle < :end
 GROUP BY date_trunc('hour', middle, :zone);

-- name: hour  Each hour with its value: what was consumed, or the mean level.
SELECT wall, extract(isodow FROM wall)::integer AS weekday, extract(isodow FROM wall) >= 6 AS weekend, extract(hour FROM wall)::integer AS hour,
       extract(hour FROM wall) >= 22 OR extract(hour FROM wall) < 6 AS night, quantity, readings,
       CASE WHEN CAST(:gauge AS boolean) THEN value_seconds * 1000000 / nullif(covered, 0) ELSE quantity END AS value,
       covered >= 3600000000 AND (CAST(:gauge AS boolean) OR estimated = 0) AS measured
  FROM ({hours}) h;

-- name: profile  The mean of each hour of the week, and of each hour of working days and weekends with the tenth and ninetieth percentile.
SELECT weekday, weekend, hour, count(*) AS hours, round(avg(value), 6) AS mean,
       round(percentile_disc(0.1) WITHIN GROUP (ORDER BY value), 6) AS low, round(percentile_disc(0.9) WITHIN GROUP (ORDER BY value), 6) AS high
  FROM ({hour}) h WHERE measured AND value IS NOT NULL
 GROUP BY GROUPING SETS ((weekday, hour), (weekend, hour))
 ORDER BY weekday, weekend, hour;

-- name: base  What is consumed at night, at weekends and around the clock, beside all that is consumed.
-- A night is from 22 to 6 o'clock; what never rests is, of each whole day, the mean of its four lowest hours.
WITH hour AS (
    SELECT wall, quantity, value, measured, night, weekend,
           row_number() OVER (PARTITION BY wall::date ORDER BY value) AS place
      FROM ({hour}) h WHERE quantity IS NOT NULL
), day AS (
    SELECT count(*) AS hours, sum(value) AS quantity, avg(value) FILTER (WHERE place <= 4) * count(*) AS base
      FROM hour GROUP BY wall::date HAVING bool_and(measured) AND count(*) >= 23
)
SELECT sum(quantity) AS quantity, count(*) FILTER (WHERE measured) AS measured, count(*) AS hours,
       sum(quantity) FILTER (WHERE night) AS night, round(avg(value) FILTER (WHERE night AND measured), 6) AS night_level,
       sum(quantity) FILTER (WHERE weekend) AS weekend, round(avg(value) FILTER (WHERE weekend AND measured), 6) AS weekend_level,
       round(avg(value) FILTER (WHERE NOT weekend AND measured), 6) AS weekday_level,
       (SELECT count(*) FROM day) AS days, (SELECT sum(quantity) FROM day) AS days_quantity, (SELECT round(sum(base), 6) FROM day) AS always,
       (SELECT round(sum(base) / sum(hours), 6) FROM day) AS always_level
  FROM hour;

-- name: nights  The least flow within an hour of each whole night, by the evening on which it began; only where every hour has a reading of its own.
SELECT (wall - interval '6 hours')::date AS evening, min(value) AS least, sum(value) AS quantity
  FROM ({hour}) h WHERE night
 GROUP BY 1 HAVING bool_and(measured AND readings > 0) AND count(*) >= 7
 ORDER BY 1;

-- name: duration  How high the quarter-hours stood for which share of the time: the value that each of the shares reached or passed.
SELECT count(*) AS quarters, percentile_disc(CAST(:shares AS float8[])) WITHIN GROUP (ORDER BY value DESC) AS levels
  FROM (SELECT CASE WHEN CAST(:gauge AS boolean) THEN value_seconds * 1000000 / covered ELSE quantity * 4 END AS value
          FROM ledger WHERE device_id = :device AND middle >= :start AND middle < :end
           AND covered >= 900000000 AND (CAST(:gauge AS boolean) OR estimated = 0)) q
 WHERE value IS NOT NULL;
