-- name: meters  Devices in use with their gateways, without how they do; those of some ids that this account has, retired ones too.
SELECT d.id, d.name, d.code, d.kind, d.resource, d.unit, d.gateway_id, g.name AS gateway_name, d.retired_at IS NOT NULL AS retired
  FROM tds.device d
  JOIN tds.gateway g ON g.id = d.gateway_id
 WHERE d.retired_at IS NULL OR d.id = any (cast(:ids AS integer[]))
 ORDER BY d.id;
