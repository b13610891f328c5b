// Wires known from memory only, or unchanged for longer than an age.
// $age_s: the age in seconds, or null for those from memory only.
MATCH (h:Host)-[:HAS_NIC]->(n:Nic)-[w:WIRED_TO]->(p:SwitchPort)<-[:HAS_PORT]-(s:Switch)
WITH h, n, w, p, s, (timestamp() - w.since_ms) / 1000 AS age
WHERE w.evidence = 'cache' OR ($age_s IS NOT NULL AND age > $age_s)
RETURN h.site AS site, h.name AS host, n.ifname AS interface, s.name AS switch, s.chassis_id AS switch_id,
  p.name AS port, w.evidence AS evidence, age AS age_s,
  CASE WHEN w.evidence = 'cache' THEN 'remembered, not heard again' ELSE 'older than asked' END AS why
ORDER BY site, host, interface
