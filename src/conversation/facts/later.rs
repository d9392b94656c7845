//! What a later record of a connection says of it.

use super::Facts;

impl Facts {
    /// Adds what a later record of the same connection says; what is known already counts only where this one does not say it.
    pub fn add_later(&mut self, later: Facts) {
        fn set<T>(mine: &mut Option<T>, later: Option<T>) {
            if later.is_some() {
                *mine = later;
            }
        }
        self.anonymous |= later.anonymous;
        set(&mut self.client_id, later.client_id);
        self.client_id.take_if(|_| self.anonymous);
        set(&mut self.sent, later.sent);
        set(&mut self.client_name, later.client_name);
        set(&mut self.username, later.username);
        self.respell();
        self.no_username = later.no_username || self.no_username && self.username.is_none();
        set(&mut self.client_ip, later.client_ip);
        set(&mut self.client_port, later.client_port);
        set(&mut self.server_port, later.server_port);
        set(&mut self.subject, later.subject);
        set(&mut self.connection, later.connection);
        set(&mut self.thread, later.thread);
        set(&mut self.upstream_ip, later.upstream_ip);
        set(&mut self.upstream_port, later.upstream_port);
        set(&mut self.sent_bytes, later.sent_bytes);
        set(&mut self.ends_after, later.ends_after);
        set(&mut self.lasted, later.lasted);
        set(&mut self.listener_tls, later.listener_tls);
        if later.tls.is_some() {
            (self.tls, self.tls_likely) = (later.tls, later.tls_likely);
        }
        set(&mut self.password_provided, later.password_provided);
        self.connect |= later.connect;
    }

    /// The names that the records show are spelt as the client sent them.
    pub(super) fn respell(&mut self) {
        if let Some(sent) = &self.sent {
            let (id, username) = &**sent;
            self.client_id = self.client_id.take().map(|_| id.clone());
            // Where it sent none, the one that the records show is the certificate's.
            self.username = self.username.take().map(|shown| username.clone().unwrap_or(shown));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use proptest::prelude::*;

    use super::*;

    prop_compose! {
        fn facts()(
            names in proptest::array::uniform8(proptest::option::of("[ab]")), sent in proptest::option::of(("[ab]", proptest::option::of("[ab]"))),
            addresses in any::<(Option<IpAddr>, Option<IpAddr>)>(), ports in any::<(Option<u16>, Option<u16>, Option<u16>)>(),
            numbers in any::<(Option<u64>, Option<i64>, Option<i64>)>(), flags in any::<(Option<bool>, Option<bool>, Option<bool>)>(),
            marks in any::<(bool, bool, bool, bool)>(),
        ) -> Facts {
            let [client_id, client_name, username, subject, connection, thread, ..] = names;
            Facts {
                client_id, client_name, anonymous: marks.0, sent: sent.map(Box::new), username, no_username: marks.1,
                client_ip: addresses.0, client_port: ports.0, server_port: ports.1, subject, connection, thread,
                upstream_ip: addresses.1, upstream_port: ports.2, sent_bytes: numbers.0, ends_after: numbers.1, lasted: numbers.2,
                listener_tls: flags.0, tls: flags.1, tls_likely: marks.2, password_provided: flags.2, connect: marks.3,
            }
        }
    }

    proptest! {
        #[test]
        fn the_later_record_is_one_to_which_the_earlier_is_added(earlier in facts(), later in facts()) {
            let mut expected = later.clone();
            expected.add(earlier.clone());
            let mut both = earlier;
            both.add_later(later);
            prop_assert_eq!(both, expected);
        }
    }
}
