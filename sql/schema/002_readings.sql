-- Readings, the ledger made from them, what a recomputation detects, and what people decide.

CREATE TABLE tds.reading (
    device_id integer NOT NULL,
    time      timestamptz NOT NULL,
    value     numeric NOT NULL,
    PRIMARY KEY (device_id, time)
);
COMMENT ON TABLE tds.reading IS 'One value of one device at one instant, as received, in the device''s unit. Never changed.';

CREATE TABLE tds.ledger (
    device_id     integer NOT NULL,
    middle        timestamptz NOT NULL,
    quantity      numeric,
    estimated     numeric,
    covered       bigint NOT NULL,
    readings      integer NOT NULL,
    value_seconds numeric,
    minimum       numeric,
    maximum       numeric,
    last          numeric,
    PRIMARY KEY (device_id, middle)
);
COMMENT ON TABLE tds.ledger IS 'Consumption per device and UTC quarter-hour, derived from readings; rewritten only by recomputation.';
COMMENT ON COLUMN tds.ledger.middle IS 'Start of the quarter-hour plus 7 min 30 s (see sql/README.md for why).';
COMMENT ON COLUMN tds.ledger.quantity IS 'Consumption in device units; null where no pair of readings reaches into the slot, and for gauges.';
COMMENT ON COLUMN tds.ledger.estimated IS 'The part of quantity that is not measured: spread over a gap, or of an event.';
COMMENT ON COLUMN tds.ledger.covered IS 'Measured time within the slot, in microseconds.';
COMMENT ON COLUMN tds.ledger.readings IS 'Accepted readings within the slot.';
COMMENT ON COLUMN tds.ledger.value_seconds IS 'Gauges: integral of the value over the measured time, in unit seconds.';

CREATE TABLE tds.ledger_state (
    device_id  integer PRIMARY KEY REFERENCES tds.device (id) ON DELETE CASCADE,
    first_time timestamptz,
    last_time  timestamptz,
    last_value numeric,
    odd_time   timestamptz
);
COMMENT ON TABLE tds.ledger_state IS 'How far the ledger of a device reaches: first and last accepted reading, and the last reading of a pair that was not plain. Its row is the lock of a recomputation.';

CREATE TABLE tds.dirty (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    device_id integer NOT NULL,
    low       timestamptz NOT NULL,
    high      timestamptz NOT NULL,
    whole     boolean NOT NULL DEFAULT false,
    queued_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE tds.dirty IS 'Ranges of readings that the ledger does not know yet; written in the transaction that stores the readings.';
CREATE INDEX dirty_device ON tds.dirty (device_id);

CREATE TABLE tds.event (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    device_id    integer NOT NULL REFERENCES tds.device (id) ON DELETE CASCADE,
    kind         text NOT NULL CHECK (kind IN ('rollover', 'reset', 'replacement', 'glitch', 'unresolved')),
    at           timestamptz NOT NULL,
    since        timestamptz NOT NULL,
    value_before numeric NOT NULL,
    value_after  numeric NOT NULL,
    correction   numeric NOT NULL,
    readings     integer NOT NULL DEFAULT 0,
    lowest       numeric,
    highest      numeric,
    detected_at  timestamptz NOT NULL DEFAULT now(),
    UNIQUE (device_id, at, kind)
);
COMMENT ON TABLE tds.event IS 'What a recomputation detected: every pair of accepted readings that is not plain, and every run of glitches. An output: rewritten with the ledger.';
COMMENT ON COLUMN tds.event.at IS 'The later reading of the pair; for a glitch the reading that returned.';
COMMENT ON COLUMN tds.event.since IS 'The earlier reading of the pair; for a glitch the last reading before the run.';
COMMENT ON COLUMN tds.event.correction IS 'Increment taken, less the plain difference of the two registers.';
COMMENT ON COLUMN tds.event.readings IS 'Glitch: how many readings were left out, between lowest and highest.';

CREATE TABLE tds.decision (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    device_id  integer NOT NULL REFERENCES tds.device (id) ON DELETE CASCADE,
    kind       text NOT NULL CHECK (kind IN ('replacement', 'accept', 'correct', 'ignore')),
    at         timestamptz NOT NULL,
    event_kind text,
    final      numeric,
    initial    numeric,
    decided_at timestamptz NOT NULL DEFAULT now(),
    decided_by text NOT NULL,
    undone_at  timestamptz,
    undone_by  text,
    CHECK ((kind IN ('replacement', 'correct')) = (final IS NOT NULL AND initial IS NOT NULL))
);
COMMENT ON TABLE tds.decision IS 'What a person said of an event, or a replacement recorded. An input of every recomputation; undone, never deleted.';
CREATE UNIQUE INDEX decision_standing ON tds.decision (device_id, at, (kind = 'accept')) WHERE undone_at IS NULL;

CREATE TABLE tds.revised (
    device_id  integer NOT NULL REFERENCES tds.device (id) ON DELETE CASCADE,
    middle     timestamptz NOT NULL,
    revised_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (device_id, middle)
);
COMMENT ON TABLE tds.revised IS 'Quarter-hours that changed after they were first complete. A log beside the ledger: depends on the order of arrival.';

CREATE TABLE tds.rejection (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    received_at   timestamptz NOT NULL,
    account_id    integer REFERENCES tds.account (id) ON DELETE CASCADE,
    gateway_id    integer REFERENCES tds.gateway (id) ON DELETE CASCADE,
    mac           text,
    device_code   text,
    reason        text NOT NULL CHECK (reason IN ('not_json', 'schema', 'mac_mismatch', 'unknown_gateway', 'unknown_device',
                      'inactive_device', 'bad_timestamp', 'future_timestamp', 'too_old', 'bad_value', 'negative_value',
                      'unit_mismatch', 'conflicting_duplicate', 'too_large')),
    detail        text NOT NULL DEFAULT '',
    topic         text NOT NULL,
    payload       bytea NOT NULL,
    digest        bytea NOT NULL UNIQUE
);
COMMENT ON TABLE tds.rejection IS 'A message, or a part of one, that was not stored: the reason and its bytes.';
COMMENT ON COLUMN tds.rejection.digest IS 'SHA-256 of topic, reason, device code and bytes: a redelivered message is rejected once.';
CREATE INDEX rejection_account ON tds.rejection (account_id, received_at DESC);
CREATE INDEX rejection_received ON tds.rejection (received_at);
