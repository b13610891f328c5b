// Wires that are so since a moment. The graph holds what is: what was before, and what was unplugged, is in the
// events of the CMA only, so ringmesh query wiring-changes tells more.
// $since_ms: milliseconds since 1970.
MATCH (h:Host)-[:HAS_NIC]->(n:Nic)-[w:WIRED_TO]->(p:SwitchPort)<-[:HAS_PORT]-(s:Switch)
WHERE w.since_ms >= $since_ms
RETURN w.since_ms AS at_ms, h.site AS site, h.name AS host, n.ifname AS interface, '' AS before,
  s.name + ' ' + p.name AS after
ORDER BY at_ms
