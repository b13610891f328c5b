// The switch ports a host hangs on; a port on no known switch says why.
// $host: its name, or SITE/HOST.
MATCH (h:Host)-[:HAS_NIC]->(n:Nic)
WHERE h.name = $host OR h.id = $host
OPTIONAL MATCH (n)-[w:WIRED_TO]->(p:SwitchPort)<-[:HAS_PORT]-(s:Switch)
RETURN n.ifname AS interface, n.carrier AS carrier, s.name AS switch, s.chassis_id AS switch_id,
  p.name AS port, w.evidence AS evidence, (timestamp() - w.since_ms) / 1000 AS age_s,
  CASE
    WHEN n.bond IS NULL THEN n.reason
    ELSE CASE WHEN n.bond_active THEN 'active in ' ELSE 'standby in ' END + n.bond + ' (' + n.bond_mode + ')'
      + CASE WHEN n.reason = '' THEN '' ELSE '; ' + n.reason END
  END AS remarks
ORDER BY interface
