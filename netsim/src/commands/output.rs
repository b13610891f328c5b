//! What goes to standard output and to standard error. Whoever read it may have gone.

use std::fmt::Display;
use std::io::{self, Write};

/// Whether anybody still reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reader {
    Reads,
    /// `.. | head`: nothing more is wanted, and that is no failure.
    HasGone,
}

/// Results, as they are. What cannot be written, to a full disk for instance, ends the program: nothing that it goes on to
/// do is of use.
pub(crate) fn put(words: impl Display) -> Reader {
    let mut out = io::stdout().lock();
    match write!(out, "{words}").and_then(|()| out.flush()) {
        Ok(()) => Reader::Reads,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Reader::HasGone,
        Err(error) => {
            say(format_args!(
                "ringmesh-netsim: standard output: {error}; have it written to where there is room"
            ));
            std::process::exit(1)
        }
    }
}

/// The same with an end of line.
pub(crate) fn line(words: impl Display) -> Reader {
    put(format_args!("{words}\n"))
}

/// A line of progress, of a trace, or a complaint. Nobody need read it.
pub(crate) fn say(words: impl Display) {
    let _ = writeln!(io::stderr().lock(), "{words}");
}
