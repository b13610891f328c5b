//! Names with `*` and `?`.

/// Whether `name` is what `glob` describes: `*` any characters, `?` one, everything else itself.
pub(super) fn matches(glob: &str, name: &str) -> bool {
    let (glob, name) = (glob.as_bytes(), name.as_bytes());
    let (mut g, mut n) = (0, 0);
    // Where the last star stands, and how much of the name it has taken.
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        match (glob.get(g), star) {
            (Some(b'*'), _) => {
                star = Some((g, n));
                g += 1;
            }
            (Some(&c), _) if c == b'?' || c == name[n] => {
                g += 1;
                n += 1;
            }
            (_, Some((at, taken))) => {
                star = Some((at, taken + 1));
                g = at + 1;
                n = taken + 1;
            }
            (_, None) => return false,
        }
    }
    glob[g..].iter().all(|&c| c == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_takes_any_run_and_a_question_mark_one_character() {
        let cases = [
            ("eth*", "eth0", true),
            ("eth*", "eth", true),
            ("eth*", "veth0", false),
            ("*", "anything", true),
            ("en?s0", "enp0s0", false),
            ("en*s?", "enp0s31f6s0", true),
            ("*a*b", "xxaxxbxxb", true),
            ("*a*b", "xxbxxa", false),
            ("eth0", "eth01", false),
            ("", "", true),
            ("", "x", false),
        ];
        for (glob, name, want) in cases {
            assert_eq!(matches(glob, name), want, "{glob} {name}");
        }
    }
}
