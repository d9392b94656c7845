//! Where a vectorised searcher is to begin with a text.
//!
//! It compares the first bytes of its texts with each place of the log, and looks closer where they fit. `, Password=` begins as what each record
//! of a busy EMQX holds twice (`, PacketId=`, `, Payload=`); `word=` does not. A line that holds a text holds what is left of it without its
//! beginning, too.

/// What is left of a text tells as much as this.
const LEAST: usize = 6;
/// So many bytes are what a searcher compares at least.
const BEGIN: usize = 3;
/// A beginning that stands in one of so many places of the log, or in fewer, costs nothing.
const RARE: usize = 4_096;

/// Beginnings are counted in so many slots (as a power of two), which some share: these only seem to be less rare than they are.
const SLOTS: u32 = 14;

/// The texts, each from where its first bytes are rare in a log of which this is a piece, if what is left of it finds nothing else there.
pub(super) fn begun<'t>(texts: &[&'t [u8]], log: &[u8]) -> Vec<&'t [u8]> {
    let mut times = vec![0_u32; 1 << SLOTS];
    log.windows(BEGIN).for_each(|begin| times[slot(begin)] += 1);
    let times = |text: &[u8]| text.get(..BEGIN).map_or(0, |begin| times[slot(begin)]);
    let begin = |text: &&'t [u8]| {
        let all = times(text);
        if all as usize * RARE <= log.len() {
            return *text;
        }
        let rests = (1..=text.len().saturating_sub(LEAST)).map(|at| (times(&text[at..]), at));
        let rarest = rests.min().filter(|(times, _)| times * 2 < all);
        rarest.filter(|(_, at)| tells(log, text, *at)).map_or(*text, |(_, at)| &text[at..])
    };
    texts.iter().map(begin).collect()
}

fn slot(begin: &[u8]) -> usize {
    const ODD: u32 = 0x9e37_79b1;
    let bytes = begin.iter().fold(0, |all, byte| all << 8 | u32::from(*byte));
    (bytes.wrapping_mul(ODD) >> (u32::BITS - SLOTS)) as usize
}

/// Whether what stands at this place of the text stands in the log only where the text does.
fn tells(log: &[u8], text: &[u8], at: usize) -> bool {
    memchr::memmem::find_iter(log, &text[at..]).all(|found| log[..found].ends_with(&text[..at]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begun<'t>(texts: &[&'t str], log: &str) -> Vec<&'t str> {
        let texts: Vec<&[u8]> = texts.iter().map(|text| text.as_bytes()).collect();
        super::begun(&texts, log.as_bytes()).into_iter().map(|text| std::str::from_utf8(text).unwrap()).collect()
    }

    #[test]
    fn a_text_begins_where_its_bytes_are_rare() {
        let log = "PUBLISH(Q0, Topic=a, PacketId=1, Payload=x)\n".repeat(50);
        let texts = [", Password=******", "authoriz", ", Pay", ""];
        let begun = begun(&texts, &log);
        assert!(begun[0].len() >= LEAST && texts[0].ends_with(begun[0]) && begun[0] != texts[0], "{}", begun[0]);
        assert!(!log.contains(&begun[0][..BEGIN]), "{}", begun[0]);
        assert_eq!(begun[1..], texts[1..]);
    }

    /// What is left must not stand in other words.
    #[test]
    fn a_text_stays_whole_where_its_end_stands_in_others() {
        let log = format!("{}(Password=1)\n", "PUBLISH(Q0, PacketId=1, Payload=x)\n".repeat(50));
        assert_eq!(begun(&[", Pastime="], &log), ["astime="]);
        assert_eq!(begun(&[", Password="], &log), [", Password="]);
        assert_eq!(begun(&[""], ""), [""]);
    }
}
