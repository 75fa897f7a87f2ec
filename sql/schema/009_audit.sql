-- Audit: who changed what, when, from where. And what people order of the certificate authority: the web login has no signing
-- key, so it writes down what it wants, and the authority, where the key is, carries it out.

CREATE TABLE tds.audit (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    time       timestamptz NOT NULL DEFAULT now(),
    account_id integer REFERENCES tds.account (id) ON DELETE CASCADE,
    user_id    integer REFERENCES tds.app_user (id) ON DELETE SET NULL,
    actor      text NOT NULL CHECK (length(actor) BETWEEN 1 AND 254),
    action     text NOT NULL CHECK (action ~ '^[a-z_]{1,40}\.[a-z_]{1,40}$'),
    object     text NOT NULL DEFAULT '' CHECK (length(object) <= 400),
    before     jsonb,
    after      jsonb,
    address    text NOT NULL DEFAULT '' CHECK (length(address) <= 100),
    agent      text NOT NULL DEFAULT '' CHECK (length(agent) <= 100)
);
COMMENT ON TABLE tds.audit IS 'Who changed what, when, from where; written in the transaction of the change, never changed afterwards.';
COMMENT ON COLUMN tds.audit.account_id IS 'Whose it is to see; null: the operator''s alone.';
COMMENT ON COLUMN tds.audit.actor IS 'An e-mail address, or the system: command line.';
COMMENT ON COLUMN tds.audit.agent IS 'The browser, shortened.';
CREATE INDEX audit_account ON tds.audit (account_id, id DESC);

