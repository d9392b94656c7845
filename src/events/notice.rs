//! How the thread that writes events wakes those that tell them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

/// A bell: it was rung so many times.
#[derive(Debug, Default)]
pub struct Notice {
    rung: Mutex<u64>,
    bell: Condvar,
    stopped: AtomicBool,
}

impl Notice {
    /// New events are in the store.
    pub fn ring(&self) {
        *self.rung.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.bell.notify_all();
    }

    /// No more is to be told.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
        self.ring();
    }

    /// Whether no more is to be told.
    pub fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }

    /// How often it was rung so far.
    pub fn count(&self) -> u64 {
        *self.rung.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until it is rung after the count `seen`, or, where that is given, for this long.
    pub fn wait(&self, seen: u64, most: Option<Duration>) {
        let rung = self.rung.lock().unwrap_or_else(PoisonError::into_inner);
        match most {
            Some(most) => drop(self.bell.wait_timeout_while(rung, most, |rung| *rung == seen)),
            None => drop(self.bell.wait_while(rung, |rung| *rung == seen)),
        }
    }

    /// Waits for this long, or until no more is to be told.
    pub fn pause(&self, long: Duration) {
        let rung = self.rung.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.bell.wait_timeout_while(rung, long, |_| !self.is_stopped()));
    }
}
