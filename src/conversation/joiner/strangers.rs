//! What may be the words of a stranger whose line feeds tore a record.

use super::*;

impl Joiner {
    /// Keeps what was told, in case that it turns out to be a stranger's words.
    pub(super) fn remember(&mut self, message: &[u8], told: &[Attempt]) {
        let Some(Attempt::Refused(row)) = told.last() else { return };
        if self.told.len() >= MAX_TOLD {
            self.told.remove(0);
        }
        self.told.push((String::from_utf8_lossy(&message[..message.len().min(MAX_QUOTED)]).into_owned(), row.clone()));
    }

    /// A record was torn, and this is its end: what was told just before may be a part of it. Where the end repeats the client's
    /// words, only what stands in them is.
    pub(super) fn doubt_told(&mut self, quoting: Option<&[u8]>, out: &mut Vec<Attempt>) {
        let quoting = quoting.map(String::from_utf8_lossy);
        let (forged, others): (Vec<_>, Vec<_>) = std::mem::take(&mut self.told)
            .into_iter()
            .partition(|(message, _)| quoting.as_ref().is_none_or(|text| text.contains(message.as_str())));
        self.told = others;
        for (_, mut row) in forged {
            row.inferred.extend([Field::ClientId, Field::IpAddress]);
            row.inferred.extend(row.username.is_some().then_some(Field::Username));
            row.inferred.retain(|field| *field != Field::IpAddress || row.ip_address.is_some());
            row.inferred.sort_unstable();
            row.inferred.dedup();
            out.push(Attempt::Revised(row));
        }
    }

    /// Whether what comes may be a stranger's words, and how much of it still is counts.
    pub fn is_doubting(&self) -> bool {
        self.strangers > 0
    }

    /// The log went on by this many bytes.
    pub fn passed(&mut self, bytes: usize) {
        self.strangers = self.strangers.saturating_sub(bytes);
    }

    /// What comes now may be a stranger's words.
    pub fn torn(&mut self) {
        self.strangers = TORN_BYTES;
        // He may open and end connections that never were.
        self.open.incomplete();
        self.guessed.clear();
    }
}
