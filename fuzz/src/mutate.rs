//! Sound inputs with a few things broken. Input `n` of a run is a pure function of its seed and `n`.

const INTERESTING: [u8; 10] = [0, 1, 2, 4, 6, 0x7f, 0x80, 0xaa, 0xfe, 0xff];
const LONGEST: usize = 4_096;

/// SplitMix64: small, and the same on every machine and in every release.
struct Draws(u64);

impl Draws {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }
}

/// Writes input `n` of the run with this seed into `input`. Every 64th is noise from end to end.
pub fn input(corpus: &[Vec<u8>], seed: u64, n: u64, input: &mut Vec<u8>) {
    let mut draws = Draws(seed ^ n.wrapping_mul(0xd134_2543_de82_ef95));
    input.clear();
    if n % 64 == 63 || corpus.is_empty() {
        let length = draws.below(160);
        input.extend((0..length).map(|_| draws.next() as u8));
        return;
    }
    input.extend_from_slice(&corpus[draws.below(corpus.len())]);
    for _ in 0..=draws.below(4) {
        break_something(corpus, &mut draws, input);
    }
    input.truncate(LONGEST);
}

fn break_something(corpus: &[Vec<u8>], draws: &mut Draws, input: &mut Vec<u8>) {
    let at = draws.below(input.len());
    let is_there = at < input.len();
    match draws.below(12) {
        0 => input.truncate(at),
        1 => input.insert(at, draws.next() as u8),
        2 if is_there => _ = input.remove(at),
        3 => {
            let end = (at + draws.below(40)).min(input.len());
            input.extend_from_within(at..end);
        }
        4 => {
            let other = &corpus[draws.below(corpus.len())];
            let from = draws.below(other.len());
            input.truncate(at);
            input.extend_from_slice(&other[from..]);
        }
        5 if at + 1 < input.len() => {
            let number = (draws.next() as u16 >> draws.below(16)).to_be_bytes();
            input[at..at + 2].copy_from_slice(&number);
        }
        6 if is_there => input[at] = input[at].wrapping_add(1),
        7 if is_there => input[at] = input[at].wrapping_sub(1),
        8 | 9 if is_there => input[at] = INTERESTING[draws.below(INTERESTING.len())],
        _ if is_there => input[at] ^= 1 << draws.below(8),
        _ => input.push(draws.next() as u8),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_input_depends_on_its_seed_and_number_alone() {
        let corpus = [vec![1, 2, 3, 4], vec![5; 60]];
        let made = |seed, n| {
            let mut octets = vec![9; 7];
            input(&corpus, seed, n, &mut octets);
            octets
        };
        assert!((0..500).all(|n| made(1, n) == made(1, n)));
        assert!((0..500).filter(|n| made(1, *n) != made(2, *n)).count() > 400);
        assert!((0..500).filter(|n| !corpus.contains(&made(1, *n))).count() > 400);
        (0..500).for_each(|n| input(&[], 1, n, &mut Vec::new()));
        (0..500).for_each(|n| input(&[vec![]], 1, n, &mut Vec::new()));
    }
}
