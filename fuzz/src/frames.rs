//! Laws of decoding.
//!
//! No panic; nothing is read outside the frame; memory is bounded by the frame's length; what is encoded
//! again is decoded to the same, and encoded to the same octets.

use lldp_rs::{
    CdpView, Heard, Lacp, Link, LldpView, Mac, Protocol, Reject, Stp, SwitchIdentity, SwitchKey, decode,
    encode, json,
};

use crate::meter::within;

/// Any octets, as a socket hands them over.
pub(crate) fn frame(octets: &[u8]) -> bool {
    views_stay_inside(octets);
    let text = within(octets, 8_192, 1_024, || json::frame(1, octets));
    assert!(text.len() <= 512 + 200 * octets.len(), "{} octets in JSON", text.len());
    match within(octets, 4_096, 128, || decode(octets)) {
        Err(reject) => {
            assert!(Reject::ALL.contains(&reject));
            false
        }
        Ok(heard) => {
            what_is_believed_is_usable(&heard);
            true
        }
    }
}

/// What follows the EtherType of LLDP.
pub(crate) fn lldp(lldpdu: &[u8]) -> bool {
    let head = [&Mac::NEAREST_BRIDGE.0[..], &[2, 0, 0, 0, 0, 1], &[0x88, 0xcc]].concat();
    frame(&[&head, lldpdu].concat())
}

/// What follows the SNAP header of CDP.
pub(crate) fn cdp(announcement: &[u8]) -> bool {
    frame(&snap(Protocol::Cdp, [0, 0, 0x0c, 0x20, 0], announcement))
}

/// What follows the SNAP header of EDP, FDP or SONMP: the first octet says of which.
pub(crate) fn legacy(octets: &[u8]) -> bool {
    let Some((which, body)) = octets.split_first() else { return false };
    frame(&match which % 3 {
        0 => snap(Protocol::Edp, [0x00, 0xe0, 0x2b, 0x00, 0xbb], body),
        1 => snap(Protocol::Fdp, [0x00, 0xe0, 0x52, 0x20, 0x00], body),
        _ => snap(Protocol::Sonmp, [0x00, 0x00, 0x81, 0x01, 0xa2], body),
    })
}

/// Any octets, as LACP and spanning tree.
pub(crate) fn bridge(octets: &[u8]) -> bool {
    let (lacp, stp) = within(octets, 0, 0, || (Lacp::decode(octets), Stp::decode(octets)));
    assert!(lacp.is_err() || stp.is_err(), "one frame is both");
    for reject in [lacp.err(), stp.err()].into_iter().flatten() {
        assert!(Reject::ALL.contains(&reject));
    }
    lacp.is_ok() || stp.is_ok()
}

/// An 802.3 frame whose length is right, as far as the field reaches.
fn snap(protocol: Protocol, header: [u8; 5], body: &[u8]) -> Vec<u8> {
    let body = body.get(..1_492).unwrap_or(body);
    let length = (body.len() + 8) as u16;
    let destination = protocol.destination().0;
    [&destination[..], &[2, 0, 0, 0, 0, 1], &length.to_be_bytes(), &[0xaa, 0xaa, 3], &header, body].concat()
}

/// Whether a part lies within the whole, by where it is, not by what it says.
fn is_inside(whole: &[u8], part: &[u8]) -> bool {
    let (whole, part) = (whole.as_ptr_range(), part.as_ptr_range());
    part.is_empty() || (whole.start <= part.start && part.end <= whole.end)
}

fn views_stay_inside(octets: &[u8]) {
    within(octets, 0, 0, || {
        let Ok(link) = Link::checked(octets) else { return };
        assert!(is_inside(octets, link.body) && link.tags().count() <= 4);
        if let Ok(view) = LldpView::checked(link.body) {
            let values = view.tlvs().flatten().map(|tlv| tlv.value);
            let used: usize =
                values.inspect(|value| assert!(is_inside(link.body, value))).map(|v| v.len() + 2).sum();
            assert!(used <= link.body.len(), "{used} of {} octets", link.body.len());
            assert!(is_inside(link.body, view.chassis) && is_inside(link.body, view.port));
        }
        if let Ok(view) = CdpView::checked(link.body) {
            let values = view.tlvs().flatten().map(|tlv| tlv.value);
            let used: usize =
                values.inspect(|value| assert!(is_inside(link.body, value))).map(|v| v.len() + 4).sum();
            assert!(used + 4 <= link.body.len(), "{used} of {} octets", link.body.len());
        }
    });
}

fn what_is_believed_is_usable(heard: &Heard) {
    let chassis = heard.announcement.chassis();
    let key = chassis.as_ref().map(SwitchKey::of_chassis);
    assert_eq!(key, SwitchIdentity::of(heard).map(|identity| identity.chassis), "one chassis, one key");
    assert_eq!(
        key.as_ref().and_then(|key| SwitchKey::from_octets(key.octets())),
        key,
        "keys survive a message"
    );
    let is_sound = heard.announcement.defects().is_empty();
    let is_ours = matches!(heard.protocol(), Protocol::Lldp | Protocol::Cdp);
    let octets = match encode(heard) {
        Ok(octets) => octets,
        Err(error) => return assert!(!(is_sound && is_ours), "a sound {heard:?} has no frame: {error}"),
    };
    let again = decode(&octets).unwrap_or_else(|reject| panic!("{reject}: we encoded {octets:02x?}"));
    assert_eq!(again.announcement.defects(), [], "we encoded {octets:02x?}");
    assert_eq!(encode(&again).as_ref(), Ok(&octets), "encoding is canonical");
    if is_sound {
        assert_eq!(&again, heard);
    }
}
