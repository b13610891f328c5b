//! What the ports hung on, kept over a restart.
//!
//! A convenience, never a truth: a file that is missing, cut or foreign is as good as none, and a full disk
//! costs a warning. It is replaced whole or not at all.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use ringmesh_probe_core::CachedAttachment;
use ringmesh_topology::id::MacAddress;
use ringmesh_topology::place::{Attachment, Evidence, WireId};
use serde::{Deserialize, Serialize};

/// No host has more ports than this, and no honest cache more entries.
const ENTRIES_MAX: usize = 64;

#[derive(Serialize, Deserialize)]
struct Stored {
    schema: u32,
    attachments: Vec<Entry>,
}

#[derive(Serialize, Deserialize)]
struct Entry {
    ifname: String,
    mac: [u8; 6],
    switch: Id,
    port: Id,
    switch_name: String,
    evidence: String,
    ttl_s: u64,
    age_s: u64,
    saved_unix_ms: u64,
}

#[derive(Serialize, Deserialize)]
struct Id {
    subtype: u8,
    octets: Vec<u8>,
}

/// What was kept. An unusable file is reported and counts as empty.
pub fn load(path: &Path) -> Vec<CachedAttachment> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Vec::new(),
        Err(error) => {
            tracing::warn!(path = %path.display(), %error, "cannot read the attachment cache; starting without it");
            return Vec::new();
        }
    };
    match serde_json::from_str::<Stored>(&text) {
        Ok(stored) if stored.schema == 1 => {
            stored.attachments.into_iter().take(ENTRIES_MAX).filter_map(read_entry).collect()
        }
        Ok(stored) => {
            tracing::warn!(path = %path.display(), schema = stored.schema, "attachment cache of another version; starting without it");
            Vec::new()
        }
        Err(error) => {
            tracing::warn!(path = %path.display(), %error, "attachment cache is damaged; starting without it");
            Vec::new()
        }
    }
}

/// Replaces what was kept. The file is whole at every moment, also if the power fails.
pub fn save(path: &Path, attachments: &[CachedAttachment]) -> io::Result<()> {
    let stored = Stored { schema: 1, attachments: attachments.iter().map(entry).collect() };
    let text = serde_json::to_vec(&stored)?;
    let folder = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
    fs::create_dir_all(folder)?;
    let unfinished = unfinished(path);
    let written = write_whole(&unfinished, &text).and_then(|()| fs::rename(&unfinished, path));
    if written.is_err() {
        // It must not fill the disk further; that it cannot be removed either changes nothing.
        let _ = fs::remove_file(&unfinished);
    }
    written
}

fn unfinished(path: &Path) -> PathBuf {
    path.with_extension("json.new")
}

fn write_whole(path: &Path, octets: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(octets)?;
    file.sync_all()
}

fn entry(cached: &CachedAttachment) -> Entry {
    let id = |id: &WireId| Id { subtype: id.subtype, octets: id.octets.to_vec() };
    Entry {
        ifname: cached.ifname.to_string(),
        mac: cached.mac.0,
        switch: id(&cached.attachment.switch),
        port: id(&cached.attachment.port),
        switch_name: cached.attachment.switch_name.to_string(),
        evidence: cached.attachment.evidence.word().into(),
        ttl_s: cached.ttl.as_secs(),
        age_s: cached.age.as_secs(),
        saved_unix_ms: cached.saved_unix_ms,
    }
}

/// `None` for an entry that no probe has written.
fn read_entry(entry: Entry) -> Option<CachedAttachment> {
    let id = |id: Id| {
        let sound = (1..=255).contains(&id.octets.len()) && id.subtype <= 7;
        sound.then(|| WireId { subtype: id.subtype, octets: id.octets.into() })
    };
    let words = [Evidence::Lldp, Evidence::Cdp, Evidence::Cache];
    let evidence = words.into_iter().find(|evidence| evidence.word() == entry.evidence)?;
    let is_name = entry.switch_name.len() <= 63 && !entry.switch_name.chars().any(char::is_control);
    let attachment = Attachment {
        switch: id(entry.switch)?,
        port: id(entry.port)?,
        switch_name: is_name.then_some(entry.switch_name)?.into(),
        evidence,
    };
    Some(CachedAttachment {
        ifname: entry.ifname.into(),
        mac: MacAddress(entry.mac),
        attachment,
        ttl: Duration::from_secs(entry.ttl_s),
        age: Duration::from_secs(entry.age_s),
        saved_unix_ms: entry.saved_unix_ms,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cached(ifname: &str) -> CachedAttachment {
        CachedAttachment {
            ifname: ifname.into(),
            mac: MacAddress([2, 0, 0, 0, 0, 1]),
            attachment: Attachment {
                switch: WireId { subtype: 4, octets: [2, 0, 0, 0, 1, 1].into() },
                port: WireId { subtype: 5, octets: (*b"p1").into() },
                switch_name: "sw1".into(),
                evidence: Evidence::Lldp,
            },
            ttl: Duration::from_secs(120),
            age: Duration::from_secs(7),
            saved_unix_ms: 1_700_000_000_000,
        }
    }

    #[test]
    fn what_is_saved_comes_back_and_replaces_what_was_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state/attachments.json");
        assert_eq!(load(&path), []);
        save(&path, &[cached("eth0"), cached("eth1")]).unwrap();
        save(&path, &[cached("eth1")]).unwrap();
        assert_eq!(load(&path), [cached("eth1")]);
        let left: Vec<_> =
            fs::read_dir(path.parent().unwrap()).unwrap().flatten().map(|entry| entry.file_name()).collect();
        assert_eq!(left, ["attachments.json"], "an unfinished file is left");
    }

    #[test]
    fn a_damaged_or_foreign_file_is_as_good_as_none_and_a_bad_entry_costs_itself_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("attachments.json");
        save(&path, &[cached("eth0")]).unwrap();
        let whole = fs::read_to_string(&path).unwrap();
        let cases = [
            ("cut", whole[..whole.len() / 2].to_string(), 0),
            ("of the future", whole.replace("\"schema\":1", "\"schema\":2"), 0),
            ("empty", String::new(), 0),
            ("an unknown evidence", whole.replace("\"lldp\"", "\"crystal ball\""), 0),
            ("a subtype nobody has", whole.replace("\"subtype\":4", "\"subtype\":9"), 0),
            ("a name with escapes", whole.replace("\"sw1\"", "\"\\u001b[31m\""), 0),
            ("as written", whole.clone(), 1),
        ];
        for (name, text, want) in cases {
            fs::write(&path, text).unwrap();
            assert_eq!(load(&path).len(), want, "{name}");
        }
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_an_error_and_leaves_the_old_file() {
        let folder = tempfile::tempdir().unwrap();
        let in_the_way = folder.path().join("state");
        fs::write(&in_the_way, "a file where a folder should be").unwrap();
        assert!(save(&in_the_way.join("attachments.json"), &[cached("eth0")]).is_err());
    }
}
