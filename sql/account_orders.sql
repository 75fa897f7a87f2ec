-- Exports and deletions of whole accounts, as account_orders.py and deletion.py ask.

-- name: begin_export
INSERT INTO tds.account_order (kind, account_id, account_name, ordered_by, total) VALUES ('export', :account, :name, :by, :total) RETURNING id

-- name: move_export
UPDATE tds.account_order SET done = :done, moved_at = now() WHERE id = :id

-- name: finish_export
UPDATE tds.account_order SET finished_at = now(), moved_at = now(), outcome = cast(:outcome AS jsonb) WHERE id = :id

-- name: last_export of an account
SELECT id, done, total, ordered_at, moved_at, finished_at, ordered_by, outcome FROM tds.account_order
 WHERE kind = 'export' AND account_id = :account ORDER BY ordered_at DESC LIMIT 1

-- name: order_deletion of an account
SELECT web.order_deletion(:account)

-- name: close_account as the owner
SELECT tds.close_account(:account, :by)

-- name: deletion by its number
SELECT done, total, ordered_at, moved_at, finished_at FROM web.deletion(cast(:id AS uuid))

-- name: next_deletion Takes the oldest that nobody works on; what was still on its way when it was ordered has arrived by now.
SELECT id, account_id, account_name, ordered_by, ordered_at FROM tds.account_order
 WHERE kind = 'deletion' AND finished_at IS NULL AND ordered_at < now() - cast(:settling AS interval)
 ORDER BY ordered_at LIMIT 1 FOR UPDATE SKIP LOCKED

-- name: devices_left of an account being deleted
SELECT id FROM tds.device WHERE account_id = :account AND id > :after ORDER BY id LIMIT :limit

-- name: drop_dirty of a device
DELETE FROM tds.dirty WHERE device_id = :device

-- name: move_deletion
UPDATE tds.account_order SET done = done + :devices, moved_at = now() WHERE id = :id

-- name: drop_device
DELETE FROM tds.device WHERE id = :device

-- name: drop_rejections of an account, in blocks
DELETE FROM tds.rejection WHERE id = any (array(SELECT id FROM tds.rejection WHERE account_id = :account LIMIT 5000))

-- name: logins of tools
SELECT login FROM tds.db_login WHERE account_id = :account

-- name: drop_account with all that hangs on it
DELETE FROM tds.account WHERE id = :account

-- name: drop_people who belong to nothing any more; given are those who belonged to the account
DELETE FROM tds.app_user u WHERE u.id = any (cast(:users AS integer[])) AND NOT u.operator
   AND NOT EXISTS (SELECT FROM tds.membership m WHERE m.user_id = u.id)

-- name: members_of an account
SELECT user_id FROM tds.membership WHERE account_id = :account

-- name: forget_gateways of an account: their names stay nowhere but in the list of certificates
DELETE FROM tds.gateway WHERE account_id = :account

-- name: finish_deletion
UPDATE tds.account_order SET finished_at = now(), moved_at = now(), done = total, account_name = '', ordered_by = '' WHERE id = :id

-- name: add_login of a tool
INSERT INTO tds.db_login (login, account_id) VALUES (:login, :account)

-- name: drop_login of a tool
DELETE FROM tds.db_login WHERE login = :login RETURNING account_id

-- name: end_sessions of a login; each is waited for, else what it holds would be in the way
SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = :login

-- name: role_exists
SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = :login)

-- name: holdings of an account: gateways, devices, members
SELECT (SELECT count(*) FROM tds.gateway WHERE account_id = :account), (SELECT count(*) FROM tds.device WHERE account_id = :account),
       (SELECT count(*) FROM tds.membership WHERE account_id = :account)
