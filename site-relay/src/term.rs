//! The relay's term: it rises with each start, so that members can tell a newer order from an older one.
//!
//! Kept in `state_dir/term`, and counted up by one. Where it is lost or cannot be kept it follows from the wall
//! clock, in minutes since 1970, which lies above every term that was counted up.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use ringmesh_proto::news::Warning;
use ringmesh_shell::failure::{Failure, Kind};

/// Makes `state_dir` if need be, and takes the next term.
pub(crate) fn next(state_dir: &Path, unix_ms: u64) -> Result<(u32, Option<Warning>), Failure> {
    let file = state_dir.join("term");
    let minutes = u32::try_from(unix_ms / 60_000).unwrap_or(u32::MAX);
    let stored = fs::create_dir_all(state_dir).and_then(|()| read(&file));
    let stored = match stored {
        Ok(stored) => stored,
        Err(error) if is_fatal(&error) => return Err(unusable(state_dir, &error)),
        Err(_) => None,
    };
    let term = following(stored, minutes);
    match write(&file, term) {
        Ok(()) => Ok((term, None)),
        Err(error) if is_fatal(&error) => Err(unusable(state_dir, &error)),
        Err(error) => Ok((term.max(minutes), Some(not_kept(&file, &error)))),
    }
}

/// A relay whose file is gone must not start from 1: its members obey the highest term they ever saw.
fn following(stored: Option<u32>, minutes: u32) -> u32 {
    stored.unwrap_or(minutes).saturating_add(1)
}

fn read(file: &Path) -> io::Result<Option<u32>> {
    match fs::read_to_string(file) {
        // A damaged file is as good as none.
        Ok(text) => Ok(text.trim().parse().ok()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => Ok(None),
        Err(error) => Err(error),
    }
}

/// The file holds either the old term or the new one, whenever the power fails. Where the disk is too full for
/// a second file, the few octets of the one that is there are overwritten, which takes no further space.
fn write(file: &Path, term: u32) -> io::Result<()> {
    replace(file, term).or_else(|error| if is_fatal(&error) { Err(error) } else { overwrite(file, term) })
}

fn replace(file: &Path, term: u32) -> io::Result<()> {
    let beside = file.with_extension("new");
    let replaced =
        fs::File::create(&beside).and_then(|new| fill(new, term)).and_then(|()| fs::rename(&beside, file));
    if replaced.is_err() {
        let _ = fs::remove_file(&beside);
    }
    replaced
}

/// Not truncated first: a term never has fewer digits than the one before it.
fn overwrite(file: &Path, term: u32) -> io::Result<()> {
    fs::OpenOptions::new().write(true).open(file).and_then(|kept| fill(kept, term))
}

fn fill(mut file: fs::File, term: u32) -> io::Result<()> {
    file.write_all(format!("{term}\n").as_bytes())?;
    file.sync_all()
}

/// A full or failing disk does not keep a site from being watched; a wrong folder is somebody's mistake.
fn is_fatal(error: &io::Error) -> bool {
    use io::ErrorKind as K;
    matches!(
        error.kind(),
        K::PermissionDenied | K::ReadOnlyFilesystem | K::NotADirectory | K::IsADirectory | K::AlreadyExists
    )
}

fn unusable(state_dir: &Path, error: &io::Error) -> Failure {
    let problem = format!("state_dir {}: {error}", state_dir.display());
    let kind = match error.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => Kind::Right,
        _ => Kind::Usage,
    };
    Failure::new(kind, problem, "name a folder that the relay may write to")
}

fn not_kept(file: &Path, error: &io::Error) -> Warning {
    Warning {
        code: "term-not-kept".into(),
        text: format!(
            "the term could not be written to {}: {error}; it follows from the wall clock",
            file.display()
        ),
        remedy: "free some space in state_dir and restart the relay".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNIX_MS: u64 = 1_800_000_000_000;
    const MINUTES: u32 = 30_000_000;

    #[test]
    fn the_term_rises_with_each_start_whatever_the_clock_says() {
        let folder = tempfile::tempdir().unwrap();
        let state_dir = folder.path().join("made/when/missing");
        let terms: Vec<u32> =
            [UNIX_MS, 0, UNIX_MS].iter().map(|&ms| next(&state_dir, ms).unwrap().0).collect();
        assert_eq!(terms, [MINUTES + 1, MINUTES + 2, MINUTES + 3]);
        fs::write(state_dir.join("term"), "7\n").unwrap();
        assert_eq!(next(&state_dir, UNIX_MS).unwrap(), (8, None));
        let left: Vec<_> =
            fs::read_dir(&state_dir).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["term"], "something was left behind");
    }

    #[test]
    fn a_lost_or_damaged_file_does_not_start_the_terms_anew() {
        for damage in ["", "-3", "4294967296", "\0\0\0\0", "7 8"] {
            let folder = tempfile::tempdir().unwrap();
            fs::write(folder.path().join("term"), damage).unwrap();
            assert_eq!(next(folder.path(), UNIX_MS).unwrap(), (MINUTES + 1, None), "{damage:?}");
        }
    }

    #[test]
    fn where_there_is_no_room_for_a_second_file_the_first_is_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("term");
        fs::write(&file, "99\n").unwrap();
        overwrite(&file, 100).unwrap();
        assert_eq!(read(&file).unwrap(), Some(100));
    }

    #[test]
    fn a_wrong_folder_is_an_error_and_a_full_disk_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        for state_dir in [file.clone(), file.join("below")] {
            let failure = next(&state_dir, UNIX_MS).unwrap_err();
            assert!(failure.to_string().contains("state_dir"), "{failure}");
            assert_eq!(failure.exit_code(), 2);
        }
        let full = io::Error::from(io::ErrorKind::StorageFull);
        assert!(!is_fatal(&full) && is_fatal(&io::Error::from(io::ErrorKind::PermissionDenied)));
        assert!(not_kept(&file, &full).text.contains("term"));
    }
}
