// Heartbeat rings, with their members in ring order; the last is next to the first.
// Rings of relays that do not act now are in the graph too: their relay stands in front of the ring's number.
MATCH (r:Ring)
OPTIONAL MATCH (s:Switch)
WHERE s.id = r.site + '/' + r.switch
RETURN r.site AS site, substring(r.id, size(r.site) + 1) AS ring,
  CASE WHEN r.level > 0 THEN 'site' WHEN r.switch = '' THEN 'fallback' ELSE 'switch' END AS kind,
  CASE WHEN r.switch = '' THEN r.reason ELSE coalesce(s.name, r.switch) END AS inside, r.domain AS domain, r.generation AS generation, r.members AS members,
  r.delegates AS delegates
ORDER BY site, kind, inside
