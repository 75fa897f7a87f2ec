-- Consumption by local month of the given zone, from the local days of the same zone. One body for both engines.
SELECT device_id,
       time_bucket(interval '1 month', bucket, :'zone') AS bucket,
       sum(quantity) AS quantity,
       sum(estimated) AS estimated,
       sum(covered) AS covered,
       sum(readings) AS readings,
       max(largest) AS largest,
       sum(value_seconds) AS value_seconds,
       min(minimum) AS minimum,
       max(maximum) AS maximum
  FROM tds.:"day"
