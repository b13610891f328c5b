// Heartbeat rings, with their members in ring order; the last is next to the first.
// Rings of relays that do not act now are in the graph too: their relay stands in front of the ring's number.
MATCH (r:Ring)
OPTIONAL MATCH (s:Switch)
WHERE s.site = r.site AND s.chassis_id = r.switch
RETURN r.site AS site, r.id AS ring,
  CASE WHEN r.level > 0 THEN 'site' WHEN r.switch = '' THEN 'fallback' ELSE 'switch' END AS kind,
  coalesce(s.name, r.reason) AS inside, r.domain AS domain, r.generation AS generation, r.members AS members,
  r.delegates AS delegates
ORDER BY site, kind, inside
