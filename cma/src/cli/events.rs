//! `ringmesh events`: what happened, oldest first, and with `--follow` what happens.

use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use ringmesh_cma_core::documents::EventLine;
use ringmesh_proto::pb;
use tonic::{Code, Status};

use super::client::Client;
use super::paint::{Paint, Tone, WIDTH, harmless, wrapped_to};
use super::{moment, not_understood, read};
use ringmesh_shell::failure::{Failure, Kind};

/// How often a CMA that went away is looked for.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Columns grow with what stands in them, up to this.
const COLUMN_MAX: usize = 17;
/// The longest word for what happened.
const WORD: usize = "connected".len();

/// Digits of an incident's id that are shown.
const ID_SHOWN: usize = 8;

/// What is wanted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Options {
    pub(crate) follow: bool,
    pub(crate) last: u32,
    pub(crate) json: bool,
    /// Long texts go on below themselves, for a terminal; else every event is one line.
    pub(crate) wrap: bool,
}

/// Why no more is printed.
enum Ended {
    /// Nothing more is to come.
    All,
    /// The CMA went away.
    Away,
    /// Nobody reads any more.
    Unread,
    Failed(Failure),
}

/// Prints events to `out`, and to `said` what became of the CMA meanwhile.
pub(crate) async fn run(
    socket: &Path,
    options: Options,
    paint: &Paint,
    out: &mut impl Write,
    said: &mut impl Write,
) -> Result<(), Failure> {
    let mut printer = Printer { paint, options, out, after: 0, day: String::new(), site: 0, about: 0 };
    let mut client = Client::connect(socket).await?;
    loop {
        match printer.listen(&mut client).await {
            Ended::All | Ended::Unread => return Ok(()),
            Ended::Failed(failure) => return Err(failure),
            Ended::Away => {}
        }
        // Whoever closed standard error does not want to know.
        let _ = writeln!(said, "ringmesh: the CMA went away; events go on when it is back");
        client = again(socket).await?;
        if printer.log_began_anew(&mut client).await {
            let _ = writeln!(said, "ringmesh: the CMA lost its events; these are new ones");
        }
    }
}

/// Looks for the CMA until it is there.
async fn again(socket: &Path) -> Result<Client, Failure> {
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        match Client::connect(socket).await {
            Err(failure) if failure.kind == Kind::OutOfReach => {}
            connected => return connected,
        }
    }
}

/// Prints rows and knows which was the last.
struct Printer<'a, W> {
    paint: &'a Paint,
    options: Options,
    out: &'a mut W,
    /// The number of the last row printed.
    after: u64,
    /// The day of the last row on a terminal, where a day stands above its rows.
    day: String,
    /// Widths of columns.
    site: usize,
    about: usize,
}

