//! Waiting for a state, within a limit.

use std::sync::{Condvar, Mutex, mpsc};
use std::time::Duration;

/// No state is waited for longer.
const LIMIT: Duration = Duration::from_secs(20);
/// How long between two looks.
const STEP: Duration = Duration::from_millis(10);

/// Looks until what is waited for is there, and gives it; what was seen last is told when it does not come.
pub(crate) fn wait_until<T>(what: &str, mut look: impl FnMut() -> Result<T, String>) -> T {
    let (never, condition) = (Mutex::new(()), Condvar::new());
    let mut last = String::new();
    for _ in 0..LIMIT.as_millis() / STEP.as_millis() {
        match look() {
            Ok(found) => return found,
            Err(seen) => last = seen,
        }
        drop(condition.wait_timeout(never.lock().unwrap(), STEP).unwrap());
    }
    panic!("waited in vain for {what}; last seen: {last}");
}

/// Does work that may block, and fails when it does not come to an end.
pub(crate) fn within<T: Send + 'static>(what: &str, work: impl FnOnce() -> T + Send + 'static) -> T {
    let (send, receive) = mpsc::channel();
    std::thread::spawn(move || send.send(work()));
    receive.recv_timeout(LIMIT).unwrap_or_else(|error| panic!("{what}: {error}"))
}
