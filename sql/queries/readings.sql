-- name: latest_readings  The newest readings of the account.
-- The newest n readings belong to the n devices that were heard last, so only those are asked.
SELECT r.device_id, r.time, r.value
  FROM (SELECT s.device_id FROM tds.device_seen s JOIN tds.device d ON d.id = s.device_id AND d.retired_at IS NULL
         ORDER BY s.time DESC, s.device_id DESC LIMIT :limit) d
 CROSS JOIN LATERAL (SELECT device_id, time, value FROM web.reading
                      WHERE device_id = d.device_id AND time >= :since ORDER BY time DESC LIMIT :limit) r
 ORDER BY r.time DESC, r.device_id DESC LIMIT :limit;

-- name: older_readings  Readings of a window before a position, newest first.
SELECT device_id, time, value
  FROM web.reading
 WHERE device_id = any (:ids) AND time >= :start AND time < :end AND (time, device_id) < (:time, :device)
 ORDER BY time DESC, device_id DESC LIMIT :limit;

-- name: newer_readings  Readings of a window after a position, oldest first.
SELECT device_id, time, value
  FROM web.reading
 WHERE device_id = any (:ids) AND time >= :start AND time < :end AND (time, device_id) > (:time, :device)
 ORDER BY time, device_id LIMIT :limit;

-- name: newest_time  When the newest reading of some devices was taken.
SELECT max(time) FROM tds.device_seen WHERE device_id = any (:ids);

-- name: all_readings  Every reading of one device in a range, oldest first, for exports.
SELECT device_id, time, value
  FROM web.reading
 WHERE device_id = :device AND time >= :start AND time < :end
 ORDER BY time;
