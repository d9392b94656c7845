use std::sync::atomic::AtomicI64;

use super::*;

struct Hand(AtomicI64);

impl Clock for Hand {
    fn now(&self) -> Millis {
        self.0.load(Ordering::Relaxed)
    }
}

struct Desk {
    log: OwnLog,
    clock: Arc<Hand>,
    said: Arc<Mutex<String>>,
}

impl Desk {
    fn new(format: LogFormat, journal: bool) -> Desk {
        let clock = Arc::new(Hand(AtomicI64::new(1_795_446_174_000)));
        let said = Arc::new(Mutex::new(String::new()));
        let hear = Arc::clone(&said);
        let out = Box::new(move |line: &str| hear.lock().unwrap().push_str(line));
        Desk { log: OwnLog::new(Level::Info, format, journal, clock.clone(), out), clock, said }
    }

    fn during(&self, work: impl FnOnce()) -> String {
        tracing::subscriber::with_default(self.log.clone(), work);
        std::mem::take(&mut self.said.lock().unwrap())
    }

    fn pass(&self, millis: i64) {
        self.clock.0.fetch_add(millis, Ordering::Relaxed);
    }
}

#[test]
fn text_for_people() {
    let desk = Desk::new(LogFormat::Text, false);
    let said = desk.during(|| {
        tracing::warn!(source = "mosquitto", path = "/a b.log", count = 3, "cannot \u{1b}[31mread\nit");
        tracing::debug!("a detail");
    });
    assert_eq!(said, "2026-11-23T15:02:54.000Z  WARN cannot \\x1b[31mread\\nit source=mosquitto path=\"/a b.log\" count=3\n");
}

#[test]
fn priorities_for_the_journal() {
    let desk = Desk::new(LogFormat::Text, true);
    let said = desk.during(|| {
        tracing::error!("one");
        tracing::warn!("two");
        tracing::info!("three");
    });
    assert_eq!(said, "<3>one\n<4>two\n<6>three\n");
}

#[test]
fn json_for_programs() {
    let desk = Desk::new(LogFormat::Json, false);
    let said = desk.during(|| tracing::info!(level = "high", n = 7, ok = true, name = "\u{202e}x\"", "hello"));
    let line: serde_json::Value = serde_json::from_str(&said).unwrap();
    let want = serde_json::json!({
        "time": "2026-11-23T15:02:54.000Z", "level": "info", "message": "hello", "level_": "high", "n": 7, "ok": true, "name": "\\u{202e}x\""
    });
    assert_eq!(line, want);
    assert_eq!(said.lines().count(), 1);
}

#[test]
fn a_message_that_comes_again_and_again_is_counted() {
    let desk = Desk::new(LogFormat::Text, true);
    let broken = |source: &'static str, times: u32| (0..times).for_each(|n| tracing::warn!(source, n, "cannot read"));
    let said = desk.during(|| broken("a", 1000));
    assert_eq!(said.lines().count(), 10);
    // Another source is another kind, and so is another message.
    assert_eq!(desk.during(|| broken("b", 2)).lines().count(), 2);
    assert_eq!(desk.during(|| tracing::warn!(source = "a", "another")).lines().count(), 1);
    desk.pass(59_999);
    assert_eq!(desk.during(|| desk.log.flush()), "");
    desk.pass(1);
    let said = desk.during(|| broken("a", 1));
    assert_eq!(said, "<4>more messages of one kind were left out count=990 like=\"cannot read\" source=a\n<4>cannot read source=a n=0\n");
    // Also when no further one comes.
    desk.during(|| broken("a", 20));
    desk.pass(60_000);
    assert_eq!(desk.during(|| desk.log.flush()), "<4>more messages of one kind were left out count=11 like=\"cannot read\" source=a\n");
    assert_eq!(desk.during(|| desk.log.flush()), "");
}

#[test]
fn what_was_asked_for_is_told_in_full() {
    let desk = Desk::new(LogFormat::Text, true);
    let said = desk.during(|| (0..50).for_each(|n| tracing::info!(target: ASKED_FOR, n, "state")));
    assert_eq!(said.lines().count(), 50);
}

#[test]
fn the_level_changes_at_run_time() {
    let desk = Desk::new(LogFormat::Text, true);
    let both = || {
        tracing::debug!("detail");
        tracing::error!("error");
    };
    assert_eq!(desk.during(both), "<3>error\n");
    desk.log.set(Level::Debug, LogFormat::Text);
    assert_eq!(desk.during(both), "<7>detail\n<3>error\n");
}

#[test]
fn very_many_kinds_take_no_more_memory() {
    let desk = Desk::new(LogFormat::Text, true);
    desk.during(|| (0..10_000).for_each(|n| tracing::warn!(source = format!("s{n}"), "broken")));
    assert!(desk.log.limiter(|limiter| format!("{limiter:?}").matches("Count {").count()) <= 257);
}
