// Hosts and switches by a part of a name, hosts by a whole address or MAC address, switches by chassis id.
// Write a MAC address as 02:00:00:00:01:01.
// $text: what is looked for.
OPTIONAL MATCH (f:Switch)
WHERE toLower(f.name) CONTAINS toLower($text) OR toLower(f.chassis_id) CONTAINS toLower($text)
WITH collect({kind: 'switch', site: f.site, name: f.name, state: f.state, switch: f.name,
  switch_id: f.chassis_id}) AS switches
OPTIONAL MATCH (h:Host)-[:HAS_NIC]->(n:Nic)
OPTIONAL MATCH (n)-[:HAS_ADDRESS]->(a:IpAddress)
OPTIONAL MATCH (n)-[:WIRED_TO]->(p:SwitchPort)<-[:HAS_PORT]-(s:Switch)
WITH switches, collect(CASE
    WHEN toLower(h.name) CONTAINS toLower($text) OR a.address = $text OR n.mac = toLower($text)
    THEN {kind: 'host', site: h.site, name: h.name, state: CASE WHEN n.carrier THEN h.state ELSE 'no-carrier' END,
      interface: n.ifname, interface_id: n.mac, address: a.address + '/' + toString(a.prefix_len), switch: s.name, switch_id: s.chassis_id, port: p.name}
  END) AS hosts
UNWIND switches + hosts AS row
WITH row
WHERE row.name IS NOT NULL
RETURN row.kind AS kind, row.site AS site, row.name AS name, row.state AS state, row.interface AS interface,
  row.interface_id AS interface_id, row.address AS address, row.switch AS switch, row.switch_id AS switch_id, row.port AS port
