-- Orders to the certificate authority, as sql/orders.py places and answers them.

-- name: authority that was last there
SELECT chain, issuer, host, port, topic, seen_at FROM tds.authority

-- name: appear as the authority that is there
INSERT INTO tds.authority (chain, issuer, host, port, topic, seen_at) VALUES (:chain, :issuer, :host, :port, :topic, now())
    ON CONFLICT (at_work) DO UPDATE
   SET chain = excluded.chain, issuer = excluded.issuer, host = excluded.host, port = excluded.port, topic = excluded.topic, seen_at = now()

-- name: leave
UPDATE tds.authority SET seen_at = 'epoch'

-- name: place an order
INSERT INTO tds.certificate_order (account_id, gateway_id, kind, request, serial, reason, state, user_id, actor, address, agent, ordered_at)
VALUES (:account, :gateway, :kind, :request, :serial, :reason, 'ordered', :user, :actor, :address, :agent, now())
RETURNING id

-- name: order_lines of a batch
UPDATE tds.certificate_order o
   SET request = r.request, state = 'ordered', outcome = NULL, ordered_at = now(), delivered_at = NULL,
       user_id = :user, actor = :actor, address = :address, agent = :agent
  FROM jsonb_to_recordset(cast(:rows AS jsonb)) AS r (id bigint, request text)
 WHERE o.id = r.id AND o.batch_id = :batch AND o.gateway_id IS NOT NULL

-- name: answers to orders
SELECT id, state, serial, certificate, outcome FROM tds.certificate_order
 WHERE id = any (cast(:ids AS bigint[])) AND state IN ('done', 'refused')

-- name: deliver what was ordered
UPDATE tds.certificate_order SET delivered_at = now() WHERE id = any (cast(:ids AS bigint[])) AND state = 'done'

-- name: waiting orders, revocations first
SELECT o.id, o.account_id, o.kind, g.mac, o.request, o.serial, o.reason, o.user_id, o.actor, o.address, o.agent
  FROM tds.certificate_order o JOIN tds.gateway g ON g.id = o.gateway_id
 WHERE o.state = 'ordered'
 ORDER BY o.kind <> 'revoke', o.id LIMIT :limit

-- name: expire orders whose makers have left
UPDATE tds.certificate_order SET state = 'refused', outcome = cast(:outcome AS jsonb), done_at = now()
 WHERE state = 'ordered' AND kind <> 'revoke' AND ordered_at < now() - cast(:age AS interval)

-- name: answer orders
UPDATE tds.certificate_order o
   SET state = r.state, serial = coalesce(r.serial, o.serial), certificate = r.certificate, outcome = nullif(r.outcome, 'null'), done_at = now()
  FROM jsonb_to_recordset(cast(:rows AS jsonb)) AS r (id bigint, state text, serial text, certificate text, outcome jsonb)
 WHERE o.id = r.id

-- name: forget_orders that are no line of a batch
DELETE FROM tds.certificate_order
 WHERE batch_id IS NULL AND state IN ('done', 'refused') AND done_at < now() - make_interval(days => :days)

-- name: forget_batches
DELETE FROM tds.certificate_batch WHERE created_at < now() - make_interval(days => :days)

-- name: lighten orders of what was handed out
UPDATE tds.certificate_order SET certificate = NULL, request = NULL
 WHERE certificate IS NOT NULL AND coalesce(delivered_at, done_at) < now() - interval '1 hour'
