-- The watch of the alarms: what there is to look at, and what becomes of what was found. Run by the owner, by one worker at a time.

-- name: take Holds the watch until the end of the transaction; false where another worker has it.
SELECT pg_try_advisory_xact_lock(:key);

-- name: due Pairs of metered rules and devices whose ledger has changed since it was seen, each with its open alarm.
SELECT p.rule_id, p.rule_version, p.rule_since, p.account_id, p.kind, p.threshold, p.percent, p.device_id, p.unit, p.timezone, s.version, s.last_time,
       w.older_at, w.older_quantity, w.newer_at, w.newer_quantity,
       a.id AS alarm_id, a.period_start AS alarm_start, a.value AS alarm_value, a.threshold AS alarm_threshold, a.rule_version AS alarm_version,
       a.since < a.period_start AS alarm_lasted
  FROM tds.alarm_pair p
  JOIN tds.ledger_state s ON s.device_id = p.device_id AND s.last_time IS NOT NULL
  LEFT JOIN tds.alarm_watch w ON w.device_id = p.device_id
  LEFT JOIN tds.alarm a ON a.rule_id = p.rule_id AND a.device_id = p.device_id AND a.closed_at IS NULL
 WHERE s.version IS DISTINCT FROM w.version;

-- name: share Pairs of some kinds whose devices' turn it is, changed or not, each with its open alarm.
SELECT p.rule_id, p.rule_version, p.rule_since, p.account_id, p.kind, p.threshold, p.percent, p.device_id, p.unit, p.timezone, s.version, s.last_time,
       NULL::timestamptz AS older_at, NULL::numeric AS older_quantity, NULL::timestamptz AS newer_at, NULL::numeric AS newer_quantity,
       a.id AS alarm_id, a.period_start AS alarm_start, a.value AS alarm_value, a.threshold AS alarm_threshold, a.rule_version AS alarm_version,
       a.since < a.period_start AS alarm_lasted
  FROM tds.alarm_pair p
  JOIN tds.ledger_state s ON s.device_id = p.device_id AND s.last_time IS NOT NULL
  LEFT JOIN tds.alarm a ON a.rule_id = p.rule_id AND a.device_id = p.device_id AND a.closed_at IS NULL
 WHERE p.kind = any (CAST(:kinds AS text[])) AND p.device_id % :turns = any (CAST(:turn AS integer[]));

-- name: quarters The last quarter-hours of devices, the running one included.
SELECT device_id, middle - interval '7 minutes 30 seconds' AS start, quantity, estimated
  FROM tds.ledger
 WHERE device_id = any (array(SELECT unnest(CAST(:devices AS integer[])))) AND middle >= :low AND middle < :high AND quantity IS NOT NULL;

-- name: see Remembers how far the ledger of devices was seen, and the points that their present rate follows from.
INSERT INTO tds.alarm_watch AS w (device_id, version, older_at, older_quantity, newer_at, newer_quantity)
SELECT s.* FROM unnest(CAST(:devices AS integer[]), CAST(:versions AS bigint[]), CAST(:older_ats AS timestamptz[]), CAST(:older_quantities AS numeric[]),
                       CAST(:newer_ats AS timestamptz[]), CAST(:newer_quantities AS numeric[])) AS s (device_id, version, oa, oq, na, nq)
  JOIN tds.device d ON d.id = s.device_id
ON CONFLICT (device_id) DO UPDATE SET version = excluded.version, older_at = excluded.older_at, older_quantity = excluded.older_quantity,
                                      newer_at = excluded.newer_at, newer_quantity = excluded.newer_quantity;

