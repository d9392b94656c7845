//! A command or a request for each refused attempt whose address is certain: how often, how old, and what when it fails.

use std::sync::Arc;
use std::time::Duration;

use super::deliver::{Deliver, Delivered};
use super::{Action, HookConfig, command, webhook};
use crate::clock::Clock;
use crate::model::{EventKind, Millis};
use crate::store::StoredEvent;

/// What fails so often is given up.
const TRIES: u32 = 5;
/// Those that may be told at once, after a quiet time.
const BURST: u32 = 10;

pub(super) struct Hook {
    name: String,
    config: HookConfig,
    clock: Arc<dyn Clock>,
    tries: u32,
    /// The earliest time of the next one, if it were not for the burst.
    next: Millis,
    act: Act,
}

type Act = Box<dyn FnMut(&HookConfig, &StoredEvent) -> Result<(), String> + Send>;

impl Hook {
    pub(super) fn new(name: String, config: HookConfig, clock: Arc<dyn Clock>) -> Hook {
        let act: Act = match &config.action {
            Action::Command(_) => Box::new(|config, event| match &config.action {
                Action::Command(argv) => command::run(argv, config.timeout, event),
                Action::Post(_) => Ok(()),
            }),
            Action::Post(uri) => {
                let mut poster = webhook::Poster::new(uri.clone());
                Box::new(move |config, event| poster.post(config.timeout, event))
            }
        };
        Hook { name, config, clock, tries: 0, next: 0, act }
    }

    /// Nothing is done about an address that is not certain, about what was told before, or about what is long past.
    fn concerns(&self, event: &StoredEvent, now: Millis) -> bool {
        event.event.ip_address.is_some()
            && event.event.kind == EventKind::Refused
            && now.saturating_sub(event.event.ts) <= self.config.max_age
    }

    fn interval(&self) -> Millis {
        60_000 / Millis::from(self.config.per_minute.max(1))
    }
}

impl Deliver for Hook {
    fn deliver(&mut self, events: &[StoredEvent]) -> Result<Delivered, String> {
        let now = self.clock.now();
        let mut delivered = Delivered::default();
        for event in events {
            if !self.concerns(event, now) {
                delivered.done += 1;
                delivered.skipped += 1;
                continue;
            }
            if delivered.done > 0 {
                // What was passed over is noted first.
                break;
            }
            let interval = self.interval();
            self.next = self.next.max(now - interval * Millis::from(BURST - 1)).min(now + interval) + interval;
            delivered.done = 1;
            match (self.act)(&self.config, event) {
                Ok(()) => self.tries = 0,
                Err(error) if self.tries + 1 < TRIES => {
                    self.tries += 1;
                    return Err(error);
                }
                Err(error) => {
                    tracing::warn!(hook = self.name, id = event.id, error, "given up after {TRIES} tries");
                    self.tries = 0;
                    delivered.failed = 1;
                }
            }
            break;
        }
        Ok(delivered)
    }

    fn at_once(&self) -> usize {
        64
    }

    fn rest(&mut self) -> Option<Duration> {
        let wait = (self.next - self.clock.now()).min(self.interval());
        u64::try_from(wait).ok().filter(|wait| *wait > 0).map(Duration::from_millis)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::super::format::tests::event;
    use super::*;

    struct Set(AtomicI64);
    impl Clock for Set {
        fn now(&self) -> Millis {
            self.0.load(Ordering::Relaxed)
        }
    }

    const NOW: Millis = 1_795_446_174_000;

    fn hook(per_minute: u32, fails: u32) -> (Hook, Arc<Set>, Arc<Mutex<Vec<String>>>) {
        let clock = Arc::new(Set(AtomicI64::new(NOW)));
        let config = HookConfig {
            action: Action::Command(vec!["/bin/true".to_owned()]),
            per_minute,
            timeout: Duration::from_secs(1),
            max_age: 600_000,
        };
        let mut hook = Hook::new("h".to_owned(), config, Arc::clone(&clock) as Arc<dyn Clock>);
        let acted = Arc::new(Mutex::new(Vec::new()));
        let (notes, mut left) = (Arc::clone(&acted), fails);
        hook.act = Box::new(move |_, event| {
            if left > 0 {
                left -= 1;
                return Err("no".to_owned());
            }
            notes.lock().unwrap().push(event.event.client_id.clone());
            Ok(())
        });
        (hook, clock, acted)
    }

    #[test]
    fn nothing_is_done_about_what_is_not_certain_not_new_or_told_before() {
        let (mut hook, _, acted) = hook(60, 0);
        let mut old = event("old", Some("192.0.2.7"));
        old.event.ts -= 600_001;
        let mut again = event("again", Some("192.0.2.7"));
        again.event.kind = EventKind::Revised;
        let events = [event("guessed", None), old, again, event("certain", Some("192.0.2.7"))];
        assert_eq!(hook.deliver(&events).unwrap(), Delivered { done: 3, skipped: 3, failed: 0 });
        assert_eq!(hook.deliver(&events[3..]).unwrap(), Delivered { done: 1, skipped: 0, failed: 0 });
        assert_eq!(*acted.lock().unwrap(), ["certain"]);
    }

    #[test]
    fn after_a_burst_the_others_wait() {
        let (mut hook, clock, _) = hook(60, 0);
        let one = [event("a", Some("192.0.2.7"))];
        for _ in 0..BURST {
            assert_eq!(hook.rest(), None);
            hook.deliver(&one).unwrap();
        }
        assert_eq!(hook.rest(), Some(Duration::from_secs(1)));
        clock.0.fetch_add(1_000, Ordering::Relaxed);
        assert_eq!(hook.rest(), None);
        hook.deliver(&one).unwrap();
        assert_eq!(hook.rest(), Some(Duration::from_secs(1)));
    }

    #[test]
    fn what_fails_is_tried_again_and_given_up_in_the_end() {
        let one = [event("a", Some("192.0.2.7"))];
        let (mut hook, _, acted) = hook(60, 4);
        (0..4).for_each(|_| assert_eq!(hook.deliver(&one).unwrap_err(), "no"));
        assert_eq!(hook.deliver(&one).unwrap(), Delivered { done: 1, skipped: 0, failed: 0 });
        assert_eq!(acted.lock().unwrap().len(), 1);
        let (mut hook, _, acted) = self::hook(60, 5);
        (0..4).for_each(|_| assert!(hook.deliver(&one).is_err()));
        assert_eq!(hook.deliver(&one).unwrap(), Delivered { done: 1, skipped: 0, failed: 1 });
        assert!(acted.lock().unwrap().is_empty());
    }
}
