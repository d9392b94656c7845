//! Which rows fit a filter, and which of them are on a page.

use std::collections::{HashMap, VecDeque};
use std::panic::resume_unwind;
use std::sync::{Arc, PoisonError};
use std::thread;

use super::Mirror;
use super::block::{BITS, Block, Column, ROWS};
use super::piece::Piece;
use crate::model::{ClientKey, Millis, Reason};
use crate::store::summary::Sums;
use crate::store::text::Pattern;
use crate::store::{Filter, Order, PageQuery, Summary};

/// From so many blocks on a second thread is worth its start.
const HALVES: usize = if cfg!(test) { 2 } else { 64 };

/// So few rows are sorted on the spot.
const FEW: u64 = if cfg!(test) { 6 } else { 4_096 };

/// Filters whose rows are remembered until the next change.
const RECENT: usize = 16;

/// What fits a filter, for those that were asked last.
pub(super) type Recent = VecDeque<(Filter, Arc<Vec<Bits>>)>;

/// The rows of a page.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::store) struct Found {
    /// Their keys, in order.
    pub(in crate::store) keys: Vec<ClientKey>,
    /// Rows on all pages.
    pub(in crate::store) total: u64,
}

/// One bit for each row of a block.
pub(super) type Bits = [u64; ROWS / 64];

impl Mirror {
    /// The rows of this page; none: its order has to be made first.
    pub(in crate::store) fn page(&self, query: &PageQuery) -> Option<Found> {
        let fitting = (query.filter != Filter::default()).then(|| self.fitting(&query.filter));
        let total = fitting.as_ref().map_or(self.len() as u64, |fitting| ones(fitting));
        let offset = u64::from(query.page) * u64::from(query.page_size);
        if offset >= total {
            return Some(Found { keys: Vec::new(), total });
        }
        let size = u64::from(query.page_size).min(total - offset);
        // The same page, counted from the end that an ascending order begins with.
        let from = match query.order {
            Order::Asc => offset,
            Order::Desc => total - offset - size,
        };
        let slots = match &fitting {
            Some(fitting) if total <= FEW => self.few(query, fitting, from, size),
            fitting => self.in_order(query, fitting.as_ref().map(|fitting| &fitting[..]), from, size, total)?,
        };
        let keys = slots.into_iter().map(|slot| self.key(slot));
        let keys = match query.order {
            Order::Asc => keys.collect(),
            Order::Desc => keys.rev().collect(),
        };
        Some(Found { keys, total })
    }

    /// Few fitting rows, sorted here.
    fn few(&self, query: &PageQuery, fitting: &[Bits], from: u64, size: u64) -> Vec<u32> {
        let mut slots: Vec<u32> = each(fitting).collect();
        slots.sort_unstable_by(|a, b| self.rows().compare(query.sort, *a, *b));
        slots.into_iter().skip(index(from)).take(index(size)).collect()
    }

    /// A walk along the order, from the nearer end.
    fn in_order(&self, query: &PageQuery, fitting: Option<&[Bits]>, from: u64, size: u64, total: u64) -> Option<Vec<u32>> {
        let mut sorted = self.order(query.sort);
        let order = sorted.now(self.rows(), query.sort)?;
        let Some(fitting) = fitting else { return Some(order[index(from)..index(from + size)].to_vec()) };
        let fits = |slot: &&u32| fitting[(**slot >> BITS) as usize][**slot as usize % ROWS / 64] >> (**slot % 64) & 1 == 1;
        let behind = total - from - size;
        Some(if from <= behind {
            order.iter().filter(fits).skip(index(from)).take(index(size)).copied().collect()
        } else {
            let mut slots: Vec<u32> = order.iter().rev().filter(fits).skip(index(behind)).take(index(size)).copied().collect();
            slots.reverse();
            slots
        })
    }

    /// What the rows that fit come to.
    pub(in crate::store) fn summary(&self, filter: &Filter, spans: u32) -> Summary {
        let fitting = self.fitting(filter);
        let (mut groups, mut times) = (HashMap::<(Reason, u32), (u64, u64)>::new(), Vec::new());
        for slot in each(&fitting) {
            let (block, at) = self.rows().at(slot);
            times.push(block.ts[at]);
            let (clients, attempts) = groups.entry((block.marks[at].reason_code, block.broker[at])).or_default();
            *clients += 1;
            *attempts = attempts.saturating_add(block.attempts[at].cast_unsigned());
        }
        let mut sums = Sums::default();
        for ((reason, broker), (clients, attempts)) in groups {
            sums.add(reason, &self.words.list()[broker as usize], clients, attempts);
        }
        sums.summary(filter, &times, spans)
    }