-- name: open Opens alarms. One that closed minutes ago comes back as the same; that is told to nobody.
WITH fresh AS (
    SELECT f.*, p.version AS rule_version, p.account_id, p.kind, d.unit
      FROM unnest(CAST(:rules AS integer[]), CAST(:devices AS integer[]), CAST(:starts AS timestamptz[]), CAST(:ends AS timestamptz[]),
                  CAST(:values AS numeric[]), CAST(:estimates AS numeric[]), CAST(:thresholds AS numeric[]), CAST(:usuals AS numeric[]),
                  CAST(:projections AS boolean[]), CAST(:sinces AS timestamptz[]))
           AS f (rule_id, device_id, period_start, period_end, value, estimated, threshold, usual, projected, since)
      JOIN tds.alarm_rule p ON p.id = f.rule_id AND p.active
      JOIN tds.device d ON d.id = f.device_id
), last AS (
    SELECT DISTINCT ON (f.rule_id, f.device_id) f.*, a.id
      FROM fresh f JOIN tds.alarm a ON a.rule_id = f.rule_id AND a.device_id = f.device_id
     WHERE a.closed_at > CAST(:now AS timestamptz) - CAST(:settling AS interval) AND NOT a.closing_told
       AND a.outcome IN ('back', 'corrected', 'next_period') AND (a.kind IN ('peak', 'base') OR a.period_start = f.period_start)
     ORDER BY f.rule_id, f.device_id, a.closed_at DESC
), again AS (
    UPDATE tds.alarm a SET closed_at = NULL, outcome = NULL, returned = a.returned + 1, period_start = l.period_start, period_end = l.period_end,
           value = l.value, worst = greatest(a.worst, l.value), estimated = l.estimated, projected = l.projected, threshold = l.threshold,
           usual = l.usual, rule_version = l.rule_version
      FROM last l WHERE a.id = l.id RETURNING a.rule_id, a.device_id
)
INSERT INTO tds.alarm (account_id, rule_id, rule_version, kind, device_id, period_start, period_end, value, worst, estimated, projected, threshold,
                       usual, unit, since, opened_at)
SELECT account_id, rule_id, rule_version, kind, device_id, period_start, period_end, value, value, estimated, projected, threshold, usual, unit, since, :now
  FROM fresh f WHERE NOT EXISTS (SELECT FROM again g WHERE g.rule_id = f.rule_id AND g.device_id = f.device_id)
ON CONFLICT DO NOTHING;

-- name: keep Notes what was counted since in open alarms.
UPDATE tds.alarm a SET period_start = f.period_start, period_end = f.period_end, value = f.value, worst = greatest(a.worst, f.value),
       estimated = f.estimated, projected = f.projected, threshold = f.threshold, usual = f.usual, rule_version = r.version
  FROM unnest(CAST(:alarms AS bigint[]), CAST(:starts AS timestamptz[]), CAST(:ends AS timestamptz[]), CAST(:values AS numeric[]),
              CAST(:estimates AS numeric[]), CAST(:thresholds AS numeric[]), CAST(:usuals AS numeric[]), CAST(:projections AS boolean[]))
       AS f (id, period_start, period_end, value, estimated, threshold, usual, projected)
  JOIN tds.alarm b ON b.id = f.id JOIN tds.alarm_rule r ON r.id = b.rule_id
 WHERE a.id = f.id AND a.closed_at IS NULL
   AND (a.period_start, a.value, a.estimated, a.projected, a.threshold, a.rule_version)
       IS DISTINCT FROM (f.period_start, f.value, f.estimated, f.projected, f.threshold, r.version);

-- name: close Ends alarms.
UPDATE tds.alarm a SET closed_at = :now, outcome = f.outcome, value = f.value, projected = false
  FROM unnest(CAST(:alarms AS bigint[]), CAST(:outcomes AS text[]), CAST(:values AS numeric[])) AS f (id, outcome, value)
 WHERE a.id = f.id AND a.closed_at IS NULL;

-- name: close_over Ends alarms whose period is over, and of which nothing was heard since. A peak goes on into the next quarter-hour, unless that is over too.
UPDATE tds.alarm SET closed_at = :now, outcome = CASE WHEN value > threshold OR since < period_start THEN 'next_period' WHEN kind = 'peak' THEN 'back' ELSE 'corrected' END
 WHERE closed_at IS NULL AND (kind IN ('daily', 'monthly') AND period_end <= :now OR kind = 'peak' AND period_end + interval '15 minutes' <= :now);

-- name: close_gone Ends alarms that no rule holds for any more: the device was retired or switched off, or another rule is nearer to it.
UPDATE tds.alarm a SET closed_at = :now, outcome = CASE WHEN d.id IS NULL OR d.retired_at IS NOT NULL OR NOT d.active THEN 'gone' ELSE 'rule_changed' END
  FROM tds.alarm b LEFT JOIN tds.device d ON d.id = b.device_id
 WHERE b.id = a.id AND a.closed_at IS NULL AND a.kind NOT IN ('silence', 'stuck')
   AND NOT EXISTS (SELECT FROM tds.alarm_pair p WHERE p.rule_id = a.rule_id AND p.device_id = a.device_id);

