-- What every column of the views for other tools means: Grafana and psql show it.

COMMENT ON COLUMN web.device.id IS 'Number of the device; device_id of the other views';
COMMENT ON COLUMN web.device.account_id IS 'Account that owns it';
COMMENT ON COLUMN web.device.gateway_id IS 'Gateway that it is behind, as in web.gateway.id';
COMMENT ON COLUMN web.device.name IS 'Name that people gave it; may be null';
COMMENT ON COLUMN web.device.kind IS 'counter (a register), interval (an amount since the reading before) or gauge (a level)';
COMMENT ON COLUMN web.device.resource IS 'electricity, water, gas, temperature or other';
COMMENT ON COLUMN web.device.interval_seconds IS 'Seconds from one reading to the next, as expected';
COMMENT ON COLUMN web.device.resolution IS 'Smallest step that its register shows';
COMMENT ON COLUMN web.device.jitter IS 'How far a register may step back without meaning anything';
COMMENT ON COLUMN web.device.modulus IS 'Value at which a register begins at 0 again; null where it never does';
COMMENT ON COLUMN web.device.active IS 'False where its readings are refused until it is switched on again';
COMMENT ON COLUMN web.device.created_at IS 'When it was registered';
COMMENT ON COLUMN web.device.retired_at IS 'When it was retired; null while it is in use';
COMMENT ON COLUMN web.device.last_time IS 'Instant of its newest reading';
COMMENT ON COLUMN web.device.last_value IS 'Value of its newest reading';

COMMENT ON COLUMN web.gateway.id IS 'Number of the gateway';
COMMENT ON COLUMN web.gateway.account_id IS 'Account that owns it';
COMMENT ON COLUMN web.gateway.mac IS 'MAC, lower case with colons; the common name of its certificate';
COMMENT ON COLUMN web.gateway.name IS 'Name that people gave it; may be null';
COMMENT ON COLUMN web.gateway.capacity IS 'How many devices it may have';
COMMENT ON COLUMN web.gateway.created_at IS 'When it was registered';
COMMENT ON COLUMN web.gateway.retired_at IS 'When it was retired; null while it is in use';

COMMENT ON COLUMN web.ledger.device_id IS 'Device, as in web.device.id';
COMMENT ON COLUMN web.ledger.middle IS 'Start of the quarter-hour (UTC) plus 7 min 30 s';
COMMENT ON COLUMN web.ledger.quantity IS 'Consumption in the device''s unit; null for gauges and where no pair of readings reaches';
COMMENT ON COLUMN web.ledger.estimated IS 'The part of quantity that is not measured';
COMMENT ON COLUMN web.ledger.covered IS 'Measured time within the quarter-hour, in microseconds';
COMMENT ON COLUMN web.ledger.readings IS 'Accepted readings within the quarter-hour';
COMMENT ON COLUMN web.ledger.value_seconds IS 'Gauges: integral over the measured time; divided by covered seconds it is the mean';
COMMENT ON COLUMN web.ledger.minimum IS 'Gauges: smallest reading';
COMMENT ON COLUMN web.ledger.maximum IS 'Gauges: largest reading';
COMMENT ON COLUMN web.ledger.last IS 'Last accepted reading within the quarter-hour';

COMMENT ON COLUMN web.consumption_running.name IS 'Rollup that it is a part of';
COMMENT ON COLUMN web.consumption_running.until IS 'Until when it is added up';
COMMENT ON COLUMN web.consumption_running.device_id IS 'Device, as in web.device.id';
COMMENT ON COLUMN web.consumption_running.bucket IS 'Start of the running local day or month';
COMMENT ON COLUMN web.consumption_running.quantity IS 'Consumption in the device''s unit; null for gauges and where no pair of readings reaches';
COMMENT ON COLUMN web.consumption_running.estimated IS 'The part of quantity that is not measured';
COMMENT ON COLUMN web.consumption_running.covered IS 'Measured time, in microseconds';
COMMENT ON COLUMN web.consumption_running.readings IS 'Accepted readings';
COMMENT ON COLUMN web.consumption_running.largest IS 'Largest measured quarter-hour';
COMMENT ON COLUMN web.consumption_running.value_seconds IS 'Gauges: integral over the measured time';
COMMENT ON COLUMN web.consumption_running.minimum IS 'Gauges: smallest reading';
COMMENT ON COLUMN web.consumption_running.maximum IS 'Gauges: largest reading';
