//! A thousand rows of the copy, column by column.

use super::Entry;
use super::texts::{Texts, Words};
use crate::model::{Identity, Millis, Reason};

/// Rows of a block. Few enough that a longer text in the middle moves little, many enough that a million rows are not many pieces.
pub(super) const ROWS: usize = 1 << BITS;

/// Of a slot: its last bits say which row of the block. Tests have small blocks, so that few rows are many of them.
pub(super) const BITS: u32 = if cfg!(test) { 6 } else { 10 };

/// The columns. A row that went leaves its place behind for another one.
#[derive(Debug, Clone, Default)]
pub(super) struct Block {
    pub(super) client_id: Texts,
    pub(super) ip_address: Texts,
    pub(super) username: Texts,
    pub(super) ts: Vec<Millis>,
    pub(super) first_ts: Vec<Millis>,
    pub(super) attempts: Vec<i64>,
    /// The number of the word.
    pub(super) reason: Vec<u32>,
    /// Likewise.
    pub(super) broker: Vec<u32>,
    pub(super) marks: Vec<Marks>,
}

/// The small columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Marks {
    /// A row stands here.
    pub(super) is_row: bool,
    pub(super) password_provided: Option<bool>,
    pub(super) tls_used: Option<bool>,
    pub(super) identity: Identity,
    pub(super) reason_code: Reason,
}

impl Marks {
    fn of(entry: &Entry<'_>) -> Marks {
        Marks {
            is_row: true,
            password_provided: entry.password_provided,
            tls_used: entry.tls_used,
            identity: entry.identity,
            reason_code: entry.reason_code,
        }
    }
}

/// A column that filters look into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Column {
    ClientId,
    IpAddress,
    Username,
}

impl Block {
    pub(super) fn column(&self, column: Column) -> &Texts {
        match column {
            Column::ClientId => &self.client_id,
            Column::IpAddress => &self.ip_address,
            Column::Username => &self.username,
        }
    }

    /// Rows and places for rows.
    pub(super) fn len(&self) -> usize {
        self.marks.len()
    }

    /// Adds a row. False: it has no room.
    pub(super) fn push(&mut self, entry: &Entry<'_>, words: &mut Words) -> bool {
        let texts = [&mut self.client_id, &mut self.ip_address, &mut self.username];
        let fits = texts.into_iter().zip(texts_of(entry)).fold(true, |fits, (column, text)| column.push(text) && fits);
        self.ts.push(entry.ts);
        self.first_ts.push(entry.first_ts);
        self.attempts.push(entry.attempts);
        self.reason.push(words.number(entry.reason));
        self.broker.push(words.number(entry.broker));
        self.marks.push(Marks::of(entry));
        if self.len() == ROWS {
            self.shrink();
        }
        fits
    }

    /// Puts a row in the place of another one. False: it has no room.
    pub(super) fn set(&mut self, at: usize, entry: &Entry<'_>, words: &mut Words) -> bool {
        let texts = [&mut self.client_id, &mut self.ip_address, &mut self.username];
        let fits = texts.into_iter().zip(texts_of(entry)).fold(true, |fits, (column, text)| column.set(at, text) && fits);
        self.ts[at] = entry.ts;
        self.first_ts[at] = entry.first_ts;
        self.attempts[at] = entry.attempts;
        self.reason[at] = words.number(entry.reason);
        self.broker[at] = words.number(entry.broker);
        self.marks[at] = Marks::of(entry);
        fits
    }

    /// Takes a row out.
    pub(super) fn remove(&mut self, at: usize) {
        for column in [&mut self.client_id, &mut self.ip_address, &mut self.username] {
            column.set(at, None);
        }
        self.marks[at].is_row = false;
    }

    fn shrink(&mut self) {
        for column in [&mut self.client_id, &mut self.ip_address, &mut self.username] {
            column.shrink();
        }
        for column in [&mut self.ts, &mut self.first_ts, &mut self.attempts] {
            column.shrink_to_fit();
        }
    }

    /// Bytes of memory.
    pub(super) fn bytes(&self) -> usize {
        let texts = self.client_id.bytes() + self.ip_address.bytes() + self.username.bytes();
        let times = (self.ts.capacity() + self.first_ts.capacity() + self.attempts.capacity()) * size_of::<i64>();
        let words = (self.reason.capacity() + self.broker.capacity()) * size_of::<u32>();
        size_of::<Block>() + texts + times + words + self.marks.capacity() * size_of::<Marks>()
    }
}

fn texts_of<'r>(entry: &Entry<'r>) -> [Option<&'r str>; 3] {
    [Some(entry.client_id), entry.ip_address, entry.username]
}
