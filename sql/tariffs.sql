-- Tariffs, holidays, budgets and invoices, as tariffs.py, holidays.py, budgets.py and invoices.py ask. The web login sees one
-- account whatever is asked; the owner is told which.

-- name: tariffs of an account, by resource and the day from which each is valid
SELECT id, account_id, version, changed_at, changed_by, resource, valid_from, name, unit, bands, prices, schedule, demand_price, standing_charge, tax_percent, contracted_demand,
       excess_tolerance, excess_multiple
  FROM tds.tariff WHERE account_id = :account ORDER BY resource, valid_from

-- name: tariff by its number
SELECT id, account_id, version, changed_at, changed_by, resource, valid_from, name, unit, bands, prices, schedule, demand_price, standing_charge, tax_percent, contracted_demand,
       excess_tolerance, excess_multiple
  FROM tds.tariff WHERE id = :id

-- name: hold_tariff until the end of the transaction
SELECT FROM tds.tariff WHERE id = :id FOR UPDATE

-- name: add_tariff
INSERT INTO tds.tariff (account_id, resource, valid_from, name, unit, bands, prices, schedule, demand_price, standing_charge, tax_percent, contracted_demand,
                        excess_tolerance, excess_multiple)
VALUES (:account, :resource, :valid_from, :name, :unit, CAST(:bands AS smallint[]), CAST(:prices AS numeric[]), CAST(:schedule AS smallint[]),
        :demand, :standing, :tax, :contracted, :tolerance, :excess) RETURNING id

-- name: change_tariff
UPDATE tds.tariff SET name = :name, unit = :unit, bands = CAST(:bands AS smallint[]), prices = CAST(:prices AS numeric[]),
       schedule = CAST(:schedule AS smallint[]), demand_price = :demand, standing_charge = :standing, tax_percent = :tax,
       contracted_demand = :contracted, excess_tolerance = :tolerance, excess_multiple = :excess WHERE id = :id

-- name: remove_tariff
DELETE FROM tds.tariff WHERE id = :id

-- name: zone of an account
SELECT timezone FROM tds.account WHERE id = :account

-- name: holidays of an account
SELECT day, name FROM tds.holiday WHERE account_id = :account ORDER BY day

-- name: add_holidays that are not there yet
INSERT INTO tds.holiday (account_id, day, name)
SELECT :account, day, name FROM unnest(CAST(:days AS date[]), CAST(:names AS text[])) AS h (day, name)
ON CONFLICT DO NOTHING RETURNING day, name

-- name: remove_holiday
DELETE FROM tds.holiday WHERE account_id = :account AND day = :day RETURNING day, name

-- name: budgets of an account
SELECT resource, month, measure, unit, amount FROM tds.budget WHERE account_id = :account ORDER BY resource, month

-- name: hold_budget of a month until the end of the transaction
SELECT resource, month, measure, unit, amount FROM tds.budget WHERE account_id = :account AND resource = :resource AND month = :month FOR UPDATE

-- name: set_budget, `over` one that is there
INSERT INTO tds.budget AS b (account_id, resource, month, measure, unit, amount) VALUES (:account, :resource, :month, :measure, :unit, :amount)
ON CONFLICT (account_id, resource, month) DO UPDATE SET measure = excluded.measure, unit = excluded.unit, amount = excluded.amount
 WHERE :over OR (b.measure, b.unit, b.amount) = (excluded.measure, excluded.unit, excluded.amount)
RETURNING resource

-- name: remove_budget
DELETE FROM tds.budget WHERE account_id = :account AND resource = :resource AND month = :month RETURNING resource, month, measure, unit, amount

-- name: invoices of an account, the newest period first
SELECT id, resource, first_day, last_day, quantity, unit, amount, created_at, created_by, version, changed_at, changed_by FROM tds.invoice
 WHERE account_id = :account AND (CAST(:resource AS text) IS NULL OR resource = :resource) ORDER BY first_day DESC, id DESC LIMIT :limit

-- name: every_invoice of an account, by number
SELECT id, resource, first_day, last_day, quantity, unit, amount, created_at, created_by, version, changed_at, changed_by FROM tds.invoice
 WHERE account_id = :account AND (CAST(:resource AS text) IS NULL OR resource = :resource) ORDER BY id

-- name: lock_invoices of an account until the end of the transaction: of two that overlap, typed at once, the second is told
SELECT pg_advisory_xact_lock(7245123, CAST(:account AS integer))

-- name: overlapping invoice of the same resource
SELECT id, resource, first_day, last_day, quantity, unit, amount, created_at, created_by, version, changed_at, changed_by FROM tds.invoice
 WHERE account_id = :account AND resource = :resource AND first_day <= :last_day AND last_day >= :first_day AND id <> :id ORDER BY first_day LIMIT 1

-- name: add_invoice
INSERT INTO tds.invoice (account_id, resource, first_day, last_day, quantity, unit, amount, created_by)
VALUES (:account, :resource, :first_day, :last_day, :quantity, :unit, :amount, :by) RETURNING id

-- name: invoice by its number
SELECT id, resource, first_day, last_day, quantity, unit, amount, created_at, created_by, version, changed_at, changed_by FROM tds.invoice WHERE id = :id

-- name: hold_invoice until the end of the transaction
SELECT FROM tds.invoice WHERE id = :id FOR UPDATE

-- name: change_invoice
UPDATE tds.invoice SET resource = :resource, first_day = :first_day, last_day = :last_day, quantity = :quantity, unit = :unit, amount = :amount WHERE id = :id

-- name: remove_invoice
DELETE FROM tds.invoice WHERE id = :id
