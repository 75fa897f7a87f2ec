-- Accounts, people, gateways and devices: what a person creates.
-- Runs as the owner; usable alone with `psql -f` on an empty database.

CREATE SCHEMA IF NOT EXISTS tds;
CREATE SCHEMA IF NOT EXISTS web;

CREATE TABLE tds.meta (
    key   text PRIMARY KEY,
    value text NOT NULL
);
COMMENT ON TABLE tds.meta IS 'Facts about this database itself: engine (timescaledb or plain), days of retention.';

CREATE TABLE tds.zone (
    name     text PRIMARY KEY,
    slug     text NOT NULL UNIQUE,
    ready_at timestamptz
);
COMMENT ON TABLE tds.zone IS 'Time zones in use by an account; ready_at is set once the rollups of the zone exist and hold the history.';

CREATE TABLE tds.account (
    id         integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name       text NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 200),
    timezone   text NOT NULL REFERENCES tds.zone (name),
    locale     text NOT NULL CHECK (locale IN ('pt-BR', 'en')),
    currency   text NOT NULL DEFAULT 'BRL' CHECK (currency ~ '^[A-Z]{3}$'),
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE tds.app_user (
    id            integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    email         text NOT NULL CHECK (email = lower(email) AND length(email) BETWEEN 3 AND 254),
    password_hash text NOT NULL,
    epoch         integer NOT NULL DEFAULT 0,
    locale        text CHECK (locale IN ('pt-BR', 'en')),
    created_at    timestamptz NOT NULL DEFAULT now(),
    disabled_at   timestamptz,
    UNIQUE (email)
);
COMMENT ON COLUMN tds.app_user.epoch IS 'Raised to end every session of the user at once; part of the session cookie.';

CREATE TABLE tds.membership (
    user_id    integer NOT NULL REFERENCES tds.app_user (id) ON DELETE CASCADE,
    account_id integer NOT NULL REFERENCES tds.account (id) ON DELETE CASCADE,
    role       text NOT NULL CHECK (role IN ('admin', 'editor', 'viewer')),
    PRIMARY KEY (user_id, account_id)
);
CREATE INDEX membership_account ON tds.membership (account_id);

CREATE TABLE tds.db_login (
    login      text PRIMARY KEY,
    account_id integer NOT NULL REFERENCES tds.account (id) ON DELETE CASCADE
);
COMMENT ON TABLE tds.db_login IS 'Database logins for Grafana and notebooks; the web views show such a login its account and nothing else.';

CREATE TABLE tds.gateway (
    id         integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id integer NOT NULL REFERENCES tds.account (id) ON DELETE CASCADE,
    mac        text NOT NULL CHECK (mac ~ '^([0-9a-f]{2}:){5}[0-9a-f]{2}$'),
    name       text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    capacity   smallint NOT NULL DEFAULT 8 CHECK (capacity BETWEEN 1 AND 32),
    created_at timestamptz NOT NULL DEFAULT now(),
    retired_at timestamptz,
    UNIQUE (id, account_id)
);
COMMENT ON TABLE tds.gateway IS 'A gateway never changes account: it is retired and registered anew.';
CREATE UNIQUE INDEX gateway_mac ON tds.gateway (mac) WHERE retired_at IS NULL;
CREATE INDEX gateway_account ON tds.gateway (account_id);

CREATE TABLE tds.device (
    id               integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id       integer NOT NULL,
    gateway_id       integer NOT NULL,
    code             text NOT NULL CHECK (length(code) BETWEEN 1 AND 64),
    name             text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    kind             text NOT NULL CHECK (kind IN ('counter', 'interval', 'gauge')),
    resource         text NOT NULL CHECK (resource IN ('electricity', 'water', 'gas', 'temperature', 'other')),
    unit             text NOT NULL CHECK (length(unit) BETWEEN 1 AND 16),
    interval_seconds integer NOT NULL DEFAULT 900 CHECK (interval_seconds BETWEEN 1 AND 31622400),
    max_rate         numeric NOT NULL CHECK (max_rate > 0 AND max_rate < 1e15),
    resolution       numeric NOT NULL DEFAULT 1 CHECK (resolution >= 0 AND resolution < 1e15),
    jitter           numeric CHECK (jitter >= 0 AND jitter < 1e15),
    modulus          numeric CHECK (modulus > 0 AND modulus <= 1e15),
    active           boolean NOT NULL DEFAULT true,
    created_at       timestamptz NOT NULL DEFAULT now(),
    retired_at       timestamptz,
    FOREIGN KEY (gateway_id, account_id) REFERENCES tds.gateway (id, account_id) ON DELETE CASCADE
);
COMMENT ON COLUMN tds.device.max_rate IS 'Largest believable consumption, in device units per hour.';
COMMENT ON COLUMN tds.device.resolution IS 'Smallest step of the register, in device units.';
COMMENT ON COLUMN tds.device.jitter IS 'Largest fall that is noise and not an event; null: the resolution.';
COMMENT ON COLUMN tds.device.modulus IS 'Where the register wraps to zero (10000 for a four-digit register); null: it does not.';
CREATE UNIQUE INDEX device_code ON tds.device (gateway_id, code) WHERE retired_at IS NULL;
CREATE INDEX device_account ON tds.device (account_id);

-- Last-seen is kept apart, so that a stored batch does not wake every ingester's directory.
CREATE TABLE tds.gateway_seen (
    gateway_id   integer PRIMARY KEY REFERENCES tds.gateway (id) ON DELETE CASCADE,
    last_seen_at timestamptz NOT NULL,
    online       boolean NOT NULL DEFAULT true
);
COMMENT ON COLUMN tds.gateway_seen.online IS 'False after the gateway''s last will; true again with its next message.';

CREATE TABLE tds.device_seen (
    device_id   integer PRIMARY KEY REFERENCES tds.device (id) ON DELETE CASCADE,
    time        timestamptz NOT NULL,
    value       numeric NOT NULL,
    received_at timestamptz NOT NULL
);
COMMENT ON TABLE tds.device_seen IS 'The newest reading of each device by its own time, and when it arrived.';

CREATE TABLE tds.certificate (
    serial      text PRIMARY KEY,
    purpose     text NOT NULL CHECK (purpose IN ('root', 'intermediate', 'broker', 'ingester', 'gateway', 'bootstrap')),
    common_name text NOT NULL,
    fingerprint text NOT NULL,
    not_before  timestamptz NOT NULL,
    not_after   timestamptz NOT NULL,
    issued_at   timestamptz NOT NULL DEFAULT now(),
    issued_by   text NOT NULL DEFAULT '',
    revoked_at  timestamptz,
    reason      text
);
COMMENT ON TABLE tds.certificate IS 'What the authority has issued: never a key. serial is lower-case hexadecimal.';
CREATE INDEX certificate_name ON tds.certificate (common_name);

-- A change in the register reaches the memory of every ingester through this channel.
CREATE FUNCTION tds.announce_directory() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NOTIFY tds_directory;
    RETURN NULL;
END
$$;
CREATE TRIGGER announce AFTER INSERT OR UPDATE OR DELETE ON tds.account FOR EACH STATEMENT EXECUTE FUNCTION tds.announce_directory();
CREATE TRIGGER announce AFTER INSERT OR UPDATE OR DELETE ON tds.gateway FOR EACH STATEMENT EXECUTE FUNCTION tds.announce_directory();
CREATE TRIGGER announce AFTER INSERT OR UPDATE OR DELETE ON tds.device FOR EACH STATEMENT EXECUTE FUNCTION tds.announce_directory();
