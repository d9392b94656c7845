//! The process as a service: what it tells the service manager, what signals make of it, and how it changes while it runs.
//!
//! `notify` speaks sd_notify, `sockets` takes over what a socket unit made, `reload` puts a new configuration in the place of
//! the old one or leaves everything as it was, `supervise` waits for whatever comes next.

mod notify;
mod reload;
mod sockets;
mod state;
mod supervise;

pub use notify::{Notifier, Watchdog};
pub use reload::{Runs, daemon_source, daemon_sources};
pub use sockets::{Sockets, inherited};
pub use supervise::{Service, supervise};
