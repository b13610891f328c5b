// Every switch port that a host hangs on.
MATCH (s:Switch)-[:HAS_PORT]->(p:SwitchPort)<-[w:WIRED_TO]-(n:Nic)<-[:HAS_NIC]-(h:Host)
RETURN s.site AS site, s.name AS switch, s.chassis_id AS switch_id, p.name AS port, h.name AS host,
  n.ifname AS interface, CASE WHEN n.carrier THEN h.state ELSE 'no-carrier' END AS state,
  w.evidence AS evidence, (timestamp() - w.since_ms) / 1000 AS age_s
ORDER BY site, switch, port
