//! Records that repeat a client's own words.
//!
//! With `log_type all` Mosquitto prints each topic of a SUBSCRIBE on a line of its own and after it the client ID and the topic
//! (`ID QOS TOPIC`): both are chosen by the client, so such a line can read like any other. It can be known by where it stands:
//! the broker is one thread, and between "Received SUBSCRIBE from ID" and the record that ends it nothing else is written.

use serde::{Deserialize, Serialize};

use crate::grammar::{Fact, Grammar};

/// A client's words are being repeated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Echo {
    /// Which of the grammar's forms it is.
    form: usize,
    /// The client's ID.
    client: Vec<u8>,
    /// The last record stood between: the next one may begin with the client's ID.
    between: bool,
}

/// Whether this message begins it: which of the grammar's forms, and the client's ID.
pub fn echoed<'m>(grammar: &Grammar, message: &'m [u8]) -> Option<(usize, &'m [u8])> {
    grammar.echoes.iter().enumerate().find_map(|(form, echo)| {
        let captures = echo.after.iter().find_map(|pattern| pattern.run(message))?;
        Some((form, captures.get(Fact::ClientId, message)?))
    })
}

impl Echo {
    /// What this message begins.
    pub fn after(grammar: &Grammar, message: &[u8]) -> Option<Echo> {
        echoed(grammar, message).map(|(form, client)| Echo { form, client: client.to_vec(), between: false })
    }

    /// Whether this message, too, is the client's own words. The first that is not ends it.
    pub fn holds(&mut self, grammar: &Grammar, message: &[u8]) -> bool {
        let Some(form) = grammar.echoes.get(self.form) else { return false };
        if message.starts_with(&form.between) {
            self.between = true;
            return true;
        }
        let own = self.between && message.strip_prefix(self.client.as_slice()).is_some_and(|rest| rest.starts_with(b" "));
        self.between = false;
        own
    }
}
