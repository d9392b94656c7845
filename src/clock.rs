//! Where time comes from: the only place that reads the system's clock, so that everything else takes time as an input.

use crate::model::Millis;

/// A source of the present time.
pub trait Clock: Send + Sync {
    /// Milliseconds since the epoch, UTC.
    fn now(&self) -> Millis;
}

/// Microseconds of the system's monotonic clock: the service manager compares them with its own. None if it cannot be read.
pub fn monotonic_micros() -> Option<i128> {
    match sd_notify::NotifyState::monotonic_usec_now().ok()? {
        sd_notify::NotifyState::MonotonicUsec(micros) => Some(micros),
        _ => None,
    }
}

/// The system's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that may")]
    fn now(&self) -> Millis {
        let now = std::time::SystemTime::now();
        match now.duration_since(std::time::UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
            Err(_) => 0,
        }
    }
}