-- name: silences Opens and ends the alarms of what is not heard and of what does not move.
-- A gateway that is offline is one alarm, whichever rule names it or something behind it; what is behind it raises none of its own.
WITH rule AS MATERIALIZED (
    SELECT r.id, r.version, r.kind, r.account_id, r.device_id, r.gateway_id, r.resource, num_nonnulls(r.device_id, r.gateway_id, r.resource) = 0 AS whole
      FROM tds.alarm_rule r JOIN tds.account a ON a.id = r.account_id AND a.closed_at IS NULL
     WHERE r.active AND r.kind IN ('silence', 'stuck')
), gateway AS MATERIALIZED (
    SELECT s.gateway_id, g.account_id, s.state, s.last_seen_at
      FROM tds.gateway_state(:now) s JOIN tds.gateway g ON g.id = s.gateway_id
     WHERE g.account_id IN (SELECT account_id FROM rule) AND s.last_seen_at IS NOT NULL
), device AS MATERIALIZED (
    SELECT s.device_id, s.gateway_id, d.account_id, d.resource, s.state, s.since
      FROM tds.device_state(:now) s JOIN tds.device d ON d.id = s.device_id
     WHERE d.account_id IN (SELECT account_id FROM rule)
), ill AS MATERIALIZED (
    SELECT d.*, CASE d.state WHEN 'stuck' THEN 'stuck' ELSE 'silence' END AS kind FROM device d WHERE d.state IN ('silent', 'offline', 'stuck')
), held AS (
    SELECT i.device_id, i.gateway_id, i.kind, i.state, i.since, r.id FROM ill i JOIN rule r ON r.device_id = i.device_id AND r.kind = i.kind
    UNION ALL
    SELECT i.device_id, i.gateway_id, i.kind, i.state, i.since, r.id FROM ill i JOIN rule r ON r.gateway_id = i.gateway_id AND r.kind = i.kind
    UNION ALL
    SELECT i.device_id, i.gateway_id, i.kind, i.state, i.since, r.id
      FROM ill i JOIN rule r ON r.account_id = i.account_id AND (r.resource = i.resource OR r.whole) AND r.kind = i.kind
), hit AS (
    SELECT kind, device_id, NULL::integer AS gateway_id, min(id) AS rule_id, min(since) AS since FROM held WHERE state <> 'offline' GROUP BY kind, device_id
    UNION ALL
    SELECT 'silence', NULL, g.gateway_id, min(h.id), g.last_seen_at
      FROM gateway g
      JOIN (SELECT gateway_id, id FROM held WHERE state = 'offline'
            UNION ALL SELECT gateway_id, id FROM rule WHERE kind = 'silence' AND gateway_id IS NOT NULL
            UNION ALL SELECT g.gateway_id, r.id FROM gateway g JOIN rule r ON r.account_id = g.account_id AND r.kind = 'silence' AND r.whole) h
        ON h.gateway_id = g.gateway_id
     WHERE g.state = 'offline' GROUP BY g.gateway_id, g.last_seen_at
), fresh AS (
    SELECT h.*, r.version AS rule_version, r.account_id
      FROM hit h JOIN rule r ON r.id = h.rule_id
     WHERE NOT EXISTS (SELECT FROM tds.alarm a WHERE a.closed_at IS NULL AND a.account_id = r.account_id AND a.kind = h.kind
                          AND (a.device_id = h.device_id OR a.gateway_id = h.gateway_id))
), last AS (
    SELECT DISTINCT ON (f.kind, f.device_id, f.gateway_id) a.id, f.kind, f.device_id, f.gateway_id, f.rule_id, f.rule_version
      FROM fresh f JOIN tds.alarm a ON a.account_id = f.account_id AND a.kind = f.kind AND (a.device_id = f.device_id OR a.gateway_id = f.gateway_id)
     WHERE a.closed_at > CAST(:now AS timestamptz) - CAST(:settling AS interval) AND NOT a.closing_told AND a.outcome IN ('heard', 'moved')
     ORDER BY f.kind, f.device_id, f.gateway_id, a.closed_at DESC
), again AS (
    UPDATE tds.alarm a SET closed_at = NULL, outcome = NULL, returned = a.returned + 1, rule_id = l.rule_id, rule_version = l.rule_version
      FROM last l WHERE a.id = l.id RETURNING a.kind, a.device_id, a.gateway_id
), added AS (
    INSERT INTO tds.alarm (account_id, rule_id, rule_version, kind, device_id, gateway_id, since, opened_at)
    SELECT f.account_id, f.rule_id, f.rule_version, f.kind, f.device_id, f.gateway_id, coalesce(f.since, :now), :now
      FROM fresh f
     WHERE NOT EXISTS (SELECT FROM again g WHERE g.kind = f.kind AND (g.device_id = f.device_id OR g.gateway_id = f.gateway_id))
    ON CONFLICT DO NOTHING RETURNING id
), ended AS (
    UPDATE tds.alarm a SET closed_at = :now, outcome = e.outcome
      FROM (SELECT a.id, CASE WHEN a.gateway_id IS NOT NULL THEN CASE WHEN g.gateway_id IS NULL THEN 'gone' WHEN g.state = 'online' THEN 'heard' END
                              WHEN d.device_id IS NULL OR d.state IN ('inactive', 'retired') THEN 'gone'
                              WHEN a.kind = 'stuck' AND d.state = 'reporting' THEN 'moved'
                              WHEN a.kind = 'silence' AND d.state IN ('reporting', 'late', 'stuck') THEN 'heard' END AS outcome
              FROM tds.alarm a
              LEFT JOIN gateway g ON g.gateway_id = a.gateway_id
              LEFT JOIN device d ON d.device_id = a.device_id
             WHERE a.closed_at IS NULL AND a.kind IN ('silence', 'stuck')) e
     WHERE a.id = e.id AND e.outcome IS NOT NULL RETURNING a.id
)
SELECT (SELECT count(*) FROM added) + (SELECT count(*) FROM again) AS opened, (SELECT count(*) FROM ended) AS closed;

