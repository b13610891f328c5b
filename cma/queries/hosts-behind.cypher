// The hosts that hang on a switch, and what else they hang on.
// $switch: its name, its chassis id, or SITE/CHASSIS ID.
MATCH (s:Switch)-[:HAS_PORT]->(p:SwitchPort)<-[w:WIRED_TO]-(n:Nic)<-[:HAS_NIC]-(h:Host)
WHERE s.name = $switch OR s.chassis_id = $switch OR s.id = $switch
OPTIONAL MATCH (h)-[:HAS_NIC]->(:Nic)-[:WIRED_TO]->(:SwitchPort)<-[:HAS_PORT]-(o:Switch)
WHERE o.id <> s.id
WITH p, w, n, h, collect(DISTINCT o.name) AS others
RETURN p.name AS port, h.name AS host, n.ifname AS interface,
  CASE WHEN n.carrier THEN h.state ELSE 'no-carrier' END AS state,
  w.evidence AS evidence, (timestamp() - w.since_ms) / 1000 AS age_s, others AS also_on
ORDER BY port
