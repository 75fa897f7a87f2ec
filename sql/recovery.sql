-- What a backup says of a database, and what a restore asks of the one it goes into.

-- name: facts of a database, at this transaction's instant
SELECT current_database() AS database, (SELECT rolname FROM pg_database d JOIN pg_roles r ON r.oid = d.datdba WHERE datname = current_database()) AS owner,
       current_user AS login, now() AS at, current_setting('server_version_num')::integer AS server,
       (SELECT extversion FROM pg_extension WHERE extname = 'timescaledb') AS timescaledb,
       (SELECT value FROM tds.meta WHERE key = 'engine') AS engine, pg_database_size(current_database()) AS bytes

-- name: holds Counts what a person knows a backup by.
SELECT (SELECT count(*) FROM tds.account) AS accounts, (SELECT count(*) FROM tds.app_user) AS users,
       (SELECT count(*) FROM tds.gateway) AS gateways, (SELECT count(*) FROM tds.device) AS devices,
       (SELECT max(time) FROM tds.device_seen) AS newest_reading

-- name: tool_logins Lists the logins of other tools.
SELECT l.login FROM tds.db_login l JOIN pg_roles r ON r.rolname = l.login ORDER BY 1

-- name: verifiers Gives what the server keeps of logins' passwords, which only a superuser may read.
SELECT rolname, rolpassword FROM pg_authid WHERE rolname = any (cast(:logins AS text[])) AND rolpassword IS NOT NULL

-- name: schemas Lists the schemas of a database that are not the server's own or TimescaleDB's.
SELECT n.nspname FROM pg_namespace n
 WHERE n.nspname !~ '^pg_' AND n.nspname NOT IN ('public', 'information_schema')
   AND NOT EXISTS (SELECT FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
                    WHERE d.classid = 'pg_namespace'::regclass AND d.objid = n.oid AND d.deptype = 'e')
   AND n.nspname !~ '^_?timescaledb_' ORDER BY 1

-- name: loose Lists what lies in schema public and belongs to no extension.
SELECT c.relname FROM pg_class c
 WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'v', 'm', 'p', 'S')
   AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e') ORDER BY 1

-- name: others Counts the connections to this database that are not this one.
SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()

-- name: server of a restore
SELECT current_setting('server_version_num')::integer AS server, (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) AS superuser,
       (SELECT extversion FROM pg_extension WHERE extname = 'timescaledb') AS timescaledb,
       array(SELECT version FROM pg_available_extension_versions WHERE name = 'timescaledb') AS offered

-- name: role_exists
SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = :login)