-- name: days_broken Days of which the largest measured quarter-hour broke a limit, and that no alarm of the rule speaks of; {day} is the rollup of the zone.
SELECT f.rule_id, f.device_id, l.middle - interval '7 minutes 30 seconds' AS start, 4 * l.quantity AS value, f.threshold
  FROM unnest(CAST(:rules AS integer[]), CAST(:devices AS integer[]), CAST(:thresholds AS numeric[]), CAST(:sinces AS timestamptz[]))
       AS f (rule_id, device_id, threshold, since)
  JOIN {day} r ON r.device_id = f.device_id AND r.bucket >= :low AND r.bucket < :high AND 4 * r.largest > f.threshold
 CROSS JOIN LATERAL (SELECT l.middle, l.quantity FROM tds.ledger l
                      WHERE l.device_id = f.device_id AND l.middle >= greatest(r.bucket, f.since) AND l.middle < least(r.bucket + interval '25 hours', :until)
                        AND l.estimated = 0
                      ORDER BY l.quantity DESC LIMIT 1) l
 WHERE 4 * l.quantity > f.threshold
   AND NOT EXISTS (SELECT FROM tds.alarm a WHERE a.rule_id = f.rule_id AND a.device_id = f.device_id
                      AND a.since <= l.middle + interval '1 hour' AND coalesce(a.closed_at, 'infinity') >= l.middle - interval '1 hour');

-- name: today_broken The largest measured quarter-hour of the running day where it broke a limit, and no alarm of the rule speaks of it: healed late.
SELECT f.rule_id, f.device_id, l.middle - interval '7 minutes 30 seconds' AS start, 4 * l.quantity AS value, f.threshold
  FROM unnest(CAST(:rules AS integer[]), CAST(:devices AS integer[]), CAST(:thresholds AS numeric[]), CAST(:sinces AS timestamptz[]))
       AS f (rule_id, device_id, threshold, since)
 CROSS JOIN LATERAL (SELECT l.middle, l.quantity FROM tds.ledger l
                      WHERE l.device_id = f.device_id AND l.middle >= greatest(:high, f.since) AND l.middle < :until
                        AND l.estimated = 0 AND 4 * l.quantity > f.threshold
                      ORDER BY l.quantity DESC LIMIT 1) l
 WHERE NOT EXISTS (SELECT FROM tds.alarm a WHERE a.rule_id = f.rule_id AND a.device_id = f.device_id
                      AND a.since <= l.middle + interval '1 hour' AND coalesce(a.closed_at, 'infinity') >= l.middle - interval '1 hour');

-- name: open_late Writes down what broke a limit and was over before it was known.
INSERT INTO tds.alarm (account_id, rule_id, rule_version, kind, device_id, period_start, period_end, value, worst, estimated, threshold, unit, since,
                       opened_at, closed_at, outcome, closing_told)
