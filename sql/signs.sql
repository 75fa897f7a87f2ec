-- Signs of life, for `tds doctor`: what the database knows of processes that run elsewhere.

-- name: write_something A file that grows, as every batch makes one grow; rolled back. A full disk refuses it, and a server that only reads.
CREATE TABLE tds.doctor_wrote AS SELECT repeat(md5(n::text), 8) AS filling FROM generate_series(1, 4000) AS n

-- name: ingester_at_work Whether somebody holds the lock of a client id.
SELECT EXISTS (
    SELECT FROM pg_locks l, (SELECT hashtextextended('tds ingest ' || cast(:client AS text), 0) AS key) k
     WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
       AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
       AND l.classid = ((k.key >> 32) & 4294967295)::oid AND l.objid = (k.key & 4294967295)::oid)

-- name: gateways by how they do, and when the last one was heard
SELECT count(*) FILTER (WHERE state = 'online') AS online, count(*) FILTER (WHERE state = 'offline') AS offline,
       max(last_seen_at) AS heard FROM tds.gateway_state(now())

-- name: rejections_lately By reason, of the last hour.
SELECT reason, count(*) AS times, count(DISTINCT mac) AS gateways, min(mac) AS mac FROM tds.rejection
 WHERE received_at > now() - interval '1 hour' GROUP BY reason ORDER BY times DESC

-- name: unkept_lately What was refused and not even kept, of the last hour.
SELECT coalesce(g.mac, 'gateways that nobody registered') AS mac, t.unkept FROM tds.rejection_tally t
  LEFT JOIN tds.gateway g ON g.id = t.gateway_id
 WHERE t.unkept_to > now() - interval '1 hour' ORDER BY t.unkept DESC LIMIT 1

-- name: orders_waiting How many orders to the authority wait, and since when.
SELECT count(*) AS orders, min(ordered_at) AS since FROM tds.certificate_order WHERE state = 'ordered'
