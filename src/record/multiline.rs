//! Records that go on over several lines.

use serde::{Deserialize, Serialize};

use crate::grammar::Grammar;

/// A record whose end has not come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unfinished {
    /// The lines so far, as they came out of the wrapper.
    pub lines: Vec<Vec<u8>>,
    /// Which of the grammar's forms it is.
    form: usize,
    /// When the last line was read, in milliseconds since the epoch.
    pub read_at: i64,
}

/// What a line does to an unfinished record.
#[derive(Debug, PartialEq, Eq)]
pub enum Grown {
    /// The record goes on.
    More,
    /// The record is whole: its lines, with line feeds between them.
    Whole(Vec<u8>),
    /// It was no record of several lines: each line stands for itself.
    Apart(Vec<Vec<u8>>),
}

/// Which of the grammar's records of several lines this message begins; `whole` is the line with its header.
pub fn begun(grammar: &Grammar, message: &[u8], whole: &[u8]) -> Option<usize> {
    grammar.multiline.iter().position(|form| form.is_torn(message) && whole.len() < form.cut_at)
}

impl Unfinished {
    /// What this message begins.
    pub fn begin(grammar: &Grammar, message: &[u8], whole: &[u8], read_at: i64) -> Option<Unfinished> {
        begun(grammar, message, whole).map(|form| Unfinished { lines: vec![whole.to_vec()], form, read_at })
    }

    /// Adds a line.
    pub fn grow(&mut self, grammar: &Grammar, text: &[u8], read_at: i64) -> Grown {
        self.lines.push(text.to_vec());
        self.read_at = read_at;
        match grammar.multiline.get(self.form) {
            Some(form) if form.ends.as_ref().is_some_and(|ends| text.ends_with(ends)) => Grown::Whole(self.lines.join(&b'\n')),
            Some(form) if self.lines.len() < form.max_lines => Grown::More,
            _ => Grown::Apart(std::mem::take(&mut self.lines)),
        }
    }
}
