-- name: certificates  Gateways' certificates and gateways without one, a page of what filters leave, with how many that is.
WITH named AS (
    SELECT DISTINCT ON (mac) id, mac, name, retired_at IS NOT NULL AS retired
      FROM tds.gateway ORDER BY mac, retired_at DESC NULLS FIRST, id DESC
), line AS (
    SELECT n.id AS gateway_id, n.name, n.mac, n.retired, c.serial, c.not_before, c.not_after, c.issued_at, c.issued_by, c.revoked_at, c.reason,
           coalesce(c.revoked_at IS NULL AND c.not_after > cast(:now AS timestamptz), false) AS usable
      FROM named n LEFT JOIN tds.certificate c ON c.common_name = n.mac
     WHERE c.serial IS NOT NULL OR NOT n.retired
), placed AS (
    SELECT *, row_number() OVER (PARTITION BY mac ORDER BY usable DESC, issued_at DESC, serial) AS place,
           count(*) FILTER (WHERE usable) OVER (PARTITION BY mac) AS usables
      FROM line
), stated AS (
    SELECT *, place = 1 AND NOT retired AS foremost,
           CASE WHEN serial IS NULL THEN 'none'
                WHEN revoked_at IS NOT NULL THEN 'revoked'
                WHEN NOT usable THEN 'expired'
                WHEN place > 1 THEN 'superseded'
                WHEN not_after < cast(:now AS timestamptz) + cast(:ahead AS interval) THEN 'expiring'
                ELSE 'valid' END AS state
      FROM placed
)
SELECT gateway_id, name, mac, retired, state, serial, not_before, not_after, issued_at, issued_by, revoked_at, reason, usables, foremost,
       count(*) OVER () AS total
  FROM stated
 WHERE (cast(:pattern AS text) IS NULL OR name ILIKE :pattern OR mac ILIKE :pattern OR serial ILIKE :pattern OR issued_by ILIKE :pattern)
   AND CASE cast(:state AS text) WHEN '' THEN true WHEN 'without' THEN foremost AND usables = 0 ELSE state = :state END
   AND (cast(:gateway AS integer) IS NULL OR gateway_id = :gateway)
   AND (cast(:serial AS text) IS NULL OR serial = :serial)
 ORDER BY CASE WHEN cast(:sort AS text) <> 'attention' THEN 0
               WHEN foremost AND usables = 0 THEN 0
               WHEN state = 'expiring' THEN 1
               WHEN usable THEN 2 ELSE 3 END,
          CASE :sort WHEN 'expiry' THEN not_after END,
          CASE :sort WHEN 'issued' THEN issued_at END DESC NULLS LAST,
          CASE WHEN :sort = 'attention' AND state = 'expiring' THEN not_after END,
          lower(name), mac, place
 LIMIT :limit OFFSET :offset;

-- name: expiring  Gateways in use whose last certificate is over or ends soon, by how soon: how many, when the first, and which that is.
WITH gateway AS (
    SELECT g.id, g.name, max(c.not_after) AS last
      FROM tds.gateway g JOIN tds.certificate c ON c.common_name = g.mac AND c.revoked_at IS NULL
     WHERE g.retired_at IS NULL GROUP BY g.id, g.name
), tiered AS (
    SELECT id, name, last,
           CASE WHEN last <= cast(:now AS timestamptz) THEN 'over'
                WHEN last <= cast(:now AS timestamptz) + interval '7 days' THEN 'week'
                WHEN last <= cast(:now AS timestamptz) + interval '30 days' THEN 'month'
                WHEN last <= cast(:now AS timestamptz) + interval '90 days' THEN 'quarter' END AS tier
      FROM gateway
)
SELECT tier, count(*) AS gateways, min(last) AS first, (array_agg(name ORDER BY last, id))[1] AS name
  FROM tiered WHERE tier IS NOT NULL GROUP BY tier ORDER BY min(last);

-- name: renewals  Which month each gateway's certificate should be renewed in: two years ahead at the earliest, spread over a year by its MAC.
WITH gateway AS (
    SELECT g.id, g.name, g.mac, max(c.not_after) AS not_after
      FROM tds.gateway g JOIN tds.certificate c ON c.common_name = g.mac AND c.revoked_at IS NULL AND c.not_after > cast(:now AS timestamptz)
     WHERE g.retired_at IS NULL GROUP BY g.id, g.name, g.mac
), planned AS (
    SELECT *, greatest(date_trunc('month', not_after AT TIME ZONE :zone) - make_interval(months => :ahead)
                       + make_interval(months => ('x' || substr(md5(mac), 1, 6))::bit(24)::integer % :spread),
                       date_trunc('month', cast(:now AS timestamptz) AT TIME ZONE :zone))::date AS month
      FROM gateway
)
SELECT id, name, mac, not_after, month FROM planned
 WHERE (cast(:month AS date) IS NULL OR month = :month)
 ORDER BY month, lower(name), mac;

