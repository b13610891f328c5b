// What if this switch died: who loses every way, who loses redundancy, and what is left to each.
// A port with carrier on no known switch makes it perhaps. Links between switches are not in the graph.
// $switch: its name, its chassis id, or SITE/CHASSIS ID.
MATCH (s:Switch)-[:HAS_PORT]->(:SwitchPort)<-[:WIRED_TO]-(:Nic)<-[:HAS_NIC]-(h:Host)
WHERE s.name = $switch OR s.chassis_id = $switch OR s.id = $switch
WITH DISTINCT s, h
OPTIONAL MATCH (h)-[:HAS_NIC]->(n:Nic)-[:WIRED_TO]->(:SwitchPort)<-[:HAS_PORT]-(o:Switch)
WHERE n.carrier AND o.id <> s.id AND NOT o.state IN ['down', 'cut']
WITH s, h, count(DISTINCT o) AS others, collect(DISTINCT o.name) AS names
OPTIONAL MATCH (h)-[:HAS_NIC]->(u:Nic)
OPTIONAL MATCH (u)-[q:WIRED_TO]->(:SwitchPort)
WITH h, others, names, sum(CASE WHEN u.carrier AND q IS NULL THEN 1 ELSE 0 END) AS unknown
RETURN h.name AS host, h.state AS state,
  CASE
    WHEN others = 0 AND unknown = 0 THEN 'every way'
    WHEN others = 0 THEN 'perhaps every way'
    WHEN others = 1 AND unknown = 0 THEN 'redundancy'
    WHEN others = 1 THEN 'perhaps redundancy'
    ELSE 'one way of several'
  END AS loses, names AS ways_left
ORDER BY size(ways_left), host
