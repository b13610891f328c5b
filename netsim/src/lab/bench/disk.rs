//! What a CMA that was killed left on its disk. The only place where the lab reads what no command shows: sequences.

use std::collections::BTreeMap;
use std::path::Path;

use ringmesh_cma_core::RECORDS_VERSION;
use ringmesh_cma_core::history::Row;
use ringmesh_cma_core::relay::RelayKey;
use ringmesh_proto::digest::Group;
use ringmesh_proto::keep::{self, Unreadable};
use ringmesh_proto::news::Key;
use ringmesh_shell::store::{Header, Store};

use super::audit::RelayId;
use crate::lab::error::{LabError, at};

/// As `cma/core/src/records.rs` has them.
const EVENT: u8 = b'e';
const DIGEST: u8 = b'D';
/// Of an installation whose configuration names none.
const OWNER: &str = "CMA main";

/// What it held.
#[derive(Debug, Default)]
pub(super) struct Disk {
    /// Every event by its number.
    pub(super) rows: BTreeMap<u64, Row>,
    /// The digest of all that each relay told.
    pub(super) pictures: BTreeMap<RelayId, u64>,
}

/// Reads the store of a CMA that does not run. A copy is opened, so that the CMA finds its own as it left it.
///
/// # Errors
/// [`LabError::Failed`] if it cannot be opened or read: that is a finding too. [`LabError::File`] for the copy.
pub(super) fn read(store: &Path) -> Result<Disk, LabError> {
    let path = &store.with_extension("copy");
    std::fs::copy(store, path).map_err(at(store, "copy"))?;
    let failed = |error: &dyn std::fmt::Display| LabError::Failed(format!("{}: {error}", path.display()));
    let header = Header { kind: "cma", version: RECORDS_VERSION, owner: OWNER.into() };
    let opened = Store::open(path, header).map_err(|error| failed(&error))?;
    let mut disk = Disk::default();
    for (key, value) in &opened.records {
        disk.take(key, value).map_err(|error| failed(&error))?;
    }
    std::fs::remove_file(path).map_err(at(path, "remove"))?;
    Ok(disk)
}

impl Disk {
    fn take(&mut self, key: &[u8], value: &[u8]) -> Result<(), Unreadable> {
        match keep::split(key) {
            Some((EVENT, number)) => {
                let number = u64::from_be_bytes(keep::read(EVENT, number)?);
                self.rows.insert(number, keep::read(EVENT, value)?);
            }
            Some((DIGEST, thing)) => {
                let (relay, _): (RelayKey, Key) = keep::read(DIGEST, thing)?;
                let (_, digest): (Group, u64) = keep::read(DIGEST, value)?;
                let sum =
                    self.pictures.entry((relay.site.to_string(), u32::from(relay.relay.0))).or_default();
                *sum = sum.wrapping_add(digest);
            }
            Some(_) | None => {}
        }
        Ok(())
    }
}
