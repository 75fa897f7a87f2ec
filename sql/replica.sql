-- A streaming replica: whose it is, and how far it has come.

-- name: primary Says which database this is, as whom we look at it, and how far it has been written.
SELECT (SELECT system_identifier FROM pg_control_system())::text AS cluster, (SELECT oid FROM pg_database WHERE datname = current_database())::text AS database,
       current_user AS login, CASE WHEN pg_is_in_recovery() THEN NULL ELSE pg_current_wal_lsn()::text END AS written

-- name: replica Says the same of a replica: how far it has replayed, and how many seconds ago the last transaction that it knows was.
SELECT (SELECT system_identifier FROM pg_control_system())::text AS cluster, (SELECT oid FROM pg_database WHERE datname = current_database())::text AS database,
       current_user AS login, pg_is_in_recovery() AS follows,
       CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() >= cast(:written AS pg_lsn) END AS level,
       extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp())::float AS behind

-- name: wrote Tells whether this transaction has changed anything.
SELECT pg_current_xact_id_if_assigned() IS NOT NULL

-- name: written How far the database has been written.
SELECT pg_current_wal_lsn()::text

-- name: knows Tells whether this replica has replayed that far.
SELECT pg_last_wal_replay_lsn() >= cast(:written AS pg_lsn)
