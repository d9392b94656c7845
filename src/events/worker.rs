//! The threads that tell the events, one for each output.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use super::deliver::{Deliver, open};
use super::{Notice, OutputConfig};
use crate::clock::Clock;
use crate::metrics::Metrics;
use crate::model::Millis;
use crate::store::{Store, StoreError};

/// How long an event may still change before it is told.
pub(super) const SETTLE: Millis = 2_000;
/// The longest time between two tries.
const LONGEST: Duration = Duration::from_secs(60);

/// All outputs at work.
#[derive(Debug)]
pub struct Outputs {
    notice: Arc<Notice>,
    threads: Vec<JoinHandle<()>>,
}

impl Outputs {
    /// Names the outputs to the store and begins to tell them what waits there.
    ///
    /// # Errors
    /// The store cannot be written.
    pub fn start(
        configs: &[OutputConfig],
        store: &Arc<dyn Store>,
        clock: &Arc<dyn Clock>,
        metrics: &Arc<Metrics>,
    ) -> Result<Outputs, StoreError> {
        let names: Vec<String> = configs.iter().map(|config| config.name.clone()).collect();
        store.outputs(&names)?;
        let notice = Arc::new(Notice::default());
        let start = |config: &OutputConfig| {
            let mut worker = Worker {
                name: config.name.clone(),
                store: Arc::clone(store),
                clock: Arc::clone(clock),
                metrics: Arc::clone(metrics),
                notice: Arc::clone(&notice),
                deliver: open(config, Arc::clone(clock)),
                failures: 0,
                done: None,
            };
            std::thread::Builder::new().name(format!("event-{}", config.name)).spawn(move || worker.run())
        };
        let mut threads = Vec::new();
        for config in configs {
            match start(config) {
                Ok(thread) => threads.push(thread),
                Err(error) => tracing::error!(output = config.name, %error, "cannot start a thread for this output: it is told nothing"),
            }
        }
        Ok(Outputs { notice, threads })
    }

    /// What to ring when events were written; none: nobody wants to be told.
    pub fn notice(&self) -> Option<Arc<Notice>> {
        (!self.threads.is_empty()).then(|| Arc::clone(&self.notice))
    }

    /// Ends what is under way and stops. What was not told is told after the next start.
    pub fn stop(self) {
        self.notice.stop();
        for thread in self.threads {
            let _ = thread.join();
        }
    }
}

/// One output.
pub(super) struct Worker {
    pub(super) name: String,
    pub(super) store: Arc<dyn Store>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) notice: Arc<Notice>,
    pub(super) deliver: Box<dyn Deliver>,
    pub(super) failures: u32,
    /// What was told and is not noted in the store yet.
    pub(super) done: Option<u64>,
}

/// What to do next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// There may be more.
    More,
    /// Wait for new events, or for those that are there to settle.
    Wait(Option<Duration>),
    /// Wait, whatever comes.
    Pause(Duration),
}

impl Worker {
    fn run(&mut self) {
        while !self.notice.is_stopped() {
            let seen = self.notice.count();
            match self.step() {
                Next::More => {}
                Next::Wait(most) => self.notice.wait(seen, most),
                Next::Pause(long) => self.notice.pause(long),
            }
        }
        if self.done.is_some() {
            let now = self.clock.now();
            // If this fails they are told again.
            let _ = self.store.next_events(&self.name, self.done.take(), now, now, 0);
        }
    }

    /// Tells what is due.
    pub(super) fn step(&mut self) -> Next {
        if let Some(rest) = self.deliver.rest() {
            return Next::Pause(rest);
        }
        let now = self.clock.now();
        let due = match self.store.next_events(&self.name, self.done, now - SETTLE, now, self.deliver.at_once()) {
            Ok(due) => due,
            Err(error) => return self.failed(&error.to_string()),
        };
        self.done = None;
        let Some(last) = due.events.last() else {
            return Next::Wait(due.waiting.then(|| Duration::from_millis(SETTLE.unsigned_abs())));
        };
        let (count, last) = (due.events.len(), last.seq);
        match self.deliver.deliver(&due.events) {
            Ok(delivered) => {
                if std::mem::take(&mut self.failures) > 0 {
                    tracing::info!(output = self.name, "events are told again");
                }
                let told = delivered.done.saturating_sub(delivered.skipped + delivered.failed);
                self.metrics.events(&self.name, told as u64, delivered.skipped as u64, delivered.failed as u64);
                self.done = match delivered.done {
                    0 => None,
                    done if done >= count => Some(last),
                    done => due.events.get(done - 1).map(|event| event.seq),
                };
                Next::More
            }
            Err(error) => self.failed(&error),
        }
    }

    /// Waits longer after every failure, and says so once.
    fn failed(&mut self, error: &str) -> Next {
        self.failures = self.failures.saturating_add(1);
        self.metrics.event_error(&self.name);
        if self.failures == 1 {
            tracing::warn!(output = self.name, error, "cannot tell events; they are kept, and tried again at growing intervals");
        }
        Next::Pause(Duration::from_secs(1 << self.failures.min(6).saturating_sub(1)).min(LONGEST))
    }
}

#[cfg(test)]
mod tests;