CREATE TABLE tds.authority (
    at_work boolean PRIMARY KEY DEFAULT true CHECK (at_work),
    chain   text NOT NULL,
    issuer  text NOT NULL,
    host    text NOT NULL,
    port    integer NOT NULL,
    topic   text NOT NULL,
    seen_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE tds.authority IS 'The one authority that carries out orders, as long as seen_at is some seconds old; and what goes with every certificate.';
COMMENT ON COLUMN tds.authority.chain IS 'Root and intermediate in PEM: the file ca.crt.';
COMMENT ON COLUMN tds.authority.issuer IS 'The certificate that signs gateways, in PEM: sent by them after their own.';

CREATE TABLE tds.certificate_batch (
    id         integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id integer NOT NULL REFERENCES tds.account (id) ON DELETE CASCADE,
    name       text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    created_at timestamptz NOT NULL DEFAULT now(),
    created_by text NOT NULL,
    active_at  timestamptz,
    UNIQUE (id, account_id)
);
COMMENT ON TABLE tds.certificate_batch IS 'Many orders from one file, one for each of its lines.';
COMMENT ON COLUMN tds.certificate_batch.active_at IS 'Kept fresh while somebody downloads it: one at a time.';
CREATE INDEX certificate_batch_account ON tds.certificate_batch (account_id, id DESC);

CREATE TABLE tds.certificate_order (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id   integer NOT NULL REFERENCES tds.account (id) ON DELETE CASCADE,
    batch_id     integer,
    line         integer,
    given        text NOT NULL DEFAULT '' CHECK (length(given) <= 100),
    gateway_id   integer,
    kind         text NOT NULL CHECK (kind IN ('issue', 'sign', 'revoke')),
    request      text CHECK (length(request) <= 8192),
    serial       text,
    reason       text CHECK (length(reason) <= 200),
    state        text NOT NULL CHECK (state IN ('planned', 'ordered', 'done', 'refused')),
    certificate  text,
    outcome      jsonb,
    user_id      integer REFERENCES tds.app_user (id) ON DELETE SET NULL,
    actor        text NOT NULL,
    address      text NOT NULL DEFAULT '' CHECK (length(address) <= 100),
    agent        text NOT NULL DEFAULT '' CHECK (length(agent) <= 100),
    ordered_at   timestamptz,
    done_at      timestamptz,
    delivered_at timestamptz,
    FOREIGN KEY (batch_id, account_id) REFERENCES tds.certificate_batch (id, account_id) ON DELETE CASCADE,
    FOREIGN KEY (gateway_id, account_id) REFERENCES tds.gateway (id, account_id) ON DELETE CASCADE,
    CHECK (state IN ('planned', 'refused') OR gateway_id IS NOT NULL)
);
COMMENT ON TABLE tds.certificate_order IS 'What people order of the authority, and what became of it. A request holds a public key; no private key is ever here.';
COMMENT ON COLUMN tds.certificate_order.given IS 'What the line of a batch names, as it stands in the file.';
COMMENT ON COLUMN tds.certificate_order.serial IS 'To be revoked, or as issued.';
COMMENT ON COLUMN tds.certificate_order.outcome IS 'Of what was refused: key, values and sentence. Of a revocation: what the broker makes of it.';
CREATE INDEX certificate_order_open ON tds.certificate_order (id) WHERE state = 'ordered';
CREATE INDEX certificate_order_batch ON tds.certificate_order (batch_id, line);
CREATE INDEX certificate_order_account ON tds.certificate_order (account_id);

CREATE FUNCTION tds.announce_order() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NOTIFY tds_authority;
    RETURN NULL;
END
$$;
CREATE TRIGGER announce AFTER INSERT OR UPDATE OF request ON tds.certificate_order
    FOR EACH STATEMENT EXECUTE FUNCTION tds.announce_order();

-- A certificate is seen by the account whose gateway has its name now; where none has, by the last that had. A set, so that it
-- is made once for a query and not once for a row.
CREATE FUNCTION tds.own_macs() RETURNS SETOF text LANGUAGE sql STABLE SECURITY DEFINER SET search_path = tds, pg_temp AS $$
    SELECT g.mac FROM tds.gateway g
     WHERE g.account_id = tds.current_account()
       AND (g.retired_at IS NULL OR NOT EXISTS (SELECT FROM tds.gateway o WHERE o.mac = g.mac AND o.account_id <> g.account_id
                                                   AND (o.retired_at IS NULL OR (o.retired_at, o.id) > (g.retired_at, g.id))))
$$;
COMMENT ON FUNCTION tds.own_macs IS 'The MACs that belong to the account this transaction acts for: those it has in use, and those that nobody else had after it.';
REVOKE ALL ON FUNCTION tds.own_macs FROM PUBLIC;
CREATE INDEX gateway_any_mac ON tds.gateway (mac);

CREATE FUNCTION tds.is_admin() RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER SET search_path = tds, pg_temp AS $$
    SELECT EXISTS (SELECT FROM tds.membership m JOIN tds.app_user u ON u.id = m.user_id
                    WHERE m.account_id = tds.current_account() AND m.user_id = tds.current_user_id() AND m.role = 'admin'
                      AND u.disabled_at IS NULL)
$$;
COMMENT ON FUNCTION tds.is_admin IS 'Whether the user that this transaction acts for is an admin of the account that it acts for.';
REVOKE ALL ON FUNCTION tds.is_admin FROM PUBLIC;

-- Signing in and out belongs to every account that the person has a place in. Whoever is unknown is not written down: people
-- type passwords into the wrong field.
CREATE FUNCTION web.note_sign_in(wanted text, what text, whence text, browser text) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = tds, pg_temp AS $$
    INSERT INTO tds.audit (account_id, user_id, actor, action, address, agent)
    SELECT m.account_id, u.id, coalesce(u.email, '?'), what, left(whence, 100), left(browser, 100)
      FROM (SELECT 1) AS one LEFT JOIN tds.app_user u ON u.email = lower(wanted) LEFT JOIN tds.membership m ON m.user_id = u.id
     WHERE what IN ('sign_in.done', 'sign_in.failed', 'sign_out.done')
$$;
REVOKE ALL ON FUNCTION web.note_sign_in FROM PUBLIC;

ALTER TABLE tds.audit ENABLE ROW LEVEL SECURITY;
ALTER TABLE tds.certificate_batch ENABLE ROW LEVEL SECURITY;
ALTER TABLE tds.certificate_order ENABLE ROW LEVEL SECURITY;

DROP POLICY web_certificate ON tds.certificate;
CREATE POLICY web_certificate ON tds.certificate TO :"web"
    USING (purpose = 'gateway' AND common_name IN (SELECT tds.own_macs()));

-- Read by admins; added to by whoever does something, under their own name.
CREATE POLICY web_audit_read ON tds.audit FOR SELECT TO :"web"
    USING (account_id = tds.current_account() AND (SELECT tds.is_admin()));
CREATE POLICY web_audit_write ON tds.audit FOR INSERT TO :"web"
    WITH CHECK (account_id = tds.current_account() AND user_id = tds.current_user_id()
                AND actor = (SELECT email FROM tds.app_user WHERE id = tds.current_user_id()));

CREATE POLICY web_batch ON tds.certificate_batch TO :"web"
    USING (account_id = tds.current_account()) WITH CHECK (account_id = tds.current_account() AND (SELECT tds.is_admin()));

-- Admins order certificates for gateways that their account has in use, and revoke those that it may see.
CREATE POLICY web_order_read ON tds.certificate_order FOR SELECT TO :"web" USING (account_id = tds.current_account());
CREATE POLICY web_order_write ON tds.certificate_order FOR INSERT TO :"web"
    WITH CHECK (account_id = tds.current_account() AND (SELECT tds.is_admin()) AND user_id = tds.current_user_id() AND CASE
        WHEN kind = 'revoke' THEN state = 'ordered' AND gateway_id IN (SELECT id FROM tds.gateway) AND serial IN (SELECT serial FROM tds.certificate)
        WHEN state = 'refused' THEN true
        ELSE state <> 'done' AND gateway_id IN (SELECT id FROM tds.gateway WHERE retired_at IS NULL) END);
CREATE POLICY web_order_change ON tds.certificate_order FOR UPDATE TO :"web"
    USING (account_id = tds.current_account() AND (SELECT tds.is_admin()) AND kind <> 'revoke')
    WITH CHECK (account_id = tds.current_account() AND (gateway_id IS NULL OR gateway_id IN (SELECT id FROM tds.gateway WHERE retired_at IS NULL)));

GRANT EXECUTE ON FUNCTION tds.own_macs, tds.is_admin, web.note_sign_in TO :"web";
GRANT SELECT ON tds.audit, tds.authority, tds.certificate_batch, tds.certificate_order TO :"web";
GRANT INSERT (account_id, user_id, actor, action, object, before, after, address, agent) ON tds.audit TO :"web";
GRANT INSERT (account_id, name, created_by), UPDATE (active_at) ON tds.certificate_batch TO :"web";
GRANT INSERT (account_id, batch_id, line, given, gateway_id, kind, request, serial, reason, state, outcome, user_id, actor, address, agent, ordered_at)
   ON tds.certificate_order TO :"web";
GRANT UPDATE (request, state, outcome, user_id, actor, address, agent, ordered_at, delivered_at) ON tds.certificate_order TO :"web";
