// Hosts made for two ways that have fewer now, and why. A host is made for as many ways as switches are behind its
// ports; a port of a bond on no known switch counts as one.
MATCH (h:Host)-[:HAS_NIC]->(n:Nic)
OPTIONAL MATCH (n)-[:WIRED_TO]->(:SwitchPort)<-[:HAS_PORT]-(s:Switch)
WITH h, n, s
WHERE s IS NOT NULL OR n.bond IS NOT NULL
WITH h, n, s
ORDER BY n.ifname
WITH h, count(DISTINCT s) AS switches,
  sum(CASE WHEN s IS NULL THEN 1 ELSE 0 END) AS unknown,
  count(DISTINCT CASE WHEN n.carrier AND NOT s.state IN ['down', 'cut'] THEN s.id END) AS working,
  sum(CASE WHEN s IS NULL AND n.carrier THEN 1 ELSE 0 END) AS perhaps,
  collect(DISTINCT CASE
    WHEN NOT n.carrier AND s IS NULL THEN n.ifname + ' without carrier'
    WHEN NOT n.carrier THEN n.ifname + ' without carrier (was on ' + s.name + ')'
    WHEN s.state IN ['down', 'cut'] THEN s.name + ' is ' + s.state
  END) AS reasons
WITH h, reasons, switches + unknown AS meant, working + perhaps AS left_over
WHERE meant >= 2 AND left_over < 2
RETURN h.site AS site, h.name AS host, h.state AS state, left_over AS ways, meant AS made_for, reasons AS why
ORDER BY site, host
