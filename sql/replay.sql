-- Trying kept rejections again. Parameters are psycopg2's %(named)s: these statements run next to those of intake.sql,
-- on a connection that has made its staging table. ingest/replay.py strings them into one transaction per batch.

-- name: waiting  The request that has waited longest and that nobody works on, or the one of a number, with its gateway's MAC.
SELECT p.id, g.mac
  FROM tds.replay p JOIN tds.gateway g ON g.id = p.gateway_id
 WHERE (%(id)s::bigint IS NULL OR p.id = %(id)s) AND (p.finished_at IS NULL OR p.again_at <= clock_timestamp())
 ORDER BY p.id FOR UPDATE OF p SKIP LOCKED LIMIT 1;

-- name: claim  Takes a request until the transaction ends, unless somebody else has it, or it is done.
SELECT id, account_id, gateway_id, device_code, reasons, position, coalesce(newest, (SELECT coalesce(max(id), 0) FROM tds.rejection)),
       finished_at IS NOT NULL
  FROM tds.replay WHERE id = %(id)s AND (finished_at IS NULL OR again_at <= clock_timestamp()) FOR UPDATE SKIP LOCKED;

-- name: batch_of_gateway  The next rejections of a gateway that a request means, in order of arrival.
SELECT id, received_at, topic, payload, digest FROM tds.rejection
 WHERE gateway_id = %(gateway)s AND id > %(position)s AND id <= %(newest)s AND reason = any (%(reasons)s)
   AND (%(code)s IS NULL OR device_code = %(code)s)
 ORDER BY id LIMIT %(most)s;

-- name: batch_of_stranger  The next rejections of a MAC from when it was registered nowhere.
SELECT id, received_at, topic, payload, digest FROM tds.rejection
 WHERE mac = %(mac)s AND gateway_id IS NULL AND account_id IS NULL AND reason = 'unknown_gateway' AND id > %(position)s AND id <= %(newest)s
 ORDER BY id LIMIT %(most)s;

-- name: take_out  Removes what is stored now, or rejected anew.
DELETE FROM tds.rejection WHERE id = any (%(ids)s);

-- name: progress  Notes how far a request has come.
UPDATE tds.replay SET position = %(position)s, newest = %(newest)s, tried = tried + %(tried)s, stored = stored + %(stored)s,
       known = known + %(known)s, refused = refused + %(refused)s
 WHERE id = %(id)s;

-- name: finish  Notes that a request is done; the second time, or where there is none, for good.
UPDATE tds.replay SET finished_at = coalesce(finished_at, clock_timestamp()), position = 0, newest = NULL, again_at = CASE WHEN %(for_good)s THEN NULL ELSE again_at END
 WHERE id = %(id)s;
