//! Whom a fault or an expectation means: names, or a selector such as `site=2, switch=1, host%5==0`.

use std::ops::Range;

use super::shape::Shape;
use super::text::{Refusal, Source};

/// What sort of thing is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    /// Hosts, `h1`, `h2`, ..
    Host,
    /// Switches, `sw1`, `sw2`, ..
    Switch,
    /// Sites, `s1`, `s2`, ..; a lone one is `sim`.
    Site,
}

/// The words of a selector, and of what sort of things each can be asked.
pub const WORDS: [(&str, &[Sort]); 4] = [
    ("site", &[Sort::Host, Sort::Switch, Sort::Site]),
    ("switch", &[Sort::Host, Sort::Switch]),
    ("host", &[Sort::Host]),
    ("ports", &[Sort::Host]),
];

/// One condition: a word, what is done with it, and what must come out.
#[derive(Debug, PartialEq, Eq)]
struct Term<'a> {
    word: &'a str,
    modulo: Option<usize>,
    equal: bool,
    number: usize,
}

impl Sort {
    /// As it is called in messages.
    pub fn word(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Switch => "switch",
            Self::Site => "site",
        }
    }

    fn names(self, shape: &Shape) -> Vec<String> {
        match self {
            Self::Host => shape.host_names(),
            Self::Switch => shape.switch_names(),
            Self::Site => shape.site_names(),
        }
    }
}

/// The numbers of those that are meant, in order.
pub(super) fn chosen(
    source: &Source<'_>,
    at: &Range<usize>,
    text: &str,
    sort: Sort,
    shape: &Shape,
) -> Result<Vec<usize>, Refusal> {
    let refuse = |what: String| source.refuse(at, what);
    let names = sort.names(shape);
    let parts: Vec<&str> = text.split(',').map(str::trim).collect();
    if text.trim() == "all" {
        return Ok((0..names.len()).collect());
    }
    let asks = |part: &&str| part.contains(['=', '%']);
    let mut found: Vec<usize> = if parts.iter().all(asks) {
        let terms = parts.iter().map(|part| term(part, sort).map_err(refuse));
        let terms = terms.collect::<Result<Vec<Term<'_>>, Refusal>>()?;
        (0..names.len()).filter(|one| terms.iter().all(|term| term.fits(sort, *one, shape))).collect()
    } else {
        let index = |part: &&str| {
            names.iter().position(|name| name == part).ok_or_else(|| unknown(part, sort, &names))
        };
        parts.iter().map(|part| index(part).map_err(refuse)).collect::<Result<_, Refusal>>()?
    };
    found.sort_unstable();
    found.dedup();
    if found.is_empty() {
        return Err(refuse(format!("`{text}` fits no {}", sort.word())));
    }
    Ok(found)
}

fn unknown(name: &str, sort: Sort, names: &[String]) -> String {
    let (first, last) = (names.first().map_or("", String::as_str), names.last().map_or("", String::as_str));
    let word = sort.word();
    let there = if names.len() == 1 {
        format!("the only one is {first}")
    } else {
        format!("there are {first} to {last}")
    };
    format!("no {word} is called `{name}`: {there}; or give a selector such as `site=1`, or `all`")
}

fn term(part: &str, sort: Sort) -> Result<Term<'_>, String> {
    let wanted = || format!("`{part}` is no condition: write word=N, word!=N or word%N==M");
    let (left, right) = part.split_once('=').ok_or_else(wanted)?;
    let (left, equal) = left.strip_suffix('!').map_or((left, true), |left| (left, false));
    let number = right.strip_prefix('=').unwrap_or(right).trim().parse().map_err(|_| wanted())?;
    let (word, modulo) = match left.split_once('%') {
        Some((word, modulo)) => (word.trim(), Some(modulo.trim().parse().map_err(|_| wanted())?)),
        None => (left.trim(), None),
    };
    if modulo == Some(0) {
        return Err(format!("`{part}` divides by nothing: write a number from 1 after `%`"));
    }
    let fit: Vec<&str> =
        WORDS.iter().filter(|(_, sorts)| sorts.contains(&sort)).map(|(word, _)| *word).collect();
    if !fit.contains(&word) {
        let what = format!("`{word}` is nothing a {} can be asked for", sort.word());
        return Err(format!("{what}: use {}", fit.join(", ")));
    }
    Ok(Term { word, modulo, equal, number })
}

impl Term<'_> {
    fn fits(&self, sort: Sort, one: usize, shape: &Shape) -> bool {
        let value = self.value(sort, one, shape);
        let value = self.modulo.map_or(value, |modulo| value % modulo);
        (value == self.number) == self.equal
    }

    fn value(&self, sort: Sort, one: usize, shape: &Shape) -> usize {
        let switch = |host: usize| shape.plan.hosts[host].switches[0];
        match (self.word, sort) {
            ("site", Sort::Host) => shape.site_of_host(one) + 1,
            ("site", Sort::Switch) => shape.site_of_switch(one) + 1,
            ("switch", Sort::Host) => shape.switch_in_site(switch(one)),
            ("switch", Sort::Switch) => shape.switch_in_site(one),
            ("ports", _) => shape.plan.hosts[one].switches.len(),
            ("host", _) => shape.host_on_switch(one),
            _ => one + 1,
        }
    }
}
