-- How the worker keeps tds.band_day, tds.band_month and tds.demand_day: from the ledger alone, for the days that were touched.

-- name: share_lock Whoever changes a tariff waits until this batch has ended, so that it misses nothing of it.
SELECT pg_advisory_xact_lock_shared(7245121)

-- name: has_bands Whether any tariff needs more than the day's consumption.
SELECT EXISTS (SELECT FROM tds.tariff t WHERE tds.is_banded(t))

-- name: queue_bands Queues the local days that a batch touched, of devices whose price depends on the time of day.
INSERT INTO tds.band_pending (device_id, low, high)
SELECT t.device_id, (t.low AT TIME ZONE a.timezone)::date, (t.high AT TIME ZONE a.timezone)::date
  FROM touched t JOIN tds.device d ON d.id = t.device_id JOIN tds.account a ON a.id = d.account_id
 WHERE EXISTS (SELECT FROM tds.tariff f WHERE f.account_id = d.account_id AND f.resource = d.resource AND f.schedule IS NOT NULL
                  AND f.valid_from <= (t.high AT TIME ZONE a.timezone)::date)

-- name: queue_demand Queues the local days that a batch touched, of accounts that pay for their largest quarter-hour.
INSERT INTO tds.demand_pending (account_id, low, high)
SELECT q.id, lower(q.days), upper(q.days) - 1
  FROM (SELECT a.id, unnest(range_agg(daterange((t.low AT TIME ZONE a.timezone)::date, (t.high AT TIME ZONE a.timezone)::date, '[]'))) AS days
          FROM touched t JOIN tds.device d ON d.id = t.device_id AND d.resource = 'electricity' JOIN tds.account a ON a.id = d.account_id
         WHERE EXISTS (SELECT FROM tds.tariff f WHERE f.account_id = a.id AND f.demand_price > 0
                          AND f.valid_from <= (t.high AT TIME ZONE a.timezone)::date)
         GROUP BY a.id) q

-- name: waits Whether anything waits at all.
SELECT EXISTS (SELECT FROM tds.band_pending) OR EXISTS (SELECT FROM tds.demand_pending)

-- name: one_at_work Lets one worker at a time do this.
SELECT pg_try_advisory_xact_lock(7245122)

-- name: wait_for_work Waits until nobody else does.
SELECT pg_advisory_xact_lock(7245122)

-- name: next_devices Gives the account and resource of what has waited longest: what the ledger touched before what a tariff changed.
SELECT d.account_id, d.resource FROM tds.band_pending p JOIN tds.device d ON d.id = p.device_id ORDER BY p.total > 0, p.id LIMIT 1

-- name: drop_orphans Forgets days of devices that were deleted.
DELETE FROM tds.band_pending p WHERE NOT EXISTS (SELECT FROM tds.device d WHERE d.id = p.device_id)

-- name: take_devices Takes what waits of some devices of an account's resource; the devices stay until the end of the transaction.
WITH chosen AS (
    SELECT p.device_id FROM tds.band_pending p JOIN tds.device d ON d.id = p.device_id
     WHERE d.account_id = :account AND d.resource = :resource GROUP BY 1 ORDER BY min(p.total), min(p.id) LIMIT :most
), held AS (
    SELECT id FROM tds.device WHERE id IN (SELECT device_id FROM chosen) ORDER BY id FOR KEY SHARE
)
DELETE FROM tds.band_pending WHERE device_id IN (SELECT id FROM held) RETURNING device_id, low, high, total

-- name: put_back What did not fit into one transaction.
INSERT INTO tds.band_pending (device_id, low, high, total)
SELECT * FROM unnest(CAST(:devices AS integer[]), CAST(:lows AS date[]), CAST(:highs AS date[]), CAST(:totals AS integer[]))

-- name: rewrite_days Makes the bands of local days of devices from their ledger.
WITH wanted AS MATERIALIZED (
    SELECT * FROM unnest(CAST(:devices AS integer[]), CAST(:lows AS date[]), CAST(:highs AS date[]), CAST(:starts AS timestamptz[]), CAST(:ends AS timestamptz[]))
        AS w (device_id, low, high, since, until)
), fresh AS MATERIALIZED ({fresh}), gone AS (
    DELETE FROM tds.band_day b USING wanted w
     WHERE b.device_id = w.device_id AND b.day BETWEEN w.low AND w.high
       AND NOT EXISTS (SELECT FROM fresh f WHERE f.device_id = b.device_id AND f.day = b.day AND f.band = b.band)
)
INSERT INTO tds.band_day AS b (device_id, day, band, quantity, estimated) SELECT device_id, day, band, quantity, estimated FROM fresh
ON CONFLICT (device_id, day, band) DO UPDATE SET quantity = excluded.quantity, estimated = excluded.estimated
 WHERE (b.quantity, b.estimated) IS DISTINCT FROM (excluded.quantity, excluded.estimated)

