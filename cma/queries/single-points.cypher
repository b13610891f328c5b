// Switches whose death would cut off hosts. A host that also has a port on no known switch counts as perhaps.
MATCH (s:Switch)-[:HAS_PORT]->(:SwitchPort)<-[:WIRED_TO]-(:Nic)<-[:HAS_NIC]-(h:Host)
WITH DISTINCT s, h
OPTIONAL MATCH (h)-[:HAS_NIC]->(n:Nic)-[:WIRED_TO]->(:SwitchPort)<-[:HAS_PORT]-(o:Switch)
WHERE n.carrier AND o.id <> s.id AND NOT o.state IN ['down', 'cut']
WITH s, h, count(DISTINCT o) AS others, collect(DISTINCT o.name) AS names
OPTIONAL MATCH (h)-[:HAS_NIC]->(u:Nic)
OPTIONAL MATCH (u)-[q:WIRED_TO]->(:SwitchPort)
WITH s, h, others, sum(CASE WHEN u.carrier AND q IS NULL THEN 1 ELSE 0 END) AS unknown
WHERE others = 0
WITH s, collect(CASE WHEN unknown = 0 THEN h.name END) AS sure,
  sum(CASE WHEN unknown > 0 THEN 1 ELSE 0 END) AS doubtful
RETURN s.site AS site, s.name AS switch, s.chassis_id AS switch_id, s.state AS state, size(sure) AS cut_off,
  doubtful AS perhaps, sure AS hosts
ORDER BY cut_off DESC, perhaps DESC
