#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| ringmesh_fuzz::fuzz("lldp", octets));