-- name: fresh What the bands of the wanted days are, from the ledger: `places` gives of each day where its quarter-hours' bands begin.
    SELECT l.device_id, d.day, (CAST(:bands AS smallint[]))[d.place + (extract(epoch FROM l.wall::time))::integer / 900 + 1] AS band,
           sum(l.quantity) AS quantity, sum(l.estimated) AS estimated
      FROM (SELECT l.device_id, l.middle AT TIME ZONE :zone AS wall, l.quantity, l.estimated
              FROM wanted w JOIN tds.ledger l ON l.device_id = w.device_id AND l.middle >= w.since AND l.middle < w.until
             WHERE l.middle >= :low AND l.middle < :high AND l.quantity IS NOT NULL
               AND l.device_id = any (array(SELECT unnest(CAST(:devices AS integer[]))))) l
      JOIN unnest(CAST(:days AS date[]), CAST(:places AS integer[])) AS d (day, place) ON d.day = l.wall::date
     GROUP BY 1, 2, 3

-- name: rewrite_months Makes the local months of devices from their days.
WITH wanted AS MATERIALIZED (
    SELECT * FROM unnest(CAST(:devices AS integer[]), CAST(:lows AS date[]), CAST(:highs AS date[])) AS w (device_id, low, high)
), fresh AS MATERIALIZED (
    SELECT b.device_id, date_trunc('month', b.day)::date AS month, b.band, sum(b.quantity) AS quantity, sum(b.estimated) AS estimated
      FROM wanted w JOIN tds.band_day b ON b.device_id = w.device_id AND b.day >= date_trunc('month', w.low)::date
                                       AND b.day < (date_trunc('month', w.high) + interval '1 month')::date
     GROUP BY 1, 2, 3
), gone AS (
    DELETE FROM tds.band_month b USING wanted w
     WHERE b.device_id = w.device_id AND b.month BETWEEN date_trunc('month', w.low)::date AND w.high
       AND NOT EXISTS (SELECT FROM fresh f WHERE f.device_id = b.device_id AND f.month = b.month AND f.band = b.band)
)
INSERT INTO tds.band_month AS b (device_id, month, band, quantity, estimated) SELECT device_id, month, band, quantity, estimated FROM fresh
ON CONFLICT (device_id, month, band) DO UPDATE SET quantity = excluded.quantity, estimated = excluded.estimated
 WHERE (b.quantity, b.estimated) IS DISTINCT FROM (excluded.quantity, excluded.estimated)

-- name: next_demand Gives the account of the largest quarter-hours that have waited longest.
SELECT account_id FROM tds.demand_pending ORDER BY id LIMIT 1

-- name: take_demand Takes what waits of an account, its days joined; the account stays until the end of the transaction.
WITH held AS (SELECT id FROM tds.account WHERE id = :account FOR KEY SHARE),
     taken AS (DELETE FROM tds.demand_pending WHERE account_id = :account RETURNING low, high)
SELECT lower(r.days) AS low, upper(r.days) - 1 AS high FROM (SELECT unnest(range_agg(daterange(low, high, '[]'))) AS days FROM taken) r
 WHERE EXISTS (SELECT FROM held) ORDER BY 1 DESC

-- name: put_demand_back What did not fit into one transaction.
INSERT INTO tds.demand_pending (account_id, low, high) SELECT :account, low, high FROM unnest(CAST(:lows AS date[]), CAST(:highs AS date[])) AS r (low, high)

-- name: rewrite_demand Finds the largest measured quarter-hour of each local day, all devices together.
WITH fresh AS MATERIALIZED ({largest}), gone AS (
    DELETE FROM tds.demand_day d WHERE d.account_id = :account AND d.day BETWEEN :first AND :last AND NOT EXISTS (SELECT FROM fresh f WHERE f.day = d.day)
)
INSERT INTO tds.demand_day AS d (account_id, day, quantity, middle) SELECT :account, day, quantity, middle FROM fresh
ON CONFLICT (account_id, day) DO UPDATE SET quantity = excluded.quantity, middle = excluded.middle
 WHERE (d.quantity, d.middle) IS DISTINCT FROM (excluded.quantity, excluded.middle)

