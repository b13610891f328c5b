//! A stable JSON rendering of decoded frames, for people, tools and comparison with other decoders.
//!
//! One object a frame, in the order given:
//!
//! ```text
//! {"n":1, "proto":"lldp"|"cdp"|"edp"|"fdp"|"sonmp"|"other", "src":MAC, "dst":MAC, "vlan":[ID], "svlan":[ID],
//!  "verdict":"ok"|"partial"|"reject", "reject":NAME, "defects":[{"tlv":N,"kind":NAME}], PROTO:{...}}
//! ```
//!
//! Keys without a value are left out. A refused frame keeps `n`, `proto`, `src`, `dst`, `verdict` and
//! `reject`. Texts hold what was sent, invalid UTF-8 replaced, control characters escaped as JSON wants.
//! Fields may be added later, never renamed or dropped.

mod cdp;
mod legacy;
mod lldp;
mod value;

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::{Announcement, CdpView, Defect, Heard, Link, LldpView, Reject, VlanTag, decode};
use value::Json;

/// The C-tag; other tags are service tags.
const C_TAG: u16 = 0x8100;

/// The object of one frame. `n` is its number in the capture, from 1.
pub fn frame(n: u64, octets: &[u8]) -> String {
    object(n, octets).to_string()
}

/// The object of a whole capture: `{"file": NAME, "frames": [...]}`.
pub fn capture<'a>(file: &str, frames: impl IntoIterator<Item = &'a [u8]>) -> String {
    let frames = (1..).zip(frames).map(|(n, octets)| object(n, octets)).collect();
    Json::object().with("file", file).with("frames", Json::List(frames)).to_string()
}

fn object(n: u64, octets: &[u8]) -> Json {
    let frame = Json::object().with("n", n);
    match Link::checked(octets) {
        Err(reject) => refused(frame.with("proto", "other"), reject),
        Ok(link) => {
            let protocol = link.protocol().map_or("other", |protocol| protocol.name());
            let frame = frame.with("proto", protocol);
            let frame = frame.with("src", link.source.to_string()).with("dst", link.destination.to_string());
            match decode(octets) {
                Err(reject) => refused(frame, reject),
                Ok(heard) => believed(frame, &heard, &link),
            }
        }
    }
}

fn refused(frame: Json, reject: Reject) -> Json {
    frame.with("verdict", "reject").with("reject", reject.name())
}

fn believed(frame: Json, heard: &Heard, link: &Link<'_>) -> Json {
    let ids = |is_c_tag: bool| -> Vec<Json> {
        let tags = heard.vlans.iter().filter(|tag| (tag.protocol == C_TAG) == is_c_tag);
        tags.map(|tag: &VlanTag| tag.id().into()).collect()
    };
    let defects = heard.announcement.defects();
    let contents = match &heard.announcement {
        Announcement::Lldp(value) => LldpView::checked(link.body).ok().map(|view| lldp::render(value, &view)),
        Announcement::Cdp(value) => CdpView::checked(link.body).ok().map(|view| cdp::render(value, &view)),
        Announcement::Edp(value) => Some(legacy::edp(value)),
        Announcement::Fdp(value) => Some(legacy::fdp(value)),
        Announcement::Sonmp(value) => Some(legacy::sonmp(value)),
    };
    frame
        .with_some("vlan", Json::list(ids(true)))
        .with_some("svlan", Json::list(ids(false)))
        .with("verdict", if defects.is_empty() { "ok" } else { "partial" })
        .with_some("defects", Json::list(defects.iter().map(defect)))
        .with_some(heard.protocol().name(), contents)
}

fn defect(defect: &Defect) -> Json {
    Json::object().with("tlv", defect.tlv).with("kind", defect.kind.name())
}
