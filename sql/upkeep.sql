-- What the elected worker does by night.

-- name: take_turn Takes tonight's turn, once in a day over all workers.
INSERT INTO tds.meta AS m (key, value) VALUES ('nightly', CAST(:day AS text))
ON CONFLICT (key) DO UPDATE SET value = excluded.value WHERE m.value <> excluded.value RETURNING value;

-- name: drop_readings Plain engine: takes a block of readings beyond retention out; dirty devices wait until their ledger has them.
DELETE FROM tds.reading r
 WHERE (r.device_id, r.time) IN (SELECT device_id, time FROM tds.reading o
                                  WHERE o.time < :oldest AND NOT EXISTS (SELECT FROM tds.dirty q WHERE q.device_id = o.device_id) LIMIT 50000);

-- name: lock_tallies Locks what is counted of rejections, in the order in which whoever stores them does, before any is taken out.
SELECT FROM tds.rejection_tally ORDER BY gateway_id FOR UPDATE;

-- name: drop_rejections Takes a block of rejections of more than 90 days ago out.
DELETE FROM tds.rejection
 WHERE id IN (SELECT id FROM tds.rejection WHERE received_at < now() - interval '90 days' ORDER BY received_at LIMIT 20000);

-- name: forget_unkept Forgets what was not kept, where it ended more than 90 days ago.
UPDATE tds.rejection_tally SET unkept = 0, unkept_from = NULL, unkept_to = NULL WHERE unkept_to < now() - interval '90 days';

-- name: drop_replays Takes requests to try rejections again of more than 90 days ago out.
DELETE FROM tds.replay WHERE finished_at < now() - interval '90 days';

-- name: drop_revised Takes marks of revision of more than a year ago out.
DELETE FROM tds.revised WHERE revised_at < now() - interval '366 days';

-- name: drop_delivery Takes what came late or twice more than 35 days ago out.
DELETE FROM tds.delivery WHERE slot < :oldest;

-- name: drop_alarm_messages Takes messages of alarms that were delivered, or given up, more than 35 days ago out.
DELETE FROM tds.alarm_message WHERE coalesce(sent_at, given_up_at) < :oldest;

-- name: drop_alarms Takes alarms that were over more than two years ago out.
DELETE FROM tds.alarm WHERE closed_at < now() - interval '730 days';

-- name: nightly_devices Chooses a thirtieth of the devices, another one each night.
SELECT device_id FROM tds.ledger_state WHERE device_id % 30 = :turn AND last_time IS NOT NULL ORDER BY 1;

-- name: note_difference Keeps the differences of the last night for the metric.
INSERT INTO tds.meta (key, value) VALUES ('ledger_difference', CAST(:rows AS text)) ON CONFLICT (key) DO UPDATE SET value = excluded.value;
