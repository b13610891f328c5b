//! Laws that hold for every value and every octet string.

mod support;

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