    /// The rows that fit, looked for once for those who turn pages.
    fn fitting(&self, filter: &Filter) -> Arc<Vec<Bits>> {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, fitting)) = recent.iter().find(|(other, _)| other == filter) {
            return Arc::clone(fitting);
        }
        drop(recent);
        let fitting = Arc::new(self.search(&Wanted::new(filter, self)));
        recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        recent.truncate(RECENT - 1);
        recent.push_front((filter.clone(), Arc::clone(&fitting)));
        fitting
    }

    fn search(&self, wanted: &Wanted) -> Vec<Bits> {
        let search = |blocks: &[Arc<Block>]| blocks.iter().map(|block| wanted.of(block)).collect::<Vec<Bits>>();
        if self.blocks.len() < HALVES {
            return search(&self.blocks);
        }
        let (first, second) = self.blocks.split_at(self.blocks.len() / 2);
        thread::scope(|scope| {
            let second = scope.spawn(|| search(second));
            let mut bits = search(first);
            match second.join() {
                Ok(rest) => bits.extend(rest),
                Err(panic) => resume_unwind(panic),
            }
            bits
        })
    }

    fn key(&self, slot: u32) -> ClientKey {
        let (block, at) = self.rows().at(slot);
        ClientKey {
            broker: self.words.list()[block.broker[at] as usize].as_ref().into(),
            identity: block.marks[at].identity,
            client_id: block.client_id.get(at).unwrap_or_default().to_owned(),
        }
    }
}

/// A filter, ready to be compared with many rows.
struct Wanted {
    /// What to look for in all texts of a column at once, before rows are looked at.
    piece: Option<(Column, Piece)>,
    texts: Vec<(Column, Pattern)>,
    /// For each word whether it is a reason that fits.
    reason: Option<Vec<bool>>,
    /// The number of the only source that fits; of one that has no rows there is none.
    broker: Option<Option<u32>>,
    reason_code: Vec<Reason>,
    password_provided: Vec<bool>,
    tls_used: Vec<bool>,
    start: Millis,
    end: Millis,
}

impl Wanted {
    fn new(filter: &Filter, mirror: &Mirror) -> Wanted {
        let columns = [
            (Column::ClientId, &filter.client_id),
            (Column::ClientId, &filter.text_search),
            (Column::IpAddress, &filter.ip_address),
            (Column::Username, &filter.username),
        ];
        let given = columns.into_iter().filter(|(_, text)| !text.is_empty());
        let mut texts: Vec<(Column, Pattern)> = given.map(|(column, text)| (column, Pattern::contains(text))).collect();
        let sample = |column| mirror.blocks.first().map(|block| block.column(column));
        let longest = (0..texts.len()).max_by_key(|at| texts[*at].1.literal().map_or(0, <[u8]>::len));
        let piece = longest.and_then(|at| {
            let (column, pattern) = &texts[at];
            let piece = (*column, Piece::of(pattern, sample(*column))?);
            if pattern.is_literal() {
                // Nothing more is to be asked of it.
                texts.remove(at);
            }
            Some(piece)
        });
        let reasons = |part: Pattern| mirror.words.list().iter().map(|word| part.matches(word)).collect();
        Wanted {
            piece,
            texts,
            reason: (!filter.reason.is_empty()).then(|| reasons(Pattern::contains(&filter.reason))),
            broker: (!filter.broker.is_empty()).then(|| mirror.words.find(&filter.broker)),
            reason_code: filter.reason_code.clone(),
            password_provided: filter.password_provided.clone(),
            tls_used: filter.tls_used.clone(),
            start: filter.start.unwrap_or(Millis::MIN),
            end: filter.end.unwrap_or(Millis::MAX),
        }
    }

    fn of(&self, block: &Block) -> Bits {
        let mut bits = [0; ROWS / 64];
        let mut look = |at: usize| {
            if self.fits(block, at) {
                bits[at / 64] |= 1 << (at % 64);
            }
        };
        match &self.piece {
            Some((column, piece)) => piece.each(block.column(*column), look),
            None => (0..block.len()).for_each(&mut look),
        }
        bits
    }

    /// What is quickly looked at comes first.
    fn fits(&self, block: &Block, at: usize) -> bool {
        let marks = &block.marks[at];
        let one_of = |list: &[bool], value: Option<bool>| list.is_empty() || value.is_some_and(|value| list.contains(&value));
        marks.is_row
            && self.reason.as_ref().is_none_or(|fits| fits[block.reason[at] as usize])
            && (self.start..=self.end).contains(&block.ts[at])
            && self.broker.is_none_or(|broker| broker == Some(block.broker[at]))
            && (self.reason_code.is_empty() || self.reason_code.contains(&marks.reason_code))
            && one_of(&self.password_provided, marks.password_provided)
            && one_of(&self.tls_used, marks.tls_used)
            && self.texts.iter().all(|(column, part)| block.column(*column).get(at).is_some_and(|text| part.matches(text)))
    }
}

fn ones(fitting: &[Bits]) -> u64 {
    fitting.iter().flatten().map(|bits| u64::from(bits.count_ones())).sum()
}

/// The slots of the rows that fit.
fn each(fitting: &[Bits]) -> impl Iterator<Item = u32> {
    fitting.iter().flatten().zip(0..).flat_map(|(bits, number): (&u64, u32)| {
        let mut bits = *bits;
        std::iter::from_fn(move || {
            let at = (bits != 0).then(|| bits.trailing_zeros())?;
            bits &= bits - 1;
            Some(number * 64 + at)
        })
    })
}

fn index(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
