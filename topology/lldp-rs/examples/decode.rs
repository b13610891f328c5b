//! Decodes frames given as hex digits, one a line, and prints a JSON object for each.
//!
//! ```text
//! echo 0180c200000e02000000000188cc0207040200000000010405057377703106020078 0000 \
//!   | cargo run -p lldp-rs --example decode
//! ```

use std::io::{self, BufRead};

fn main() -> io::Result<()> {
    for (n, line) in (1..).zip(io::stdin().lock().lines()) {
        match octets(&line?) {
            Some(frame) => println!("{}", lldp_rs::json::frame(n, &frame)),
            None => eprintln!("line {n}: not an even number of hex digits"),
        }
    }
    Ok(())
}

fn octets(line: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = line
        .chars()
        .filter(|c| !c.is_whitespace())
        .map(|c| c.to_digit(16).map(|d| d as u8))
        .collect::<Option<_>>()?;
    let (pairs, odd) = digits.as_chunks::<2>();
    odd.is_empty().then(|| pairs.iter().map(|[high, low]| high << 4 | low).collect())
}