SELECT r.account_id, r.id, r.version, r.kind, d.id, f.period_start, f.period_end, f.value, f.value, f.estimated, f.threshold, d.unit, f.period_start,
       :now, :now, 'late', true
  FROM unnest(CAST(:rules AS integer[]), CAST(:devices AS integer[]), CAST(:starts AS timestamptz[]), CAST(:ends AS timestamptz[]), CAST(:values AS numeric[]),
              CAST(:estimates AS numeric[]), CAST(:thresholds AS numeric[])) AS f (rule_id, device_id, period_start, period_end, value, estimated, threshold)
  JOIN tds.alarm_rule r ON r.id = f.rule_id JOIN tds.device d ON d.id = f.device_id
 WHERE NOT EXISTS (SELECT FROM tds.alarm a WHERE a.rule_id = f.rule_id AND a.device_id = f.device_id AND a.period_start = f.period_start);

-- name: withdraw Says of alarms that are over that their period did not break the limit after all.
UPDATE tds.alarm a SET outcome = 'corrected', value = f.value, closed_at = :now, closing_told = false
  FROM unnest(CAST(:rules AS integer[]), CAST(:devices AS integer[]), CAST(:starts AS timestamptz[]), CAST(:values AS numeric[]))
       AS f (rule_id, device_id, period_start, value)
 WHERE a.rule_id = f.rule_id AND a.device_id = f.device_id AND a.period_start = f.period_start AND a.outcome IN ('next_period', 'late')
   AND f.value <= a.threshold;

-- name: withdraw_peaks The same of quarter-hours, as the ledger has them now.
UPDATE tds.alarm a SET outcome = 'corrected', value = 4 * l.quantity, closed_at = :now, closing_told = false
  FROM tds.alarm b
  JOIN tds.ledger l ON l.device_id = b.device_id AND l.middle = b.period_start + interval '7 minutes 30 seconds'
 WHERE b.id = a.id AND a.kind = 'peak' AND a.outcome IN ('next_period', 'late') AND a.closed_at > :low AND l.middle > :low
   AND a.since = a.period_start AND (4 * l.quantity <= a.threshold OR l.quantity IS NULL);

-- name: tell Puts what has opened, and what has stayed closed, into the messages of whoever wants to hear of it.
WITH opened AS (
    UPDATE tds.alarm SET opening_told = true WHERE NOT opening_told RETURNING account_id, id, kind
), closed AS (
    UPDATE tds.alarm SET closing_told = true
     WHERE closed_at <= CAST(:now AS timestamptz) - CAST(:settling AS interval) AND NOT closing_told
    RETURNING account_id, id, kind, outcome IN ('back', 'corrected', 'heard', 'moved') OR outcome = 'next_period' AND kind IN ('peak', 'base') AS worth
), news AS (
    SELECT account_id, id, kind, true AS opening FROM opened
    UNION ALL SELECT account_id, id, kind, false FROM closed WHERE worth
), said AS (
    SELECT r.account_id, r.id AS recipient_id, r.told_at, coalesce(array_agg(n.id ORDER BY n.id) FILTER (WHERE n.opening), '{}') AS opened,
           coalesce(array_agg(n.id ORDER BY n.id) FILTER (WHERE NOT n.opening), '{}') AS closed, coalesce(bool_or(n.opening AND n.kind = 'peak'), false) AS urgent
      FROM news n JOIN tds.alarm_recipient r ON r.account_id = n.account_id AND r.active AND n.kind = any (r.kinds) AND (n.opening OR r.closings)
     GROUP BY r.account_id, r.id, r.told_at
)
INSERT INTO tds.alarm_message AS m (account_id, recipient_id, opened, closed, next_at)
SELECT account_id, recipient_id, opened, closed, CASE WHEN urgent THEN :now ELSE greatest(:now, told_at + CAST(:gathering AS interval)) END FROM said
ON CONFLICT (recipient_id) WHERE body IS NULL AND NOT trial
DO UPDATE SET opened = m.opened || excluded.opened, closed = m.closed || excluded.closed, next_at = least(m.next_at, excluded.next_at);

-- name: count_open How many alarms are open, by kind.
SELECT kind, count(*) FROM tds.alarm WHERE closed_at IS NULL GROUP BY kind;
