//! The order in which a vectorised searcher stumbles least over a log.
//!
//! The searcher (Teddy) deals its texts out to eight buckets, or sixteen when there are more than 32, and looks at the first four bytes of
//! each place in the log, or at three, if the shortest text has no more (a fifth less work). What it compares is not bytes but their halves, for all texts of a bucket at once: ` PROXY` beside ` SUBSCRIBE`
//! takes each ` PUBLISH` for a hit that must be looked at, and a busy log has a million of these. Which bucket a text falls into goes by
//! its place in the list, so the list is put in the order in which a piece of the log itself gives the fewest such stumbles. What is
//! found stays the same in any order.

/// The buckets of a searcher for few texts, for how many texts that is, and the buckets for more.
pub(super) const FEW: (usize, usize) = (8, 32);
const MANY: (usize, usize) = (16, 64);
/// So many places of the log are looked at, and of a large one, where it pays to know more.
const PLACES: usize = 1_024;
const MORE_PLACES: usize = 16_384;
/// One in so many places shows what an order is worth.
const OTHERS: usize = 5;
/// What comparing three bytes saves is lost by one stumble in about half as many places.
const WORTH: usize = 4_096;

/// Which halves of bytes a bucket's texts have, at each place.
#[derive(Debug, Clone, Copy)]
struct Halves<const W: usize>([(u16, u16); W]);

impl<const W: usize> Default for Halves<W> {
    fn default() -> Halves<W> {
        Halves([(0, 0); W])
    }
}

impl<const W: usize> Halves<W> {
    fn with(mut self, print: [u8; W]) -> Halves<W> {
        for ((low, high), byte) in self.0.iter_mut().zip(print) {
            *low |= 1 << (byte & 15);
            *high |= 1 << (byte >> 4);
        }
        self
    }

    fn take(&self, place: [u8; W]) -> bool {
        self.0.iter().zip(place).all(|((low, high), byte)| low >> (byte & 15) & 1 == 1 && high >> (byte >> 4) & 1 == 1)
    }

    fn stumbles(&self, places: &[([u8; W], usize)]) -> usize {
        places.iter().filter(|(place, _)| self.take(*place)).map(|(_, times)| times).sum()
    }
}

/// One bucket: its texts by their beginnings, one for each that differs in the lower halves; the others go where that one is.
#[derive(Debug, Clone, Default)]
struct Bucket<'t, const W: usize> {
    texts: Vec<&'t [u8]>,
    halves: Halves<W>,
    stumbles: usize,
}

/// The texts in the best order for a log of which this is a piece. Some may stand there twice, to keep others apart.
pub(super) fn arranged<'t>(texts: &[&'t [u8]], log: &[u8]) -> Vec<&'t [u8]> {
    ordered::<4>(texts, log, PLACES).unwrap_or_else(|| texts.to_vec())
}

/// The same for a large log, which takes as long as searching two megabytes: one may be cut to three bytes, if that finds nothing else, and no
/// more are compared then.
pub(super) fn narrowed<'t>(texts: &[&'t [u8]], log: &[u8]) -> Vec<&'t [u8]> {
    let four = ordered::<4>(texts, log, MORE_PLACES).unwrap_or_else(|| texts.to_vec());
    let Some(mut three) = ordered::<3>(texts, log, MORE_PLACES) else { return four };
    let times = |text: &[u8]| memchr::memmem::find_iter(log, text).count();
    let cut = |at: usize| three.get(at).and_then(|text| Some((at, text.get(..3)?, times(text))));
    let Some((at, begin, _)) = (0..three.len()).filter_map(cut).find(|(_, begin, known)| times(begin) == *known) else { return four };
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
    let mut known: Vec<(&[u8], usize)> = Vec::new();
    let mut halves = vec![Halves::<W>::default(); buckets];
    for (at, text) in texts.iter().enumerate() {
        let bucket = known.iter().find(|(other, _)| alike::<W>(text, other)).map_or(at % buckets, |(_, bucket)| *bucket);
        known.push((text, bucket));
        if let Some(print) = text.first_chunk() {
            halves[bucket] = halves[bucket].with(*print);
        }
    }
    let places = || log.windows(W).skip(step / 2).step_by(step).filter_map(|place| place.try_into().ok());
    halves.iter().map(|halves| places().filter(|place| halves.take(*place)).count()).sum()
}

