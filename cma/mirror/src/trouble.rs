//! What can be in the way of a mirror.

use neo4rs::Error;

/// The longest word of a server that is shown.
const SHOWN_MAX: usize = 300;

/// Why the mirror cannot go on. Nothing of the transaction in which it happened is known to be there, unless the server
/// says so by its cursor.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// Nobody answers, or the connection broke.
    #[error("no server at the other end: {0}")]
    Away(String),
    /// It did not answer in time. What was asked may still be done there.
    #[error("the server did not answer within {0} s")]
    Slow(u64),
    /// It takes no writes.
    #[error("the server takes no writes: {0}")]
    ReadOnly(String),
    /// It does not let us in.
    #[error("the server refuses us: {0}")]
    Refused(String),
    /// It holds what a newer version wrote.
    #[error("the database holds schema {found} of a mirror, this program writes {ours}")]
    Newer {
        /// There.
        found: i64,
        /// Here.
        ours: i64,
    },
    /// It is the mirror of somebody else.
    #[error("the database is the mirror of installation {0:?}")]
    Foreign(String),
    /// Its cursor is not where it was left: somebody else writes, or it was restored. It has to be read anew.
    #[error("the cursor of the database moved: somebody else writes there, or it was restored")]
    Moved,
    /// An index has the name of a constraint of ours.
    #[error("the server failed: {0}")]
    NameTaken(String),
    /// It failed.
    #[error("the server failed: {0}")]
    Failed(String),
    /// The CMA does not answer any more: it ends.
    #[error("the CMA ends")]
    Ended,
    /// The CMA's own graph failed.
    #[error("the graph failed: {0}")]
    Graph(String),
}

impl Trouble {
    /// What to do about it.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Away(_) => "start Neo4j, or correct neo4j.uri; the mirror catches up by itself",
            Self::Slow(_) => {
                "look at the load of the Neo4j server; the mirror tries smaller batches by itself"
            }
            Self::ReadOnly(_) => "let neo4j.user write there; the mirror catches up by itself",
            Self::Refused(_) => "correct neo4j.user and neo4j.password_file, or the server's certificate",
            Self::Newer { .. } => "run the newer version here, or give the mirror another database",
            Self::Foreign(_) => "give each installation a database of its own",
            Self::Moved => "let only one CMA write there",
            Self::NameTaken(_) => "drop that index: it belongs to no constraint",
            Self::Failed(_) => "see the log of the Neo4j server",
            Self::Ended | Self::Graph(_) => "see the CMA's log",
        }
    }

    /// Trying again soon makes no sense.
    pub fn lasts(&self) -> bool {
        matches!(self, Self::ReadOnly(_) | Self::Refused(_) | Self::Newer { .. } | Self::Foreign(_))
    }
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        let said = harmless(&error.to_string());
        match error {
            Error::Neo4j(error) => of_code(error.code(), said),
            Error::AuthenticationError(_) => Self::Refused(said),
            // TLS tells by an error of the stream.
            Error::IOError { .. } if said.contains("certificate") => Self::Refused(said),
            Error::ConnectionTimedOut
            | Error::IOError { .. }
            | Error::ConnectionError
            | Error::IncompleteBoltExchange
            | Error::ServerUnavailableError(_) => Self::Away(said),
            _ => Self::Failed(said),
        }
    }
}

fn of_code(code: &str, said: String) -> Trouble {
    let read_only =
        ["ForbiddenOnReadOnlyDatabase", "WriteOnReadOnlyAccessDatabase", "NotALeader", "AccessMode"];
    if code.contains(".Security.Forbidden") || read_only.iter().any(|word| code.ends_with(word)) {
        return Trouble::ReadOnly(said);
    }
    // Neo4j says it in words as well, under a general code.
    if said.contains("read-only") || said.contains("read only") {
        return Trouble::ReadOnly(said);
    }
    if code.contains(".Security.") || code.ends_with("DatabaseNotFound") {
        return Trouble::Refused(said);
    }
    if code.ends_with(".Schema.IndexWithNameAlreadyExists") {
        return Trouble::NameTaken(said);
    }
    Trouble::Failed(said)
}

/// What a server says may quote what it was given: nothing of it moves a cursor, and it is no novel.
fn harmless(said: &str) -> String {
    let safe = said.chars().map(|c| if c.is_control() { ' ' } else { c });
    let mut shown: String = safe.take(SHOWN_MAX).collect();
    if said.chars().count() > SHOWN_MAX {
        shown.push_str(" ..");
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_says_is_sorted_by_its_code_and_made_harmless() {
        let said = || "x".to_owned();
        assert_eq!(
            of_code("Neo.ClientError.General.ForbiddenOnReadOnlyDatabase", said()),
            Trouble::ReadOnly(said())
        );
        assert_eq!(of_code("Neo.ClientError.Security.Forbidden", said()), Trouble::ReadOnly(said()));
        assert_eq!(of_code("Neo.ClientError.Security.Unauthorized", said()), Trouble::Refused(said()));
        assert_eq!(of_code("Neo.ClientError.Database.DatabaseNotFound", said()), Trouble::Refused(said()));
        assert_eq!(
            of_code("Neo.ClientError.Schema.IndexWithNameAlreadyExists", said()),
            Trouble::NameTaken(said())
        );
        assert_eq!(
            of_code("Neo.TransientError.Transaction.DeadlockDetected", said()),
            Trouble::Failed(said())
        );
        let long = format!("a\u{1b}[2J\n{}", "x".repeat(1_000));
        let shown = harmless(&long);
        assert!(shown.starts_with("a [2J x") && shown.len() < 400 && shown.ends_with(" .."), "{shown}");
    }

    #[test]
    fn every_trouble_has_a_remedy_and_only_those_that_last_wait_long() {
        let all = [
            (Trouble::Away(String::new()), false),
            (Trouble::Slow(3), false),
            (Trouble::ReadOnly(String::new()), true),
            (Trouble::Refused(String::new()), true),
            (Trouble::Newer { found: 2, ours: 1 }, true),
            (Trouble::Foreign("b".into()), true),
            (Trouble::Moved, false),
            (Trouble::NameTaken(String::new()), false),
            (Trouble::Failed(String::new()), false),
        ];
        for (trouble, lasts) in all {
            assert_eq!(trouble.lasts(), lasts, "{trouble}");
            assert!(!trouble.remedy().is_empty());
        }
    }
}
