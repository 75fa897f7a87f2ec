-- Consumption by local day of the given zone, straight from the ledger. One body for both engines.
SELECT device_id,
       time_bucket(interval '1 day', middle, :'zone') AS bucket,
       sum(quantity) AS quantity,
       sum(estimated) AS estimated,
       sum(covered) AS covered,
       sum(readings) AS readings,
       max(quantity) FILTER (WHERE estimated = 0) AS largest,
       sum(value_seconds) AS value_seconds,
       min(minimum) AS minimum,
       max(maximum) AS maximum
  FROM tds.ledger
