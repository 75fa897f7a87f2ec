-- Accounts, gateways and devices as the operator registers, finds and changes them.

-- name: find_account by its name
SELECT id, name, timezone, locale, currency FROM tds.account WHERE name = :name

-- name: list_accounts by name
SELECT id, name, timezone, locale, currency FROM tds.account ORDER BY name

-- name: add_account
INSERT INTO tds.account (name, timezone, locale, currency) VALUES (:name, :timezone, :locale, :currency) RETURNING id

-- name: set_account What is given; null leaves it as it is.
UPDATE tds.account
   SET silent_intervals = coalesce(:silent, silent_intervals), stuck_hours = coalesce(:stuck, stuck_hours), second_factor = coalesce(:factor, second_factor)
 WHERE id = :id

-- name: knows_zone Whether the database knows a time zone.
SELECT EXISTS (SELECT FROM pg_timezone_names WHERE name = :zone)

-- name: note_zone
INSERT INTO tds.zone (name, slug) VALUES (:zone, :slug) ON CONFLICT DO NOTHING

-- name: gateway_in_use by its MAC
SELECT id FROM tds.gateway WHERE mac = :mac AND retired_at IS NULL

-- name: add_gateway
INSERT INTO tds.gateway (account_id, mac, name, capacity) VALUES (:account, :mac, :name, :capacity) RETURNING id

-- name: list_gateways Each with its account, number of devices and last message.
SELECT g.id, a.name, g.mac, g.name, g.capacity, (SELECT count(*) FROM tds.device d WHERE d.gateway_id = g.id AND d.retired_at IS NULL),
       s.last_seen_at, g.retired_at
  FROM tds.gateway g
  JOIN tds.account a ON a.id = g.account_id
  LEFT JOIN tds.gateway_seen s ON s.gateway_id = g.id
 ORDER BY a.name, g.mac, g.id

-- name: hold_gateway until the end of the transaction
SELECT account_id, mac, capacity, retired_at FROM tds.gateway WHERE id = :id FOR UPDATE

-- name: codes_held The codes in use behind a gateway, of all but one device.
SELECT code FROM tds.device WHERE gateway_id = :id AND retired_at IS NULL AND id IS DISTINCT FROM CAST(:own AS integer)

-- name: device_in_use by its gateway's MAC and its code
SELECT d.id
  FROM tds.device d
  JOIN tds.gateway g ON g.id = d.gateway_id
 WHERE g.mac = :mac AND d.code = :code AND g.retired_at IS NULL AND d.retired_at IS NULL

-- name: place_of_device Whose a device is, in which zone, and how it is named.
SELECT d.account_id, a.timezone, g.mac, d.code
  FROM tds.device d
  JOIN tds.gateway g ON g.id = d.gateway_id
  JOIN tds.account a ON a.id = d.account_id
 WHERE d.id = :id

-- name: add_device
INSERT INTO tds.device (account_id, gateway_id, code, name, kind, resource, unit, interval_seconds, max_rate, resolution, jitter, modulus, stuck_hours)
VALUES (:account, :gateway, :code, :name, :kind, :resource, :unit, :interval, :max_rate, :resolution, :jitter, :modulus, :stuck_after)
RETURNING id

-- name: hold_settings What a device is, until the end of the transaction.
SELECT kind, resource, unit, name, interval_seconds AS interval, max_rate, resolution, jitter, modulus, stuck_hours
  FROM tds.device WHERE id = :id FOR UPDATE

-- name: change_device
UPDATE tds.device
   SET kind = :kind, resource = :resource, unit = :unit, name = :name, interval_seconds = :interval, max_rate = :max_rate,
       resolution = :resolution, jitter = :jitter, modulus = :modulus, stuck_hours = :stuck_after
 WHERE id = :id

-- name: has_readings Whether anything is stored of a device.
SELECT tds.has_readings(:id)

-- name: newest_register of a device; null where there is none
SELECT tds.newest_register(:id)