impl<W: Write> Printer<'_, W> {
    async fn listen(&mut self, client: &mut Client) -> Ended {
        let last = if self.after == 0 { self.options.last } else { 0 };
        let request = pb::EventsRequest { after: self.after, follow: self.options.follow, last };
        let mut stream = match client.events(request).await {
            Ok(stream) => stream,
            Err(status) => return self.lost(client, &status),
        };
        loop {
            match stream.message().await {
                Ok(Some(document)) => match self.print(&document.json) {
                    Ok(()) => {}
                    Err(ended) => return ended,
                },
                Ok(None) if self.options.follow => return Ended::Away,
                Ok(None) => return Ended::All,
                Err(status) => return self.lost(client, &status),
            }
        }
    }

    /// A CMA that ends or dies comes back; one that refuses would refuse again.
    fn lost(&self, client: &Client, status: &Status) -> Ended {
        let stops = matches!(status.code(), Code::Unavailable | Code::Cancelled);
        // What the transport says has a source, what the CMA says has none.
        let dead = std::error::Error::source(status).is_some();
        if self.options.follow && (stops || dead) {
            return Ended::Away;
        }
        Ended::Failed(client.refused(status))
    }

    /// Whether the newest row there is comes before the last one printed. Then all rows are new.
    async fn log_began_anew(&mut self, client: &mut Client) -> bool {
        let newest = pb::EventsRequest { after: 0, follow: false, last: 1 };
        let Ok(mut stream) = client.events(newest).await else { return false };
        let Ok(document) = stream.message().await else { return false };
        let rows = document.map_or_else(|| Ok(Vec::new()), |document| read::<Vec<EventLine>>(&document.json));
        let Ok(rows) = rows else { return false };
        let anew = rows.last().map_or(0, |row| row.number) < self.after;
        if anew {
            self.after = 0;
            self.options.last = 0;
        }
        anew
    }

    fn print(&mut self, json: &str) -> Result<(), Ended> {
        let rows: Vec<EventLine> = read(json).map_err(Ended::Failed)?;
        let widest = |of: fn(&EventLine) -> &str, least: usize| {
            let widths = rows.iter().map(|row| of(row).chars().count().min(COLUMN_MAX));
            widths.fold(least, usize::max)
        };
        (self.site, self.about) =
            (widest(|row| &row.site, self.site), widest(|row| about(row).0, self.about));
        for row in &rows {
            let line = if self.options.json { as_json(row)? } else { self.line(row) };
            writeln!(self.out, "{line}").map_err(|error| unwritten(&error))?;
            self.after = row.number;
        }
        self.out.flush().map_err(|error| unwritten(&error))
    }

    /// `14:03:07  lab  h5  SILENT  heard by nobody`, and below it what has no room in the line.
    fn line(&mut self, row: &EventLine) -> String {
        let (about, text) = about(row);
        let (day, time) = (moment::day(row.at_ms), moment::time(row.at_ms));
        let site = harmless(&row.site);
        let head = format!("{time}  {site:0$}  {1:2$}  ", self.site, harmless(about), self.about);
        let (tone, word) = happened(&row.kind);
        let told =
            format!("{}{}  ", self.paint.tone(tone, &word), " ".repeat(WORD.saturating_sub(word.len())));
        if !self.options.wrap {
            return format!("{day} {head}{told}{}", harmless(text)).trim_end().to_owned();
        }
        let indent = head.chars().count() + WORD.max(word.len()) + 2;
        let below = format!("\n{}", " ".repeat(indent));
        let text = wrapped_to(WIDTH.saturating_sub(indent).max(20), "", text).replace('\n', &below);
        let line = format!("{head}{told}{text}").trim_end().to_owned();
        if day == self.day {
            return line;
        }
        let above = self.paint.tone(Tone::Strong, &day);
        self.day = day;
        format!("{above}\n{line}")
    }
}

/// What a row is about, and what is said of it. Of an incident's id as much as `ringmesh explain` needs; a switch by
/// the name that the text gives it, with its id after.
fn about(row: &EventLine) -> (&str, &str) {
    let id = row.kind.starts_with("incident-").then(|| row.subject.get(..ID_SHOWN)).flatten();
    let name = row.kind.starts_with("switch-").then(|| row.text.strip_prefix("switch ")).flatten();
    match (id, name) {
        (Some(id), _) => (id, &row.text),
        (None, Some(name)) if !name.is_empty() => (name, &row.subject),
        (None, _) => (&row.subject, &row.text),
    }
}

/// What happened, in one word: the end of its kind; trouble in capitals, for those who see no red.
fn happened(kind: &str) -> (Tone, String) {
    let word = kind.split_once('-').map_or(kind, |(_, word)| word);
    match word {
        "up" | "connected" | "closed" => (Tone::Good, word.to_owned()),
        "silent" | "down" | "cut" | "lost" | "opened" => (Tone::Bad, word.to_uppercase()),
        "unknown" | "revised" => (Tone::Doubtful, word.to_owned()),
        _ => (Tone::Calm, word.to_owned()),
    }
}

fn as_json(row: &EventLine) -> Result<String, Ended> {
    serde_json::to_string(row).map_err(|error| Ended::Failed(not_understood(&error)))
}

fn unwritten(error: &io::Error) -> Ended {
    if error.kind() == io::ErrorKind::BrokenPipe {
        return Ended::Unread;
    }
    let problem = format!("standard output: {error}");
    Ended::Failed(Failure::new(Kind::OutOfReach, problem, "give it somewhere to go"))
}

#[cfg(test)]
mod tests;
