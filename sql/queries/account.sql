-- Everything that an account holds, as its export writes it: read by the web login for one account, which row-level security sees to.
-- name: account
SELECT id, name, timezone, locale, currency, created_at, silent_intervals, stuck_hours, second_factor FROM tds.account WHERE id = :account

-- name: members
SELECT u.email, m.role, u.created_at, u.locale FROM tds.membership m JOIN tds.app_user u ON u.id = m.user_id WHERE m.account_id = :account ORDER BY u.email

-- name: invitations
SELECT email, role, created_at, created_by, expires_at, used_at, revoked_at FROM tds.link WHERE kind = 'invitation' AND account_id = :account ORDER BY id

-- name: gateways
SELECT g.id, g.mac, g.name, g.capacity, g.created_at, g.retired_at, g.changed_at, g.changed_by, g.import_id, s.last_seen_at, s.online
  FROM tds.gateway g LEFT JOIN tds.gateway_seen s ON s.gateway_id = g.id WHERE g.account_id = :account ORDER BY g.id

-- name: devices
SELECT d.id, g.mac AS gateway_mac, d.code, d.name, d.kind, d.resource, d.unit, d.interval_seconds, d.max_rate, d.resolution, d.jitter, d.modulus,
       d.stuck_hours, d.active, d.created_at, d.retired_at, d.changed_at, d.changed_by, d.import_id
  FROM tds.device d JOIN tds.gateway g ON g.id = d.gateway_id WHERE d.account_id = :account ORDER BY d.id

-- name: imports
SELECT id, name, gateways, devices, created_at, created_by, undone_at, undone_by FROM tds.fleet_import WHERE account_id = :account ORDER BY id

-- name: tokens
SELECT k.id, u.email, k.name, k.role, k.hint, k.created_at, k.expires_at, k.last_used_at, k.revoked_at
  FROM tds.token k JOIN tds.app_user u ON u.id = k.user_id WHERE k.account_id = :account ORDER BY k.id

-- name: events
SELECT e.* FROM tds.event e JOIN tds.device d ON d.id = e.device_id WHERE d.account_id = :account ORDER BY e.id

-- name: decisions
SELECT c.* FROM tds.decision c JOIN tds.device d ON d.id = c.device_id WHERE d.account_id = :account ORDER BY c.id

-- name: rejections
SELECT id, received_at, mac, device_code, reason, detail, topic, encode(payload, 'base64') AS payload_base64 FROM tds.rejection
 WHERE account_id = :account ORDER BY id

-- name: certificates
SELECT serial, common_name, fingerprint, not_before, not_after, issued_at, issued_by, revoked_at, reason, ends_at FROM tds.certificate
 WHERE purpose = 'gateway' AND common_name IN (SELECT mac FROM tds.gateway WHERE account_id = :account) ORDER BY issued_at

-- name: certificate_batches
SELECT id, name, created_at, created_by FROM tds.certificate_batch WHERE account_id = :account ORDER BY id

-- name: certificate_orders
SELECT id, batch_id, line, given, gateway_id, kind, request, serial, reason, state, outcome, actor, address, agent, ordered_at, done_at, delivered_at
  FROM tds.certificate_order WHERE account_id = :account ORDER BY id

-- name: registrations
SELECT id, mac, serial_number, model, firmware, request, state, first_seen_at, last_seen_at, gateway_id, decided_at, decided_by, reason, certificate_serial, fault,
       delivered_at
  FROM tds.registration WHERE account_id = :account ORDER BY id

-- name: alarm_rules
SELECT id, kind, device_id, gateway_id, resource, unit, threshold, percent, active, created_at, created_by, changed_at, changed_by
  FROM tds.alarm_rule WHERE account_id = :account ORDER BY id

-- name: alarms
SELECT id, rule_id, kind, device_id, gateway_id, period_start, period_end, value, worst, estimated, projected, threshold, usual, unit, since, opened_at,
       closed_at, outcome, returned, acknowledged_at, acknowledged_by, note
  FROM tds.alarm WHERE account_id = :account ORDER BY id

-- name: alarm_recipients
SELECT id, channel, address, kinds, closings, quiet_from, quiet_to, active, created_at, created_by, changed_at, changed_by, told_at, failing_since, fault
  FROM tds.alarm_recipient
 WHERE account_id = :account ORDER BY id

-- name: alarm_messages
SELECT id, recipient_id, trial, created_at, attempts, fault, sent_at, given_up_at FROM tds.alarm_message WHERE account_id = :account ORDER BY created_at, id

-- name: report_recipients
SELECT id, address, locale, day, hour, created_at, created_by, paused_at, resumed_at FROM tds.report_recipient WHERE account_id = :account ORDER BY id

-- name: report_mails
SELECT recipient_id, month, created_at, attempts, sent_at, given_up_at, fault FROM tds.report_mail WHERE account_id = :account ORDER BY recipient_id, month

-- name: tariffs
SELECT id, resource, valid_from, name, unit, bands, prices, schedule, demand_price, standing_charge, tax_percent, contracted_demand, excess_tolerance, excess_multiple, created_at, changed_at, changed_by
  FROM tds.tariff WHERE account_id = :account ORDER BY id

-- name: holidays
SELECT day, name FROM tds.holiday WHERE account_id = :account ORDER BY day

-- name: budgets
SELECT resource, month, measure, unit, amount FROM tds.budget WHERE account_id = :account ORDER BY resource, month

-- name: invoices
SELECT id, resource, first_day, last_day, quantity, unit, amount, created_at, created_by, version, changed_at, changed_by FROM tds.invoice WHERE account_id = :account ORDER BY id

-- name: audit
SELECT id, time, actor, action, object, before, after, address, agent FROM tds.audit WHERE account_id = :account ORDER BY id

-- name: readings of one device, oldest first
SELECT time, value FROM reading WHERE device_id = :device ORDER BY time

-- name: consumption of one device by UTC hour
SELECT bucket, quantity, estimated, covered / 1000000.0 AS covered_seconds, readings, minimum, maximum FROM consumption_hour
 WHERE device_id = :device ORDER BY bucket
