//! Lines that nobody has taken yet, on disk: a CMA that is killed hands them on at its next start.
//!
//! A line is written before it is handed on, and the file is emptied when all of them were taken. So a line leaves
//! at least once; one that leaves twice has the same key.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use ringmesh_cma_core::documents::PageLine;

/// The file's name within the state folder.
const FILE: &str = "pages.spool";

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct Spool {
    path: PathBuf,
}

impl Spool {
    /// Opens the spool of a state folder, with the lines that wait in it. A line torn by a crash is left out: the
    /// machine that decided it was killed in that moment, and its relay tells the incident again.
    pub(crate) fn open(state_dir: &Path) -> io::Result<(Self, Vec<String>)> {
        let path = state_dir.join(FILE);
        OpenOptions::new().create(true).append(true).open(&path)?;
        let text = String::from_utf8_lossy(&fs::read(&path)?).into_owned();
        let whole = |line: &&str| serde_json::from_str::<PageLine>(line).is_ok();
        let waiting = text.lines().filter(whole).map(str::to_owned).collect();
        Ok((Self { path }, waiting))
    }

    /// Keeps a line.
    pub(crate) async fn keep(&self, line: &str) -> io::Result<()> {
        let (path, line) = (self.path.clone(), line.to_owned());
        blocking(move || append(&path, &line)).await
    }

    /// Forgets all lines: they were taken.
    pub(crate) async fn clear(&self) -> io::Result<()> {
        let path = self.path.clone();
        blocking(move || File::create(&path)?.sync_data()).await
    }
}

/// Appends one line and has it on disk before it returns.
///
/// Where an earlier write broke off within a line (a full disk), the new one starts on a line of its own.
pub(crate) fn append(path: &Path, line: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().create(true).append(true).open(path)?;
    let torn = !ends_with_newline(path)?;
    let text = format!("{}{line}\n", if torn { "\n" } else { "" });
    file.write_all(text.as_bytes())?;
    match file.sync_data() {
        // A pipe or a terminal has nothing to sync.
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(()),
        done => done,
    }
}

/// Whether the next octet starts a line. True of what is no plain file.
fn ends_with_newline(path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::FileExt;
    let about = fs::metadata(path)?;
    if !about.is_file() || about.len() == 0 {
        return Ok(true);
    }
    let mut last = [0];
    File::open(path)?.read_exact_at(&mut last, about.len() - 1)?;
    Ok(last == *b"\n")
}

/// Runs disk work where it blocks nobody.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(io::Error::other(error)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(n: u32) -> String {
        format!(
            r#"{{"schema":1,"at_ms":{n},"key":"k","incident":"i","transition":"opened","severity":"page","verdict":"v","subject":{{"kind":"host","id":"h","name":"h"}},"text":"t","site":"s","reason":"opened"}}"#
        )
    }

    #[tokio::test(flavor = "current_thread")]
    async fn what_was_kept_is_there_after_a_crash_and_what_was_torn_is_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let (spool, waiting) = Spool::open(folder.path()).unwrap();
        assert_eq!(waiting, Vec::<String>::new());
        spool.keep(&line(1)).await.unwrap();
        let path = folder.path().join(FILE);
        fs::write(&path, format!("{}\n{}", line(1), &line(2)[..20])).unwrap();
        spool.keep(&line(3)).await.unwrap();
        let (spool, waiting) = Spool::open(folder.path()).unwrap();
        assert_eq!(waiting, [line(1), line(3)]);
        spool.clear().await.unwrap();
        assert_eq!(Spool::open(folder.path()).unwrap().1, Vec::<String>::new());
    }
}
