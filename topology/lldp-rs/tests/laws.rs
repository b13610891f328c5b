//! Laws that hold for every value and every octet string.

mod support;

use std::time::{Duration, Instant};

use lldp_rs::{Link, Reject, decode, encode};
use proptest::prelude::*;
use support::heard;

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn decoding_an_encoded_value_gives_it_back(heard in heard()) {
        let frame = encode(&heard).map_err(|error| TestCaseError::fail(format!("{error}")))?;
        prop_assert!(frame.len() >= 60);
        prop_assert_eq!(decode(&frame), Ok(heard));
    }

    #[test]
    fn encoding_is_canonical(heard in heard()) {
        let frame = encode(&heard).map_err(|error| TestCaseError::fail(format!("{error}")))?;
        let again = decode(&frame).map(|heard| encode(&heard));
        prop_assert_eq!(again, Ok(Ok(frame)));
    }

    #[test]
    fn any_octets_decode_or_are_refused(octets in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = decode(&octets);
        let mut as_lldp = vec![0x01, 0x80, 0xc2, 0, 0, 0x0e, 2, 0, 0, 0, 0, 1, 0x88, 0xcc];
        as_lldp.extend(octets);
        prop_assert_ne!(decode(&as_lldp), Err(Reject::Foreign));
    }

    #[test]
    fn every_prefix_of_a_frame_decodes_or_is_refused(heard in heard()) {
        let frame = encode(&heard).map_err(|error| TestCaseError::fail(format!("{error}")))?;
        for end in 0..frame.len() {
            let _ = decode(&frame[..end]);
            prop_assert!(Link::checked(&frame[..end]).map_or(true, |link| link.body.len() < end));
        }
    }
}

/// The frame that a TLV repeated to this many octets makes.
fn repeated(tlv: &[u8], octets: usize) -> Vec<u8> {
    let head = [0x01, 0x80, 0xc2, 0, 0, 0x0e, 2, 0, 0, 0, 0, 1, 0x88, 0xcc];
    let mandatory = [2, 7, 4, 2, 0, 0, 0, 0, 9, 4, 2, 5, b'p', 6, 2, 0, 120];
    [&head[..], &mandatory, &tlv.repeat(octets / tlv.len())].concat()
}

#[test]
fn time_is_linear_in_the_length_whatever_is_repeated() {
    let tlvs: [&[u8]; 8] = [
        &[0x0a, 0],                                       // an empty name, repeated: a defect each
        &[0x12, 0],                                       // a reserved type
        &[0x0e, 0],                                       // no capabilities: a defect each
        &[0xfe, 4, 0, 1, 2, 3],                           // an unknown organisation
        &[0xfe, 7, 0x00, 0x80, 0xc2, 3, 0, 7, 0],         // a VLAN without a name
        &[0xfe, 5, 0x00, 0x80, 0xc2, 4, 0],               // an empty protocol identity
        &[0xfe, 8, 0x00, 0x12, 0xbb, 2, 1, 0, 0, 0],      // a policy
        &[0x10, 12, 5, 1, 10, 0, 0, 1, 2, 0, 0, 0, 3, 0], // an address
    ];
    for tlv in tlvs {
        let took = |octets: usize| {
            let frame = repeated(tlv, octets);
            let once = || {
                let start = Instant::now();
                assert!(decode(&frame).is_ok());
                start.elapsed()
            };
            (0..20).map(|_| once()).min().unwrap_or(Duration::MAX)
        };
        // Sixteen times the length in far less than sixteen times sixteen times the time, on any busy machine.
        let (short, long) = (took(4_000), took(64_000));
        assert!(long < short * 100, "{tlv:02x?}: {short:?} for 4,000 octets, {long:?} for 64,000");
    }
}
