//! What most clients do: a connection is opened, and the next record that counts accepts its client. Where nothing waits, the first leaves nothing
//! behind but what the second asks of it.

use super::*;

impl Joiner {
    /// Whether a connection that is opened and accepted at once concerns nobody else.
    pub fn is_quiet(&self) -> bool {
        !self.is_waiting() && !self.is_doubting() && self.guessed.is_empty() && self.open.owed() == 0
    }

    /// A connection was opened and its client accepted: what both records do, one after the other. The opening's is given as it is: its
    /// message, and its line. None: it was open already, or too many are; then nothing was done.
    ///
    /// Only where [`Joiner::is_quiet`], and for records of plain rules that show the same address and port.
    pub fn connected(
        &mut self,
        grammar: &Grammar,
        settings: &Settings,
        (opening, line): (&[u8], Quote<'_>),
        said: &Said<'_>,
        out: &mut Vec<Attempt>,
    ) -> Option<Effect> {
        let again = || self.open.has(&Facts::of(grammar, said.rule, &said.heard));
        if self.open.is_full() || !self.open.is_empty() && again() {
            return None;
        }
        self.open.set_behind(settings.behind);
        self.open.went_by();
        self.closed = false;
        let before = self.accepted.take();
        self.is_over(before);
        let forgeable = is_forgeable(said.rule, &said.heard);
        self.knows(grammar, &said.heard);
        let client_id = Facts::client_id(grammar, &said.heard);
        Some(self.welcome(grammar, settings, said, (client_id, forgeable), Opening::Told(opening, line), out))
    }
}