/// The best order where so many bytes are compared, by so many places. None: one of the texts is shorter, or there is no order that keeps them
/// apart.
fn ordered<'t, const W: usize>(texts: &[&'t [u8]], log: &[u8], at: usize) -> Option<Vec<&'t [u8]>> {
    let (buckets, most) = if texts.len() <= FEW.1 { FEW } else { MANY };
    let places = places(log.windows(W).step_by(log.len() / at + 1));
    let print = |text: &[u8]| text.first_chunk::<W>().copied();
    let mut first: Vec<(&'t [u8], [u8; W])> = Vec::new();
    let mut others: Vec<&'t [u8]> = Vec::new();
    for text in texts {
        let own = print(text)?;
        if first.iter().any(|(known, _)| alike::<W>(known, text)) { others.push(text) } else { first.push((text, own)) }
    }
    // What a log holds most is given its place first.
    let mut ordered: Vec<(usize, &'t [u8], [u8; W])> =
        first.iter().map(|(text, print)| (Halves::default().with(*print).stumbles(&places), *text, *print)).collect();
    ordered.sort_by_key(|(count, ..)| std::cmp::Reverse(*count));
    let mut dealt: Vec<Bucket<'_, W>> = vec![Bucket::default(); buckets];
    for (_, text, print) in ordered {
        // Of the empty ones one is like the other.
        let used = dealt.iter().filter(|bucket| !bucket.texts.is_empty()).count();
        let open = dealt.iter_mut().take(used + 1).filter(|bucket| bucket.texts.len() < most / buckets);
        let grown = open.map(|bucket| {
            let halves = bucket.halves.with(print);
            let stumbles = halves.stumbles(&places);
            (stumbles - bucket.stumbles, bucket.texts.len(), halves, stumbles, bucket)
        });
        let (.., halves, stumbles, bucket) = grown.min_by_key(|(more, texts, ..)| (*more, *texts))?;
        bucket.texts.push(text);
        (bucket.halves, bucket.stumbles) = (halves, stumbles);
    }
    let list = deal(&mut dealt, others);
    (list.len() <= most).then_some(list)
}

/// What stands in some places of a log, and how often.
fn places<'l, const W: usize>(log: impl Iterator<Item = &'l [u8]>) -> Vec<([u8; W], usize)> {
    let mut all: Vec<[u8; W]> = log.filter_map(|place| place.try_into().ok()).collect();
    all.sort_unstable();
    all.chunk_by(|one, two| one == two).map(|alike| (alike[0], alike.len())).collect()
}

/// One list for all buckets, of which the searcher deals one text to each in turn, except where one that begins alike was dealt before.
fn deal<'t, const W: usize>(buckets: &mut [Bucket<'t, W>], mut others: Vec<&'t [u8]>) -> Vec<&'t [u8]> {
    buckets.sort_by_key(|bucket| std::cmp::Reverse(bucket.texts.len()));
    let rows = buckets.first().map_or(0, |bucket| bucket.texts.len());
    let mut list: Vec<&'t [u8]> = Vec::new();
    for row in 0..rows {
        for bucket in buckets.iter() {
            // An empty place takes a text that goes elsewhere in any case, if need be one that was dealt already.
            let mut fill = |list: &[&'t [u8]]| {
                let dealt = others.iter().position(|other| list.iter().any(|text| alike::<W>(text, other)));
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

/// Whether the searcher puts both into one bucket whatever their places: the lower halves of their beginnings are the same.
fn alike<const W: usize>(one: &[u8], two: &[u8]) -> bool {
    let low = |text: &[u8]| text.iter().take(W).map(|byte| byte & 15).collect::<Vec<_>>();
    low(one) == low(two)
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
            let arranged = arranged(&texts, &log);
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
        let texts: [&[u8]; 2] = [b"long enough", b"abc"];
        assert_eq!(arranged(&texts, b"abc abc abc"), texts);
        assert_eq!(arranged(&texts[..1], b""), texts[..1]);
    }

    #[test]
    fn one_text_is_cut_to_three_bytes_where_that_finds_nothing_else() {
        let texts: [&[u8]; 3] = [b" disconnected", b"New connection", b" (0, 5)"];
        let log = b"Received PUBLISH from a (d0, q1, r0, m5, 'plant/5', ... (5 bytes))\n".repeat(40);
        let mut arranged = narrowed(&texts, &log);
        let cut = arranged.iter().position(|text| text.len() == 3).unwrap();
        arranged[cut] = texts.iter().find(|text| text.starts_with(arranged[cut])).unwrap();
        arranged.sort_unstable();
        assert_eq!(arranged, [texts[2], texts[0], texts[1]]);
        // Here each beginning stands in other words.
        let log = [log.as_slice(), b" displeased Newton (0x"].concat();
        assert!(narrowed(&texts, &log).iter().all(|text| text.len() > 3));
    }
}
