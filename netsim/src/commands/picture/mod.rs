//! A scenario's network as a picture: sites and what joins them, spines, switches, hosts, and what is going to break.
//!
//! Hosts are dots while there is room, then a number. The picture is one SVG without scripts or fonts of its own, for
//! light and for dark paper.

mod broken;
mod sheet;
mod site;
mod wan;

use ringmesh_netsim::model::WanShape;
use ringmesh_netsim::scenario::{Draft, Scenario};

use broken::{Broken, cut, rows};
use sheet::{Sheet, Text};
use site::Site;

const MARGIN: f64 = 24.0;
const GAP: f64 = 14.0;
/// Faults below the picture; the others are counted.
const FAULTS_MAX: usize = 24;
/// Sites side by side, as far as they fit in this.
const PAPER: f64 = 1_240.0;
/// Characters of a title, and of a row about a fault.
const TITLE_MAX: usize = 90;
const ROW_MAX: usize = 140;

/// The picture of a scenario, with the moments of its faults for a seed; `text` is the file it was read from.
pub(super) fn svg(scenario: &Scenario, text: &str, seed: u64) -> String {
    let draft = Draft::of(scenario, seed);
    let broken = Broken::of(scenario, &draft);
    let mut sheet = Sheet::default();
    let built = built(&draft);
    let title = if draft.title.is_empty() { &scenario.file } else { &draft.title };
    sheet.text(MARGIN, 32.0, Text::Head, &cut(title, TITLE_MAX));
    sheet.text(MARGIN, 54.0, Text::Calm, &built);
    let clouded = draft.wan == WanShape::Cloud;
    let top = if clouded { wan::BELOW_CLOUD } else { wan::lines(&mut sheet, &draft, &broken) };
    let (tops, bottom) = sites(&mut sheet, &draft, &broken, top);
    if clouded {
        wan::cloud(&mut sheet, &tops, &broken);
    }
    let bottom = faults(&mut sheet, &rows(scenario, text, seed), bottom + GAP);
    let bottom = legend(&mut sheet, &draft, bottom + 2.0 * GAP);
    sheet.finish(&format!("{title}: {built}"), MARGIN, bottom)
}

/// How much there is of it, and what joins it.
fn built(draft: &Draft) -> String {
    let switches: usize = draft.sites.iter().map(|site| site.hosts.len()).sum();
    format!(
        "{}, {}, {}; {}",
        count(draft.sites.len(), "site"),
        count(switches, "switch"),
        count(draft.hosts(), "host"),
        wan::words(draft)
    )
}

fn count(number: usize, word: &str) -> String {
    let plural = match (number, word) {
        (1, _) => "",
        (_, "switch") => "es",
        (_, _) => "s",
    };
    format!("{number} {word}{plural}")
}

/// Side by side, in rows. Returns the middles of their upper edges, and where the last row ends.
fn sites(sheet: &mut Sheet, draft: &Draft, broken: &Broken, top: f64) -> (Vec<[f64; 2]>, f64) {
    let (mut at, mut lowest, mut tops) = ([MARGIN, top], top, Vec::new());
    for (number, site) in draft.sites.iter().enumerate() {
        let site = Site::new(draft, number, site, broken);
        let width = site.width();
        if at[0] > MARGIN && at[0] + width > PAPER {
            at = [MARGIN, lowest + wan::DROP + GAP];
        }
        site.draw(sheet, at, width);
        tops.push([at[0] + width / 2.0, at[1]]);
        lowest = lowest.max(at[1] + site.height());
        at[0] += width + 2.0 * GAP;
    }
    (tops, lowest)
}

/// What breaks, when, for how long.
fn faults(sheet: &mut Sheet, rows: &[String], top: f64) -> f64 {
    let mut y = top;
    for row in rows.iter().take(FAULTS_MAX) {
        y += 22.0;
        sheet.text(MARGIN, y, Text::Bad, &cut(row, ROW_MAX));
    }
    if let Some(more) = rows.len().checked_sub(FAULTS_MAX).filter(|more| *more > 0) {
        y += 22.0;
        sheet.text(MARGIN, y, Text::Bad, &format!("and {}", count(more, "more fault")));
    }
    y
}