-- name: renewal_months  How many gateways should be renewed in each month.
WITH gateway AS (
    SELECT g.mac, max(c.not_after) AS not_after
      FROM tds.gateway g JOIN tds.certificate c ON c.common_name = g.mac AND c.revoked_at IS NULL AND c.not_after > cast(:now AS timestamptz)
     WHERE g.retired_at IS NULL GROUP BY g.mac
), planned AS (
    SELECT not_after, greatest(date_trunc('month', not_after AT TIME ZONE :zone) - make_interval(months => :ahead)
                       + make_interval(months => ('x' || substr(md5(mac), 1, 6))::bit(24)::integer % :spread),
                       date_trunc('month', cast(:now AS timestamptz) AT TIME ZONE :zone))::date AS month
      FROM gateway
)
SELECT month, count(*) AS gateways, min(not_after) AS first_end FROM planned GROUP BY month ORDER BY month LIMIT :limit;

-- name: batches  Batches of the account with what became of their lines, the newest first.
SELECT b.id, b.name, b.created_at, b.created_by, count(o.id) AS lines,
       count(*) FILTER (WHERE o.gateway_id IS NULL) AS faulty,
       count(*) FILTER (WHERE o.gateway_id IS NOT NULL AND o.state = 'refused') AS refused,
       count(*) FILTER (WHERE o.state = 'ordered') AS ordered,
       count(*) FILTER (WHERE o.state = 'done') AS done,
       count(*) FILTER (WHERE o.delivered_at IS NOT NULL) AS delivered,
       b.active_at > now() - interval '1 minute' AS active
  FROM tds.certificate_batch b LEFT JOIN tds.certificate_order o ON o.batch_id = b.id
 WHERE cast(:id AS integer) IS NULL OR b.id = :id
 GROUP BY b.id ORDER BY b.id DESC LIMIT :limit;

-- name: batch_lines  The lines of a batch in the order of its file.
SELECT o.id, o.line, o.given, g.mac, g.name, o.state, o.serial, o.outcome, o.done_at, o.delivered_at
  FROM tds.certificate_order o LEFT JOIN tds.gateway g ON g.id = o.gateway_id
 WHERE o.batch_id = :batch ORDER BY o.line, o.id;

-- name: open_batch_lines  The lines of a batch whose bundles were not handed out, in order; what was refused for good stays so.
SELECT o.id, o.line, g.mac FROM tds.certificate_order o JOIN tds.gateway g ON g.id = o.gateway_id
 WHERE o.batch_id = :batch AND o.delivered_at IS NULL AND g.retired_at IS NULL
   AND (o.state <> 'refused' OR o.outcome ->> 'key' = 'expired')
 ORDER BY o.line LIMIT :limit;

-- name: begin_batch  Holds a batch for one download; a row where nobody else has it.
UPDATE tds.certificate_batch SET active_at = now()
 WHERE id = :batch AND (active_at IS NULL OR active_at < now() - interval '1 minute') RETURNING id;

-- name: hold_batch  Goes on holding it.
UPDATE tds.certificate_batch SET active_at = now() WHERE id = :batch;

-- name: leave_batch  Gives it up.
UPDATE tds.certificate_batch SET active_at = NULL WHERE id = :batch;

-- name: receive_lines  The bundles of these lines arrived.
UPDATE tds.certificate_order o SET delivered_at = now() FROM tds.gateway g
 WHERE g.id = o.gateway_id AND o.batch_id = :batch AND o.line BETWEEN :first AND :last AND o.state = 'done' AND o.delivered_at IS NULL
RETURNING g.mac, o.serial;

-- name: gateways_by_mac  Gateways in use of the account with these MACs, and whether each has a certificate that works.
SELECT g.mac, g.id, EXISTS (SELECT FROM tds.certificate c WHERE c.common_name = g.mac AND c.revoked_at IS NULL AND c.not_after > cast(:now AS timestamptz)) AS certified
  FROM tds.gateway g WHERE g.retired_at IS NULL AND g.mac = any (cast(:macs AS text[]));

-- name: add_batch  A batch; its lines follow.
INSERT INTO tds.certificate_batch (account_id, name, created_by) VALUES (:account, :name, :by) RETURNING id;

-- name: add_batch_lines  Lines of a batch: those that name a gateway wait, the others are refused with the reason.
INSERT INTO tds.certificate_order (account_id, batch_id, line, given, gateway_id, kind, state, outcome, user_id, actor, address, agent)
SELECT :account, :batch, r.line, r.given, r.gateway_id, 'issue', CASE WHEN r.gateway_id IS NULL THEN 'refused' ELSE 'planned' END,
       nullif(r.outcome, 'null'), :user, :actor, :address, :agent
  FROM jsonb_to_recordset(cast(:rows AS jsonb)) AS r (line integer, given text, gateway_id integer, outcome jsonb);
