//! The texts of TLS libraries, in one place for all grammars: what OpenSSL and its like say, which reason that is, and
//! who rejected whom.

use crate::model::Reason;

/// The known texts, in the order of the file: the first that fits counts.
#[derive(Debug, Default)]
pub struct Texts {
    /// One entry per text.
    pub entries: Vec<TlsText>,
}

/// One text of a TLS library.
#[derive(Debug, Clone)]
pub struct TlsText {
    /// What the library's message contains.
    pub contains: Vec<Vec<u8>>,
    /// The first is the code, the others cannot be ruled out.
    pub reasons: Vec<Reason>,
    /// It can only come from a handshake: an established session never ends with it.
    pub handshake: bool,
    /// It tells more than the lines beside it; the highest weight of a group of lines gives the reason.
    pub weight: usize,
    /// Whether the client spoke TLS; None when the text does not tell.
    pub tls: Option<bool>,
    /// ... and the answer is likely, not certain.
    pub tls_likely: bool,
    /// What the text says of the password.
    pub password_provided: Option<bool>,
}

impl Texts {
    /// The entry that knows these words.
    pub fn find<'t>(&'t self, words: &'t [u8]) -> Option<&'t TlsText> {
        self.all(words).next()
    }

    /// All entries that know a part of these words.
    pub fn all<'t>(&'t self, words: &'t [u8]) -> impl Iterator<Item = &'t TlsText> {
        self.entries.iter().filter(move |entry| entry.contains.iter().any(|text| memchr::memmem::find(words, text).is_some()))
    }
}
