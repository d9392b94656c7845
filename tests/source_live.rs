//! With threads and the system's events: what a doorbell rings for, and streams. Each wait is for a state; its limit only
//! keeps a failure from hanging.

#![allow(clippy::unwrap_used, reason = "a test that cannot write its files has failed")]

mod support;

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use support::{Bench, Got, lines};
use turnaway::source::{Doorbell, Start, Stream, is_fifo};

const LIMIT: Duration = Duration::from_secs(60);

/// Follows until the text is there, woken by events alone.
fn follow_until(bench: &mut Bench, doorbell: &mut Doorbell, text: &str) {
    loop {
        bench.poll();
        let (dirs, files) = (bench.follower().watch_dirs(), bench.follower().watch_files());
        doorbell.watch(&dirs, &files);
        if bench.got.text == text.as_bytes() {
            bench.got.text.clear();
            return;
        }
        let ring = doorbell.wait(LIMIT);
        assert!(ring.rung, "nothing rang; have {:?}", bench.took());
        if ring.names {
            bench.follower().rediscover();
        }
    }
}

#[test]
fn events_alone_suffice() {
    let mut bench = Bench::following(&["sub/*.log"], Start::Beginning);
    let mut doorbell = Doorbell::new();
    fs::create_dir(bench.path("sub")).unwrap();
    follow_until(&mut bench, &mut doorbell, "");
    if doorbell.state().iter().any(|state| state.polled.is_some()) {
        // This system tells no events (no inotify instances left, a network file system): the clock does it, as tested elsewhere.
        return;
    }
    bench.append("sub/x.log", lines(0, 2));
    follow_until(&mut bench, &mut doorbell, &lines(0, 2));
    bench.append("sub/x.log", lines(2, 3));
    follow_until(&mut bench, &mut doorbell, &lines(2, 3));
    bench.logrotate("sub/x.log").append("sub/x.log.1", lines(3, 4)).append("sub/x.log", lines(4, 5));
    follow_until(&mut bench, &mut doorbell, &lines(3, 5));
    bench.append("sub/x.log.1", "late\n");
    follow_until(&mut bench, &mut doorbell, "late\n");
    // The whole directory is replaced.
    bench.rename("sub", "old");
    fs::create_dir(bench.path("sub")).unwrap();
    bench.append("sub/x.log", lines(5, 6));
    bench.poll();
    follow_until(&mut bench, &mut doorbell, &lines(5, 6));
    bench.append("sub/x.log", lines(6, 7));
    follow_until(&mut bench, &mut doorbell, &lines(6, 7));
}

/// Writes `count` lines and rotates after every few, as fast as the machine can.
fn write_and_rotate(log: PathBuf, count: usize) {
    let open = || OpenOptions::new().append(true).create(true).open(&log).unwrap();
    let numbered = |n: usize| PathBuf::from(format!("{}.{n}", log.display()));
    let mut broker = open();
    for n in 0..count {
        broker.write_all(lines(n, n + 1).as_bytes()).unwrap();
        if n % 7 == 3 {
            for shift in (1..count).rev().filter(|&shift| numbered(shift).exists()) {
                fs::rename(numbered(shift), numbered(shift + 1)).unwrap();
            }
            fs::rename(&log, numbered(1)).unwrap();
        }
        // Some lines later the broker notices.
        if n % 7 == 5 {
            broker = open();
        }
    }
}

#[test]
fn rotation_at_full_speed() {
    for kill in [false, true] {
        let mut bench = Bench::new();
        bench.append("x.log", "");
        bench.poll();
        let (log, count) = (bench.path("x.log"), 400);
        let writer = std::thread::spawn(move || write_and_rotate(log, count));
        let expected = lines(0, count);
        let (mut passes, mut after) = (0, 0);
        while bench.got.text.len() < expected.len() && after < 10 {
            after += i32::from(writer.is_finished());
            // Time stands still until the writer is done: on a loaded machine it may pause for long.
            bench.now -= 1500;
            bench.poll();
            passes += 1;
            if kill && passes % 5 == 0 {
                bench.kill();
            }
        }
        writer.join().unwrap();
        bench.pass(60_000).expect_taken(&expected);
    }
}

/// Takes from a stream until there is as much text as this.
fn take(stream: &mut Stream, doorbell: &Doorbell, text: &str) {
    let mut got = Got::default();
    while got.text.len() < text.len() {
        if stream.poll(0, usize::MAX, &mut got).bytes == 0 {
            assert!(doorbell.wait(LIMIT).rung, "have {:?}", String::from_utf8_lossy(&got.text));
        }
    }
    assert_eq!(String::from_utf8_lossy(&got.text), text);
}

#[test]
fn a_fifo_is_read_on_when_its_writer_comes_back() {
    let dir = tempfile::tempdir().unwrap();
    let path: PathBuf = dir.path().join("fifo");
    rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, rustix::fs::Mode::RWXU, 0).unwrap();
    assert!(is_fifo(&path));
    let doorbell = Doorbell::without_events();
    let mut stream = Stream::fifo(&path, 100, doorbell.bell()).unwrap();
    let writer = || OpenOptions::new().write(true).open(&path).unwrap();
    let mut first = writer();
    first.write_all(b"a\nhal").unwrap();
    take(&mut stream, &doorbell, "a\n");
    first.write_all(b"f\nfragment").unwrap();
    take(&mut stream, &doorbell, "half\n");
    drop(first);
    take(&mut stream, &doorbell, "fragment");
    writer().write_all(format!("{}\nlast\n", "x".repeat(200)).as_bytes()).unwrap();
    take(&mut stream, &doorbell, &format!("{}\nlast\n", "x".repeat(100)));
    let status = stream.status();
    assert_eq!((status.lines, status.long_lines), (5, 1));
    assert!(!stream.ended());
}
