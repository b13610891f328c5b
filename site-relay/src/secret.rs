//! The site secret's file: made once, readable by its owner only, never overwritten.
//!
//! ```text
//! # ringmesh secret of site lab: for its relays only, mode 0600
//! 1 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff
//! ```
//!
//! The number is the epoch: it tells a secret from the one that follows it.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use ring::rand::SecureRandom;
use ringmesh_proto::seal::{Key, SiteSecret};
use ringmesh_shell::failure::{Failure, Kind};
use ringmesh_topology::id::Name;

const MAKE_ONE: &str = "make one with `ringmesh-relay init --site SITE --secret FILE`";
const FIRST_EPOCH: u32 = 1;

/// `N` octets from the operating system.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], Failure> {
    let mut octets = [0; N];
    ring::rand::SystemRandom::new().fill(&mut octets).map_err(|_| {
        Failure::new(Kind::OutOfReach, "the system gives no random octets", "make getrandom(2) work")
    })?;
    Ok(octets)
}

/// Makes the secret of a site and writes it to a new file.
pub(crate) fn create(path: &Path, site: &Name) -> Result<(), Failure> {
    let key = Key(random()?);
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create_new(true).mode(0o600).open(path).map_err(|error| {
        let remedy = match error.kind() {
            io::ErrorKind::AlreadyExists => {
                "it is never overwritten, since every key of the site follows from it: name another file"
            }
            _ => "name a file that can be made",
        };
        Failure::file("secret file", path, &error, remedy)
    })?;
    let text = format!(
        "# ringmesh secret of site {site}: for its relays only, mode 0600\n{FIRST_EPOCH} {}\n",
        key.to_hex()
    );
    let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
    written.map_err(|error| {
        // Half a secret is worse than none; if it cannot even be removed, reading it fails with its own error.
        let _ = fs::remove_file(path);
        Failure::file("secret file", path, &error, "free some space, or name a file elsewhere")
    })
}

/// Reads the secret of a site.
pub(crate) fn load(path: &Path) -> Result<SiteSecret, Failure> {
    let unreadable = |error: io::Error| {
        let remedy = match error.kind() {
            io::ErrorKind::PermissionDenied => "run the relay as the owner of this file",
            _ => MAKE_ONE,
        };
        Failure::file("secret_file", path, &error, remedy)
    };
    let mode = fs::metadata(path).map_err(unreadable)?.mode() & 0o777;
    if mode & 0o077 != 0 {
        let problem =
            format!("secret_file {}: its mode is {mode:04o}, so others may read it", path.display());
        return Err(Failure::usage(problem, format!("run `chmod 600 {}`", path.display())));
    }
    let text = fs::read_to_string(path).map_err(unreadable)?;
    parse(&text).map_err(|problem| {
        Failure::usage(
            format!("secret_file {}: {problem}", path.display()),
            format!("copy it again, or {MAKE_ONE}"),
        )
    })
}

/// The problem's text never holds a digit of the secret.
fn parse(text: &str) -> Result<SiteSecret, String> {
    let lines = text.lines().enumerate().map(|(at, line)| (at + 1, line.trim()));
    let mut lines = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    let (at, line) = lines.next().ok_or("it holds no secret")?;
    if let Some((second, _)) = lines.next() {
        return Err(format!("line {second}: a second secret, and one is all a relay takes"));
    }
    let (epoch, key) = line.split_once(' ').ok_or(format!("line {at}: not an epoch and a key"))?;
    if !epoch.parse::<u32>().is_ok_and(|epoch| epoch >= FIRST_EPOCH) {
        return Err(format!("line {at}: the epoch is not a number from {FIRST_EPOCH}"));
    }
    Key::from_hex(key).map(SiteSecret).map_err(|error| format!("line {at}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site() -> Name {
        Name::new("lab").unwrap()
    }

    #[test]
    fn a_secret_is_made_once_for_its_owner_only_and_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("site.secret");
        create(&path, &site()).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        let text = fs::read_to_string(&path).unwrap();
        let first = load(&path).unwrap();
        assert!(text.starts_with("# ") && text.contains(&first.0.to_hex()), "{text}");

        let again = create(&path, &site()).unwrap_err();
        assert!(again.to_string().contains("never overwritten"), "{again}");
        assert_eq!(fs::read_to_string(&path).unwrap(), text, "it was overwritten");
        let other = folder.path().join("other.secret");
        create(&other, &site()).unwrap();
        assert_ne!(load(&other).unwrap(), first, "two secrets are the same");
    }

    #[test]
    fn what_is_no_secret_is_refused_with_its_line_and_without_its_digits() {
        let key = "5a".repeat(32);
        let cases = [
            (String::new(), "no secret"),
            ("# only a comment\n".into(), "no secret"),
            (format!("{key}\n"), "line 1: not an epoch"),
            (format!("# c\n0 {key}\n"), "line 2: the epoch"),
            (format!("# c\nx {key}\n"), "line 2: the epoch"),
            (format!("# c\n1 {}\n", &key[1..]), "line 2: a key is 64"),
            (format!("1 {key}\n2 {key}\n"), "line 2: a second secret"),
        ];
        for (text, want) in cases {
            let problem = parse(&text).unwrap_err();
            assert!(problem.contains(want), "{text:?}: {problem}");
            assert!(!problem.contains("5a5a"), "{problem}");
        }
        assert!(parse(&format!("\n# c\n 7 {key} \n")).is_ok());
    }

    #[test]
    fn a_file_that_others_may_read_and_one_that_is_not_there_are_refused_with_a_remedy() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("site.secret");
        let missing = load(&path).unwrap_err();
        assert!(missing.to_string().contains("ringmesh-relay init"), "{missing}");
        create(&path, &site()).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o640);
        fs::set_permissions(&path, mode).unwrap();
        let open = load(&path).unwrap_err();
        assert!(open.to_string().contains("chmod 600"), "{open}");
        assert_eq!((missing.exit_code(), open.exit_code()), (2, 2));
    }
}
