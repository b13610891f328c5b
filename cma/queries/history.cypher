// What a host hung on, and the incidents that took it, with their times. What has no end is so now.
// $host: its name, or SITE/HOST.
OPTIONAL MATCH (a:Attachment)
WHERE a.host = $host OR a.site + '/' + a.host = $host
WITH collect({kind: 'wire', interface: a.ifname, switch: a.switch, switch_id: a.switch_id, port: a.port,
  from_ms: a.from_ms, until_ms: a.until_ms}) AS were
OPTIONAL MATCH (h:Host)-[:HAS_NIC]->(n:Nic)-[w:WIRED_TO]->(p:SwitchPort)<-[:HAS_PORT]-(s:Switch)
WHERE h.name = $host OR h.id = $host
WITH were, collect({kind: 'wire', interface: n.ifname, switch: s.name, switch_id: s.chassis_id, port: p.name,
  from_ms: w.since_ms}) AS are
OPTIONAL MATCH (i:Incident)-[:AFFECTS]->(x:Host)
WHERE x.name = $host OR x.id = $host
WITH were, are, collect({kind: 'incident', incident: i.incident, from_ms: i.opened_ms,
  until_ms: i.closed_ms}) AS took
UNWIND were + are + took AS row
WITH row
WHERE row.from_ms IS NOT NULL
RETURN row.kind AS kind, row.interface AS interface, row.switch AS switch, row.switch_id AS switch_id,
  row.port AS port, row.incident AS incident, row.from_ms AS from_ms, row.until_ms AS until_ms
ORDER BY from_ms
