//! The order in which a vectorised searcher stumbles least over a log.
//!
//! The searcher (Teddy) deals its texts out to eight buckets, or sixteen when there are more than 32, and looks at the first four bytes of
//! each place in the log, or at three, if the shortest text has no more (a fifth less work). What it compares is not bytes but their halves,
//! for all texts of a bucket at once: ` PROXY` beside ` SUBSCRIBE` takes each ` PUBLISH` for a hit that must be looked at, and a busy log
//! has a million of these. Which bucket a text falls into goes by its place in the list, so the list is put in the order in which a piece of
//! the log itself gives the fewest such stumbles. What is found stays the same in any order.

use super::stumbles::{Buckets, Places, Unlike, alike};

/// The buckets of a searcher for few texts, for how many texts that is, and the buckets for more.
pub(super) const FEW: (usize, usize) = (8, 32);
const MANY: (usize, usize) = (16, 64);
/// One in so many places shows what an order is worth.
const OTHERS: usize = 5;
/// What comparing three bytes saves is lost by one stumble in about so many places.
const WORTH: usize = 1_024;

/// One bucket: its texts, one for each that differs in the lower halves of its beginning; the others go where that one is.
#[derive(Debug, Clone)]
struct Bucket<'t> {
    texts: Vec<&'t [u8]>,
    unlike: Unlike,
    stumbles: usize,
}

/// The texts in the best order for a log of which this is a piece, of which so many places are looked at. Some may stand there twice, to keep
/// others apart. One may be cut to three bytes, if that finds nothing else, and no more are compared then.
pub(super) fn arranged<'t>(texts: &[&'t [u8]], log: &[u8], places: usize) -> Vec<&'t [u8]> {
    let four = ordered::<4>(texts, log, places).unwrap_or_else(|| texts.to_vec());
    let Some(mut three) = ordered::<3>(texts, log, places) else { return four };
    // Whatever begins so there is this text.
    let tells = |text: &[u8], begin: &[u8]| memchr::memmem::find_iter(log, begin).all(|at| log[at..].starts_with(text));
    let cut = |text: &'t [u8]| text.get(..3).filter(|begin| tells(text, begin));
    let Some((at, begin)) = three.iter().enumerate().find_map(|(at, text)| Some((at, cut(text)?))) else { return four };
    // An order is better in the places that it was made for than elsewhere: it is judged by others.
    if stumbles::<3>(&three, log, OTHERS) > stumbles::<4>(&four, log, OTHERS) + log.len() / (OTHERS * WORTH) {
        return four;
    }
    three[at] = begin;
    three
}

/// How often the searcher stumbles over one in so many places of a log, by the way in which it deals out its texts.
fn stumbles<const W: usize>(texts: &[&[u8]], log: &[u8], step: usize) -> usize {
    let buckets = if texts.len() <= FEW.1 { FEW.0 } else { MANY.0 };
    let mut known: Vec<([u8; W], usize)> = Vec::new();
    for (at, text) in texts.iter().enumerate() {
        let Some(print) = text.first_chunk().copied() else { continue };
        let bucket = known.iter().find(|(other, _)| alike(print, *other)).map_or(at % buckets, |(_, bucket)| *bucket);
        known.push((print, bucket));
    }
    let buckets = Buckets::new(&known);
    let taking = log.windows(W).skip(step / 2).step_by(step).map(|place| buckets.taking(place));
    taking.filter(|buckets| *buckets != 0).map(|buckets| buckets.count_ones() as usize).sum()
}

