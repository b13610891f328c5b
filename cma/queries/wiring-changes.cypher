// What was plugged, moved or unplugged since a moment. What a host was first told to hang on is no change: it has heard
// all its switches two minutes after it was first known.
// $since_ms: milliseconds since 1970.
OPTIONAL MATCH (a:Attachment)
WHERE a.until_ms >= $since_ms
WITH collect({at_ms: a.until_ms, site: a.site, host: a.host, interface: a.ifname, before: a.switch + ' ' + a.port,
  after: CASE WHEN a.after = '' THEN '-' ELSE a.after END}) AS ended
OPTIONAL MATCH (b:Attachment)
WHERE b.plugged AND b.from_ms >= $since_ms
WITH ended, collect({at_ms: b.from_ms, site: b.site, host: b.host, interface: b.ifname, before: '-',
  after: b.switch + ' ' + b.port}) AS begun
OPTIONAL MATCH (g:Site)<-[i:IN_SITE]-(h:Host)-[:HAS_NIC]->(n:Nic)-[w:WIRED_TO]->(p:SwitchPort)<-[:HAS_PORT]-(s:Switch)
WHERE w.since_ms >= $since_ms AND i.since_ms < w.since_ms
OPTIONAL MATCH (n)-[:HUNG_ON]->(o:Attachment)
WITH ended, begun, h, i, n, w, p, s, count(o) AS past,
  sum(CASE WHEN o.until_ms = w.since_ms THEN 1 ELSE 0 END) AS others
WITH ended, begun, collect(CASE WHEN others = 0 AND (past > 0 OR i.since_ms + 120000 < w.since_ms)
  THEN {at_ms: w.since_ms, site: h.site, host: h.name, interface: n.ifname, before: '-',
  after: s.name + ' ' + p.name} END) AS plugged
UNWIND ended + begun + plugged AS row
WITH row
WHERE row.at_ms IS NOT NULL
RETURN row.at_ms AS at_ms, row.site AS site, row.host AS host, row.interface AS interface, row.before AS before,
  row.after AS after
ORDER BY at_ms, site, host, interface
