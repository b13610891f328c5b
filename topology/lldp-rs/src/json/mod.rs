//! A stable JSON rendering of decoded frames, for people, tools and comparison with other decoders.
//!
//! One object a frame, in the order given:
//!
//! ```text
//! {"n":1, "proto":"lldp"|"cdp"|"edp"|"fdp"|"sonmp"|"other", "src":MAC, "dst":MAC, "vlan":[ID], "svlan":[ID],
//!  "verdict":"ok"|"partial"|"reject", "reject":NAME, "defects":[{"tlv":N,"kind":NAME}], PROTO:{...}}
//! ```
//!
//! Keys without a value are left out, but `defects`. Of a refused frame `PROTO` shows what can be read, for people who
//! ask why; nothing of it was believed. Texts hold what was sent, invalid UTF-8 replaced, control characters escaped
//! as JSON wants. Fields may be added later, never renamed or dropped.

mod cdp;
mod legacy;
mod lldp;
mod refused;
mod value;

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::{Announcement, CdpView, Defect, Heard, Link, LldpView, Protocol, Reject, decode};
use value::Json;

/// The S-tag; others are told apart by nobody.
const S_TAG: u16 = 0x88a8;

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
    let Ok(link) = Link::with_any_tags(octets) else {
        return refused(frame.with("proto", "other"), Reject::TooShort);
    };
    let protocol = link.protocol();
    let frame = frame
        .with("proto", protocol.map_or("other", Protocol::name))
        .with("src", link.source.to_string())
        .with("dst", link.destination.to_string())
        .with_some("vlan", Json::list(ids(&link, false)))
        .with_some("svlan", Json::list(ids(&link, true)));
    match (decode(octets), protocol) {
        (Ok(heard), _) => believed(frame, &heard, &link),
        (Err(reject), None) => refused(frame, reject),
        (Err(reject), Some(protocol)) => {
            refused(frame, reject).with_some(protocol.name(), refused::contents(protocol, &link))
        }
    }
}

fn ids(link: &Link<'_>, is_service: bool) -> Vec<Json> {
    let tags = link.tags().filter(|tag| (tag.protocol == S_TAG) == is_service);
    tags.map(|tag| tag.id().into()).collect()
}

fn refused(frame: Json, reject: Reject) -> Json {
    frame.with("verdict", "reject").with("reject", reject.name()).with("defects", Json::List(Vec::new()))
}

fn believed(frame: Json, heard: &Heard, link: &Link<'_>) -> Json {
    let defects = heard.announcement.defects();
    let contents = match &heard.announcement {
        Announcement::Lldp(value) => LldpView::checked(link.body).ok().map(|view| lldp::render(value, &view)),
        Announcement::Cdp(value) => CdpView::checked(link.body).ok().map(|view| cdp::render(value, &view)),
        Announcement::Edp(value) => Some(legacy::edp(value)),
        Announcement::Fdp(value) => link.body.first().map(|version| legacy::fdp(value, *version)),
        Announcement::Sonmp(value) => Some(legacy::sonmp(value)),
    };
    frame
        .with("verdict", if defects.is_empty() { "ok" } else { "partial" })
        .with("defects", Json::List(defects.iter().map(defect).collect()))
        .with_some(heard.protocol().name(), contents)
}

fn defect(defect: &Defect) -> Json {
    Json::object().with("tlv", defect.tlv).with("kind", defect.kind.name())
}