/// The best order where so many bytes are compared, by so many places. None: one of the texts is shorter, or there is no order that keeps them
/// apart.
fn ordered<'t, const W: usize>(texts: &[&'t [u8]], log: &[u8], at: usize) -> Option<Vec<&'t [u8]>> {
    let (buckets, most) = if texts.len() <= FEW.1 { FEW } else { MANY };
    let prints = texts.iter().map(|text| text.first_chunk().copied()).collect::<Option<Vec<[u8; W]>>>()?;
    let places = Places::new(log, at, &prints);
    // Those that go where another is are kept in mind with it.
    let mut first: Vec<(&'t [u8], [u8; W], Unlike)> = Vec::new();
    let mut others: Vec<&'t [u8]> = Vec::new();
    for (text, print) in texts.iter().zip(prints) {
        let unlike = places.unlike(print);
        match first.iter_mut().find(|(_, known, _)| alike(*known, print)) {
            Some((.., all)) => {
                all.and(&unlike);
                others.push(text);
            }
            None => first.push((text, print, unlike)),
        }
    }
    // What a log holds most is given its place first.
    let none = places.unlike_nothing();
    let mut ordered: Vec<(usize, &'t [u8], Unlike)> =
        first.into_iter().map(|(text, _, unlike)| (places.stumbles(&none, &unlike), text, unlike)).collect();
    ordered.sort_by_key(|(count, ..)| std::cmp::Reverse(*count));
    let mut dealt = vec![Bucket { texts: Vec::new(), unlike: none, stumbles: 0 }; buckets];
    for (_, text, unlike) in ordered {
        // Of the empty ones one is like the other.
        let used = dealt.iter().filter(|bucket| !bucket.texts.is_empty()).count();
        let open = dealt.iter_mut().take(used + 1).filter(|bucket| bucket.texts.len() < most / buckets);
        let grown = open.map(|bucket| (places.stumbles(&bucket.unlike, &unlike) - bucket.stumbles, bucket));
        let (more, bucket) = grown.min_by_key(|(more, bucket)| (*more, bucket.texts.len()))?;
        bucket.texts.push(text);
        bucket.unlike.and(&unlike);
        bucket.stumbles += more;
    }
    let list = deal::<W>(&mut dealt, others);
    (list.len() <= most).then_some(list)
}

/// One list for all buckets, of which the searcher deals one text to each in turn, except where one that begins alike was dealt before.
fn deal<'t, const W: usize>(buckets: &mut [Bucket<'t>], mut others: Vec<&'t [u8]>) -> Vec<&'t [u8]> {
    buckets.sort_by_key(|bucket| std::cmp::Reverse(bucket.texts.len()));
    let rows = buckets.first().map_or(0, |bucket| bucket.texts.len());
    let begin_alike = |one: &[u8], two: &[u8]| one.first_chunk().zip(two.first_chunk()).is_some_and(|(one, two)| alike::<W>(*one, *two));
    let mut list: Vec<&'t [u8]> = Vec::new();
    for row in 0..rows {
        for bucket in buckets.iter() {
            // An empty place takes a text that goes elsewhere in any case, if need be one that was dealt already.
            let mut fill = |list: &[&'t [u8]]| {
                let dealt = others.iter().position(|other| list.iter().any(|text| begin_alike(text, other)));
                dealt.map(|at| others.remove(at)).or_else(|| list.first().copied())
            };
            let text = bucket.texts.get(row).copied().or_else(|| fill(&list));
            list.extend(text);
        }
    }
    // At the end nothing need be kept apart.
    while let Some((last, before)) = list.split_last()
        && before.contains(last)
    {
        list.pop();
    }
    list.extend(others);
    list
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_goes_by_the_log_and_keeps_all_texts() {
        let words = ["PROXY header", "SUBSCRIBE from", "AUTH method", "CONNECT from", "disconnected", "messages from", "rejected, client"];
        let texts: Vec<String> = words.iter().flat_map(|word| (0..5).map(move |n| format!(" {}{word}", "x".repeat(n)))).collect();
        for count in [1, 2, 8, 9, 31, 33, texts.len()] {
            let mut texts: Vec<&[u8]> = texts[..count.min(texts.len())].iter().map(|text| text.as_bytes()).collect();
            let log =
                b"1795446313: Received PUBLISH from a (d0, q1, r0, m5, 'plant/5', ... (5 bytes))\n1795446313: Sending PUBACK to a (m5)\n";
            let log = log.repeat(40);
            let arranged = ordered::<4>(&texts, &log, 1_024).unwrap();
            assert!(stumbles::<4>(&arranged, &log, 1) <= stumbles::<4>(&texts, &log, 1), "{count}");
            let mut all = arranged.clone();
            all.sort_unstable();
            all.dedup();
            texts.sort_unstable();
            assert_eq!(all, texts);
        }
    }

    #[test]
    fn a_text_that_is_too_short_leaves_the_order_as_it_is() {
        let texts: [&[u8]; 2] = [b"long enough", b"ab"];
        assert_eq!(arranged(&texts, b"xyz xyz xyz", 1_024), texts);
        assert_eq!(arranged(&texts[1..], b"", 1_024), texts[1..]);
    }

    #[test]
    fn one_text_is_cut_to_three_bytes_where_that_finds_nothing_else() {
        let texts: [&[u8]; 3] = [b" disconnected", b"New connection", b" (0, 5)"];
        let log = b"Received PUBLISH from a (d0, q1, r0, m5, 'plant/5', ... (5 bytes))\n".repeat(40);
        let mut list = arranged(&texts, &log, 1_024);
        let cut = list.iter().position(|text| text.len() == 3).unwrap();
        list[cut] = texts.iter().find(|text| text.starts_with(list[cut])).unwrap();
        list.sort_unstable();
        assert_eq!(list, [texts[2], texts[0], texts[1]]);
        // Here each beginning stands in other words.
        let log = [log.as_slice(), b" displeased Newton (0x"].concat();
        assert!(arranged(&texts, &log, 1_024).iter().all(|text| text.len() > 3));
    }
}
