//! The wiring for other tools: as a NetJSON network graph, as GraphML, for Graphviz, and as CSV for NetBox.
//!
//! All are made from the tree that `ringmesh tree` shows, of now or of a moment that is past. They hold sites,
//! switches, hosts and the wires between them; rings and incidents are ringmesh's own and stay out.
//!
//! Names come from the wire and may be hostile: every writer escapes what its format gives a meaning, and shows
//! control and text-direction characters as U+FFFD.
//!
//! - [`plan`]: the tree as devices and wires, the same for every writer.

pub mod plan;

pub(crate) mod csv;
mod dot;
mod graphml;
mod netbox;
mod netjson;

pub use dot::dot;
pub use graphml::graphml;
pub(crate) use netbox::uncell;
pub use netbox::{NetBox, netbox};
pub use netjson::netjson;

/// Text without what moves a cursor, ends a line or turns the direction of reading.
pub(crate) fn harmless(text: &str) -> String {
    let one = |c: char| match c {
        '\u{200e}' | '\u{200f}' | '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' => '\u{fffd}',
        '\u{2066}'..='\u{2069}' | '\u{fffe}' | '\u{ffff}' => '\u{fffd}',
        c if c.is_control() => '\u{fffd}',
        c => c,
    };
    text.chars().map(one).collect()
}

#[cfg(test)]
mod tests;
