//! What a capture file says: the decoder by itself.

use std::path::Path;
use std::process::ExitCode;

use lldp_rs::{Defect, Heard, Lacp, Link, Reject, Stp};

use super::paint::{Paint, column, span, wrapped};
use super::{BAD_USAGE, print};
use crate::capture;

/// Prints each frame of a capture file: as JSON, else a row for each.
pub fn decode(path: &Path, json: bool) -> ExitCode {
    let frames = match capture::frames(path) {
        Ok(frames) => frames,
        Err(error) => {
            eprintln!("ringmesh-probe: {error}; give a pcap or pcapng file");
            return ExitCode::from(BAD_USAGE);
        }
    };
    if json {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        print(&document(&name, &frames));
    } else {
        print(&table(&frames, Paint::of_stdout()));
    }
    ExitCode::SUCCESS
}

/// The decoder's own rendering of each frame, in the shape that every command's document has.
fn document(name: &str, frames: &[Box<[u8]>]) -> String {
    let frames: Vec<String> = (1..).zip(frames).map(|(n, frame)| lldp_rs::json::frame(n, frame)).collect();
    format!("{{\"schema\":1,\"file\":{},\"frames\":[{}]}}", serde_json::Value::from(name), frames.join(","))
}

fn table(frames: &[Box<[u8]>], paint: Paint) -> String {
    let head = row(["FRAME", "BY", "VERDICT", "SWITCH", "SWITCH PORT", "TTL"]);
    let mut lines = vec![paint.head(head.trim_end())];
    let mut counts = [0_usize; 3];
    for (n, frame) in (1..).zip(frames) {
        let verdict = Verdict::of(frame);
        counts[verdict.place()] += 1;
        lines.extend(verdict.lines(n, frame, paint));
    }
    let [ok, partial, refused] = counts;
    lines.push(format!("{} frames: {ok} ok, {partial} partial, {refused} refused", frames.len()));
    lines.join("\n")
}

fn row(fields: [&str; 6]) -> String {
    let widths = [6, 5, 8, 26, 25, 5];
    fields.iter().zip(widths).map(|(field, width)| column(field, width)).collect::<Vec<_>>().join(" ")
}

/// What became of a frame.
enum Verdict {
    Believed(Box<Heard>),
    Refused(Reject),
}

impl Verdict {
    fn of(frame: &[u8]) -> Self {
        lldp_rs::decode(frame).map_or_else(Self::Refused, |heard| Self::Believed(Box::new(heard)))
    }

    /// 0 sound, 1 with defects, 2 refused.
    fn place(&self) -> usize {
        match self {
            Self::Believed(heard) if heard.announcement.defects().is_empty() => 0,
            Self::Believed(_) => 1,
            Self::Refused(_) => 2,
        }
    }

    fn lines(&self, n: u64, frame: &[u8], paint: Paint) -> Vec<String> {
        let number = n.to_string();
        match self {
            Self::Believed(heard) => {
                let said = &heard.announcement;
                let id = || said.chassis().map_or("-".into(), |id| id.text());
                let name = said.system_name().map_or_else(id, |name| name.safe());
                let port = said.port().map_or("-".into(), |port| port.text());
                let ttl = span(Some(said.ttl_s().into()));
                let (verdict, defects) = (["ok", "partial"][self.place().min(1)], said.defects());
                let row = row([&number, said.protocol().name(), verdict, &name, &port, &ttl]);
                let row = row.trim_end();
                let row = if defects.is_empty() { row.into() } else { paint.odd(row) };
                [row].into_iter().chain(defects_in_words(defects)).collect()
            }
            Self::Refused(reject) => {
                let protocol = Link::checked(frame).ok().and_then(|link| link.protocol());
                let protocol = protocol.map_or("other", |protocol| protocol.name());
                let row = row([&number, protocol, "reject", &why(*reject, frame), "", ""]);
                // Whatever else is in a capture is no fault of anybody.
                let row = row.trim_end();
                vec![if *reject == Reject::Foreign { row.into() } else { paint.bad(row) }]
                    .into_iter()
                    .chain(
                        (*reject != Reject::Foreign)
                            .then(|| wrapped(&reject.to_string(), 7))
                            .into_iter()
                            .flatten(),
                    )
                    .collect()
            }
        }
    }
}

/// In a word. What is no announcement may be another sign of a switch.
fn why(reject: Reject, frame: &[u8]) -> String {
    match reject {
        Reject::Foreign if Stp::decode(frame).is_ok() => "spanning tree".into(),
        Reject::Foreign if Lacp::decode(frame).is_ok() => "LACP".into(),
        reject => reject.name().replace('_', " "),
    }
}

fn defects_in_words(defects: &[Defect]) -> Vec<String> {
    let all: Vec<String> =
        defects.iter().map(|defect| format!("TLV {}: {}", defect.tlv, defect.kind.name())).collect();
    wrapped(&all.join("; "), 7)
}

#[cfg(test)]
mod tests {
    use super::super::paint::WIDTH;
    use super::*;

    /// A good frame, one with a defect, one that is refused, and one of something else.
    fn frames() -> Vec<Box<[u8]>> {
        let head = [0x01, 0x80, 0xc2, 0, 0, 0x0e, 2, 0, 0, 0, 0, 1, 0x88, 0xcc];
        let ids = [0x02, 7, 4, 2, 0, 0, 0, 0, 1, 0x04, 3, 5, b'p', b'1', 0x06, 2, 0, 120];
        let good = [&head[..], &ids, &[0x0a, 3, b's', b'w', b'1', 0, 0]].concat();
        let partial = [&head[..], &ids, &[0x0e, 1, 4, 0, 0]].concat();
        let refused = [&head[..], &ids[9..], &[0, 0]].concat();
        let foreign = [&[0xff; 6][..], &head[6..12], &[8, 0, 0x45, 0]].concat();
        [good, partial, refused, foreign].map(Vec::into_boxed_slice).into()
    }

    #[test]
    fn each_frame_has_a_row_and_what_is_wrong_with_it_below() {
        let text = table(&frames(), Paint(false));
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines[1],
            "1      lldp  ok       sw1                        p1                        120s"
        );
        assert!(lines[2].starts_with("2      lldp  partial  02:00:00:00:00:01"), "{text}");
        assert_eq!(lines[3], "       TLV 3: length");
        assert_eq!(lines[4], "3      lldp  reject   mandatory order");
        assert!(lines[5].contains("do not come first"), "{text}");
        assert_eq!(lines[6], "4      other reject   foreign");
        assert_eq!(lines[7], "4 frames: 1 ok, 1 partial, 2 refused");
        assert!(lines.iter().all(|line| line.chars().count() <= WIDTH), "too wide:\n{text}");
    }

    #[test]
    fn the_document_has_one_entry_for_each_frame_in_order() {
        let json: serde_json::Value = serde_json::from_str(&document("a \"b\".pcap", &frames())).unwrap();
        assert_eq!((&json["schema"], &json["file"]), (&1.into(), &"a \"b\".pcap".into()));
        let verdicts: Vec<_> =
            json["frames"].as_array().unwrap().iter().map(|f| f["verdict"].clone()).collect();
        assert_eq!(verdicts, ["ok", "partial", "reject", "reject"]);
        assert_eq!(json["frames"][3]["n"], 4);
    }
}
