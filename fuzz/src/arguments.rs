//! The command line.

use ringmesh_fuzz::{TARGETS, Target, target};

pub(crate) const USAGE: &str = "\
usage: ringmesh-fuzz [--inputs N] [--seconds S] [--seed N] [--from N] [--report FILE] [--keep FOLDER]
                     [TARGET..]
       ringmesh-fuzz seeds FOLDER";

const INPUTS: u64 = 1_000_000;

pub(crate) enum Command {
    Run(Arguments),
    Seeds(String),
}

pub(crate) struct Arguments {
    /// For each target.
    pub(crate) inputs: u64,
    /// For each target; whatever comes first.
    pub(crate) seconds: Option<u64>,
    pub(crate) seed: u64,
    /// The number of the first input.
    pub(crate) from: u64,
    pub(crate) report: Option<String>,
    /// Where inputs that break a law are kept, in a folder of their target.
    pub(crate) keep: Option<String>,
    pub(crate) targets: Vec<&'static Target>,
}

pub(crate) fn parse(mut words: impl Iterator<Item = String>) -> Result<Command, String> {
    let (mut inputs, mut seconds, mut seed, mut from) = (None, None, 1, 0);
    let (mut report, mut keep, mut targets) = (None, None, Vec::new());
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or(format!("{word} wants a value"));
        match word.as_str() {
            "seeds" => return value().map(Command::Seeds),
            "--inputs" => inputs = Some(number(&value()?)?),
            "--seconds" => seconds = Some(number(&value()?)?),
            "--seed" => seed = number(&value()?)?,
            "--from" => from = number(&value()?)?,
            "--report" => report = Some(value()?),
            "--keep" => keep = Some(value()?),
            name => targets.push(target(name).ok_or(format!("{name}: neither an option nor a target"))?),
        }
    }
    if targets.is_empty() {
        targets.extend(TARGETS);
    }
    // Asked for a time alone, it takes that time.
    let inputs = inputs.unwrap_or(if seconds.is_some() { u64::MAX } else { INPUTS });
    Ok(Command::Run(Arguments { inputs, seconds, seed, from, report, keep, targets }))
}

fn number(word: &str) -> Result<u64, String> {
    word.replace('_', "").parse().map_err(|_| format!("{word}: not a number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_is_what_is_run() {
        let run = |line: &str| match parse(line.split_whitespace().map(String::from)) {
            Ok(Command::Run(it)) => Ok((
                it.inputs,
                it.seconds,
                it.seed,
                it.from,
                it.targets.iter().map(|it| it.name).collect::<Vec<_>>(),
            )),
            Ok(Command::Seeds(_)) => Err("seeds".into()),
            Err(complaint) => Err(complaint),
        };
        let all: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
        assert_eq!(run(""), Ok((INPUTS, None, 1, 0, all.clone())));
        assert_eq!(run("--seconds 3"), Ok((u64::MAX, Some(3), 1, 0, all)));
        assert_eq!(run("--inputs 1_000 --seed 7 --from 9 cdp"), Ok((1_000, None, 7, 9, vec!["cdp"])));
        assert_eq!(run("--inputs"), Err("--inputs wants a value".into()));
        assert_eq!(run("--inputs x"), Err("x: not a number".into()));
        assert_eq!(run("ftp"), Err("ftp: neither an option nor a target".into()));
    }
}
