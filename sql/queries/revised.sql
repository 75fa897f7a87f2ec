-- name: revised  Which buckets of a period hold a quarter-hour that changed after it was complete, and when one last did.
SELECT width_bucket(middle, cast(:starts AS timestamptz[])) AS number, max(revised_at) AS revised_at
  FROM tds.revised
 WHERE device_id = any (cast(:ids AS integer[])) AND middle >= :start AND middle < :end AND revised_at >= :since
 GROUP BY 1;