/// What the lines are that are there, in one row.
fn legend(sheet: &mut Sheet, draft: &Draft, y: f64) -> f64 {
    let several = draft.sites.iter().any(|site| !site.on_several.is_empty());
    let wan = if draft.wan == WanShape::Cloud { "WAN" } else { "WAN line" };
    let lines = [
        ("wan", wan, true),
        ("core", "core of a site", true),
        ("link", "uplink", draft.parts.spines == 0),
        ("lane", "uplink to a spine", draft.parts.spines > 0),
        ("peer", "peer link of a pair", draft.parts.pairs),
        ("leg", "ports of hosts on several switches", several),
    ];
    let end = sheet.right().max(PAPER / 2.0);
    let mut at = [MARGIN, y];
    for (class, words, _) in lines.into_iter().filter(|(.., there)| *there) {
        let width = 34.0 + Text::Calm.width(words);
        if at[0] > MARGIN && at[0] + width > end {
            at = [MARGIN, at[1] + 22.0];
        }
        sheet.line(class, [at[0], at[1] - 4.5], [at[0] + 26.0, at[1] - 4.5], false);
        sheet.text(at[0] + 34.0, at[1], Text::Calm, words);
        at[0] += width + 24.0;
    }
    at[1]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> String {
        svg(&Scenario::read("a.toml", text).unwrap_or_else(|refusal| panic!("{refusal}")), text, 1)
    }

    fn drawn(topology: &str) -> String {
        of(&format!("duration = \"1m\"\ntitle = \"a < b & c\"\n[topology]\n{topology}"))
    }

    #[test]
    fn every_host_is_a_dot_while_there_is_room_and_then_a_number() {
        let few = drawn("sites = 3\nswitches = 2\nhosts = 5\ndual_homed = 1\n");
        assert_eq!(few.matches("<circle class=\"host").count(), 30);
        assert!(few.contains(">h11<") && few.contains(">h1 to h5<") && !few.contains("more<"), "{few}");
        let many = drawn("sites = 1\nswitches = 20\nhosts = 300\n");
        assert_eq!(many.matches("<circle class=\"host").count(), 11 * 48);
        assert!(
            many.contains(">and 252 more<")
                && many.contains(">9 more<")
                && many.contains(">2700 hosts on them<")
        );
    }

    #[test]
    fn what_breaks_is_marked_and_told_and_texts_are_escaped() {
        let fault = "sites = 1\nswitches = 2\nhosts = 2\n[[faults]]\nkind = \"switch-power\"\non = \"sw2\"\nat = \"5s\"\nlasts = \"9s\"\n";
        let picture = drawn(fault);
        assert!(picture.contains("5.0 s: switch-power sw2, for 9s<"), "{picture}");
        assert_eq!(picture.matches("class=\"switch broken\"").count(), 1);
        assert!(picture.contains("a &lt; b &amp; c") && picture.starts_with("<svg "));
    }

    #[test]
    fn lines_between_sites_are_drawn_as_they_are() {
        let fault = "[[faults]]\nkind = \"wan-line\"\non = \"s3\"\nto = \"s2\"\nat = \"5s\"\nlasts = \"20s\"\nflaps = \"2s\"\n";
        // One line more: the legend; and one: the CMA.
        for (wan, lines) in [("ring", 4), ("mesh", 6)] {
            let picture = drawn(&format!(
                "sites = 4\nswitches = 1\nhosts = 2\nwan = \"{wan}\"\nwan_hop = \"7ms\"\n{fault}"
            ));
            assert_eq!(picture.matches("<line class=\"wan").count(), lines + 2, "{wan}");
            assert_eq!(picture.matches("<line class=\"wan broken").count(), 1, "{wan}");
            assert!(picture.contains(&format!("WAN: a {wan}, 7 ms a line")), "{wan}");
            assert_eq!(picture.matches("class=\"bad\"").count(), 1, "one row for one that flaps");
            assert!(picture.contains("5.0 s: wan-line s3, to s2, for 20s, flaps every 2s<"), "{picture}");
        }
    }

    #[test]
    fn branches_hang_on_their_main_sites_and_are_drawn_without_parts() {
        let of = |wan: &str, sites: usize| {
            let picture = drawn(&format!(
                "sites = {sites}\nswitches = 2\nhosts = 3\nspines = 2\nfeeds = 2\nwan = \"{wan}\"\n\
                 [topology.branches]\ncount = 5\nhosts = [4, 1]\n"
            ));
            let count = |words: &str| picture.matches(words).count();
            assert_eq!((count("class=\"spine\""), count(">branch; ")), (2 * sites, 5), "{wan}: {picture}");
            // One line more: the legend; and one: the CMA.
            count("<line class=\"wan") - 2
        };
        assert_eq!([of("star", 1), of("ring", 2), of("mesh", 3)], [5, 1 + 5, 3 + 5]);
    }

    #[test]
    fn parts_of_a_site_are_drawn_or_told() {
        let topology = "sites = 1\nswitches = 4\nhosts = 2\ndual_homed = 1\nspines = 3\nline_cards = 2\nfeeds = 2\n\
                        domains = 2\npairs = true\nbond = \"802.3ad\"\nannounce = \"cdp\"\n";
        let faults = "[[faults]]\nkind = \"spine-power\"\non = \"sim\"\nspine = 3\nat = \"5s\"\n\
                      [[faults]]\nkind = \"spine-link\"\non = \"sw1\"\nspine = 2\nat = \"5s\"\n\
                      [[faults]]\nkind = \"peer-link\"\non = \"sw3\"\nat = \"5s\"\n\
                      [[faults]]\nkind = \"feed\"\non = \"sim\"\nfeed = 2\nat = \"6s\"\n";
        let picture = drawn(&format!("{topology}{faults}"));
        let count = |words: &str| picture.matches(words).count();
        assert_eq!((count("class=\"spine\""), count("class=\"spine broken\"")), (2, 1));
        assert_eq!((count("<line class=\"lane\""), count("<line class=\"lane broken\"")), (11 + 1, 1));
        assert_eq!((count("<line class=\"peer\""), count("<line class=\"peer broken\"")), (1 + 1, 1));
        assert_eq!((count("class=\"tag feed0\""), count("class=\"tag feed1 broken\"")), (2, 2));
        for words in [
            "2 L2 domains; 2 line cards in each switch",
            "2 power feeds",
            "switches speak cdp",
            ">h9, bond 802.3ad<",
            "5.0 s: spine-power sim, spine 3, to the end",
        ] {
            assert!(picture.contains(words), "{words}: {picture}");
        }
        assert_eq!(count("class=\"panel broken\""), 0, "the site is well where one of its spines is not");
    }

    #[test]
    fn no_title_makes_what_is_no_document() {
        let title = "\\u0000\\u0008\\u001b[31m]]>\\uFFFE</svg>&\\n\\u202e\\\"'";
        let long = "x".repeat(100_000);
        for title in [title, &long] {
            let picture = of(&format!(
                "duration = \"1m\"\ntitle = \"{title}\"\n[topology]\nsites = 1\nswitches = 1\nhosts = 1\n"
            ));
            let allowed =
                |one: char| matches!(one, '\n' | ' '..='\u{7e}' | '\u{a0}'..='\u{fffd}' | '\u{10000}'..);
            assert!(picture.chars().all(allowed), "{picture:?}");
            assert_eq!((picture.matches("<svg").count(), picture.matches("</svg>").count()), (1, 1));
            let (_, head) = picture.split_once("viewBox=\"0 0 ").unwrap();
            let width: f64 = head.split(' ').next().unwrap().parse().unwrap();
            assert!(width < 1_300.0, "{width}");
        }
    }
}
