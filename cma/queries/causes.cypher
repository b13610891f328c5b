// What incidents are put down to, and to what odds. Incidents about a set of hosts have no cause in the graph.
MATCH (i:Incident)-[c:CAUSED_BY]->(x)
OPTIONAL MATCH (i)-[:AFFECTS]->(h:Host)
WITH i, c, x, count(DISTINCT h) AS taken
RETURN x.site AS site, toLower(labels(x)[0]) AS kind, coalesce(x.name, x.id) AS cause, x.id AS cause_id,
  c.mark AS verdict, c.permille AS permille, i.incident AS incident,
  CASE WHEN i.closed THEN 'closed' ELSE 'open' END AS state, taken AS hosts
ORDER BY state DESC, cause_id, permille DESC