-- name: largest What the largest quarter-hours are, from the ledger.
    SELECT DISTINCT ON (s.day) s.day, s.quantity, s.middle
      FROM (SELECT (l.middle AT TIME ZONE :zone)::date AS day, l.middle, sum(l.quantity * d.factor) AS quantity
              FROM unnest(CAST(:devices AS integer[]), CAST(:factors AS numeric[])) AS d (id, factor) JOIN tds.ledger l ON l.device_id = d.id
             WHERE l.middle >= :low AND l.middle < :high AND l.estimated = 0
               AND l.device_id = any (array(SELECT unnest(CAST(:devices AS integer[])))) GROUP BY l.middle) s
     WHERE s.day = any (CAST(:days AS date[])) ORDER BY s.day, s.quantity DESC, s.middle

-- name: band_differences Counts, by device, the bands of days that differ from what the ledger says, and the months that differ from their days.
WITH wanted AS MATERIALIZED (
    SELECT * FROM unnest(CAST(:devices AS integer[]), CAST(:starts AS timestamptz[]), CAST(:ends AS timestamptz[])) AS w (device_id, since, until)
), fresh AS MATERIALIZED ({fresh}), kept AS (
    SELECT b.device_id, b.day, b.band, b.quantity, b.estimated FROM tds.band_day b JOIN wanted w ON w.device_id = b.device_id WHERE b.day >= :first
), months AS (
    SELECT b.device_id, b.month, b.band, b.quantity, b.estimated FROM tds.band_month b JOIN wanted w ON w.device_id = b.device_id
     WHERE b.month >= :month
), sums AS (
    SELECT device_id, date_trunc('month', day)::date, band, sum(quantity), sum(estimated) FROM kept
     WHERE day >= :month GROUP BY 1, 2, 3
)
SELECT device_id, count(*) FROM (
    (SELECT * FROM fresh EXCEPT SELECT * FROM kept) UNION ALL (SELECT * FROM kept EXCEPT SELECT * FROM fresh)
    UNION ALL (SELECT * FROM months EXCEPT SELECT * FROM sums) UNION ALL (SELECT * FROM sums EXCEPT SELECT * FROM months)) d
 GROUP BY 1 ORDER BY 1

-- name: demand_differences Counts the days whose largest quarter-hour differs from what the ledger says.
WITH fresh AS MATERIALIZED ({largest}), kept AS (
    SELECT day, quantity, middle FROM tds.demand_day WHERE account_id = :account AND day BETWEEN :first AND :last
)
SELECT count(*) FROM ((SELECT * FROM fresh EXCEPT SELECT * FROM kept) UNION ALL (SELECT * FROM kept EXCEPT SELECT * FROM fresh)) d

-- name: banded What needs bands or the largest quarter-hour, or ever did: accounts and resources, with the account's zone.
SELECT DISTINCT d.account_id, d.resource, a.timezone FROM tds.device d JOIN tds.account a ON a.id = d.account_id
 WHERE EXISTS (SELECT FROM tds.tariff t WHERE t.account_id = d.account_id AND t.resource = d.resource AND tds.is_banded(t))
    OR EXISTS (SELECT FROM tds.band_day b WHERE b.device_id = d.id) OR d.resource = 'electricity' AND EXISTS (SELECT FROM tds.demand_day m WHERE m.account_id = d.account_id)
 ORDER BY 1, 2

-- name: reach How far the ledger of a resource's devices reaches, by local days, and the devices.
SELECT d.id, d.unit, (s.first_time AT TIME ZONE a.timezone)::date AS low, (s.last_time AT TIME ZONE a.timezone)::date AS high
  FROM tds.device d JOIN tds.account a ON a.id = d.account_id JOIN tds.ledger_state s ON s.device_id = d.id
 WHERE d.account_id = :account AND d.resource = :resource AND d.kind <> 'gauge' AND s.first_time IS NOT NULL ORDER BY d.id

-- name: mend_bands Has days of devices made anew.
INSERT INTO tds.band_pending (device_id, low, high) SELECT unnest(CAST(:devices AS integer[])), :first, :last

-- name: mend_demand Has the largest quarter-hours of the devices' accounts found anew.
INSERT INTO tds.demand_pending (account_id, low, high) SELECT DISTINCT account_id, CAST(:first AS date), CAST(:last AS date) FROM tds.device
 WHERE id = any (CAST(:devices AS integer[])) AND resource = 'electricity'
