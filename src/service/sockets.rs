//! Sockets that a socket unit made for us (LISTEN_FDS), and how they go together with the places of the configuration.

use listenfd::ListenFd;

use crate::api::{Inherited, Listen, ListenError, Listener, Tokens, adopt, bind};
use crate::config::default_listen;

/// The sockets that the service manager hands over; none without a socket unit. Only the first call gets them.
///
/// # Errors
/// A socket that is neither a TCP nor a Unix stream socket; says what to do.
pub fn inherited() -> Result<Vec<Inherited>, String> {
    let mut handed = ListenFd::from_env();
    let mut sockets = Vec::new();
    for at in 0..handed.len() {
        let error = || format!("socket {} of the socket unit cannot be used: only ListenStream= with an address or a path can", at + 1);
        sockets.push(match handed.take_tcp_listener(at) {
            Ok(Some(socket)) => Inherited::Tcp(socket),
            _ => handed.take_unix_listener(at).ok().flatten().map(Inherited::Unix).ok_or_else(error)?,
        });
    }
    Ok(sockets)
}

/// Which places of the configuration this process opens itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sockets {
    /// The service manager made some.
    handed_over: bool,
}

impl Sockets {
    /// Listens with the sockets that were handed over and on the places of the configuration. With a socket unit the default
    /// place is nobody's wish.
    ///
    /// # Errors
    /// The first place that cannot, or may not, be listened on.
    pub async fn open(handed: Vec<Inherited>, places: &[Listen], tokens: &Tokens) -> Result<(Sockets, Vec<Listener>), ListenError> {
        let sockets = Sockets { handed_over: !handed.is_empty() };
        let mut listeners = adopt(handed, places, tokens)?;
        let there = |place: &Listen| listeners.iter().any(|listener| listener.configured() == Some(place));
        let own: Vec<Listen> = sockets.wanted(places).into_iter().filter(|place| !there(place)).collect();
        listeners.extend(bind(&own, tokens).await?);
        Ok((sockets, listeners))
    }

    /// The places that are to be listened on besides those that were handed over.
    pub fn wanted(self, places: &[Listen]) -> Vec<Listen> {
        if self.handed_over && *places == [default_listen()] { Vec::new() } else { places.to_vec() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_unit_stands_for_the_default_place_only() {
        let (default, other) = (default_listen(), Listen::Unix("/run/x.sock".into()));
        let (with, without) = (Sockets { handed_over: true }, Sockets::default());
        assert_eq!(with.wanted(std::slice::from_ref(&default)), []);
        let only = std::slice::from_ref(&default);
        assert_eq!(without.wanted(only), only);
        assert_eq!(with.wanted(&[default.clone(), other.clone()]), [default, other]);
    }
}
