//! Every way in which a log's file changes under the reader, by name. Nothing here sleeps: the tests pull, and time is a number.

mod support;

use std::fs;
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::fs::{PermissionsExt, symlink};

use support::{Bench, interleavings, lines};
use turnaway::source::{LogState, Start};

#[test]
fn from_the_beginning() {
    let mut bench = Bench::new();
    bench.append("x.log", lines(0, 3)).rename("x.log", "x.log.1").append("x.log", lines(3, 6));
    bench.expect(&lines(3, 6)).expect("");
    bench.append("x.log", lines(6, 8));
    bench.expect(&lines(6, 8));
}

#[test]
fn from_the_end_of_what_exists_and_the_beginning_of_what_comes() {
    let mut bench = Bench::following(&["x.log", "y.log"], Start::End);
    bench.append("x.log", lines(0, 3)).append("x.log", "half");
    bench.expect("");
    bench.append("x.log", " whole\n").append("y.log", lines(3, 5));
    bench.expect(&format!("half whole\n{}", lines(3, 5)));
    bench.logrotate("x.log").append("x.log", lines(5, 7));
    bench.expect(&lines(5, 7));
}

#[test]
fn started_at_the_end_then_killed_before_anything_came() {
    for exists in [true, false] {
        let mut bench = Bench::following(&["*.log"], Start::End);
        if exists {
            bench.append("x.log", lines(0, 3));
        }
        bench.expect("").kill();
        bench.append("x.log", lines(3, 5));
        bench.expect(&lines(3, 5));
    }
}

#[test]
fn a_file_that_is_not_there_yet() {
    let mut bench = Bench::following(&["sub/x.log"], Start::End);
    bench.expect("");
    assert_eq!(bench.status()[0].state, LogState::Waiting);
    fs::create_dir(bench.path("sub")).unwrap();
    bench.expect("");
    bench.append("sub/x.log", lines(0, 2));
    bench.expect(&lines(0, 2));
    assert_eq!(bench.status()[0].state, LogState::Following);
}

#[test]
fn rename_and_create_with_the_old_file_still_written() {
    // The writer's steps: old tail, new file's lines. The reader's: passes in between, in every order.
    for order in interleavings(4, 3) {
        let mut bench = Bench::new();
        bench.append("x.log", lines(0, 5));
        bench.expect(&lines(0, 5));
        let mut old = bench.open("x.log");
        let mut step = 0;
        for write in order {
            if !write {
                bench.poll();
                continue;
            }
            match step {
                0 => drop(bench.append("x.log", lines(5, 7)).rename("x.log", "x.log.1")),
                1 => old.write_all(lines(7, 9).as_bytes()).unwrap(),
                2 => drop(bench.append("x.log", lines(9, 11))),
                _ => drop(bench.append("x.log", lines(11, 13))),
            }
            step += 1;
        }
        bench.expect(&lines(5, 13));
    }
}

#[test]
fn a_line_that_comes_late_to_the_old_file_does_not_wait_and_makes_nobody_wait() {
    let mut bench = Bench::new();
    bench.append("x.log", "a\n");
    bench.expect("a\n");
    bench.logrotate("x.log").append("x.log", "b\n");
    bench.expect("b\n");
    bench.append("x.log.1", "late\n").append("x.log", "c\n");
    bench.expect("late\nc\n");
    assert_eq!(bench.status()[0].rotated, 1);
    bench.pass(20_000).expect("");
    assert_eq!(bench.status()[0].rotated, 0, "it was quiet long enough");
}

#[test]
fn the_last_line_of_a_rotated_file_without_its_end() {
    let mut bench = Bench::new();
    bench.append("x.log", "a\nlast");
    bench.expect("a\n");
    bench.logrotate("x.log").append("x.log", "b\n");
    bench.expect("b\n").pass(5_000).expect_taken("");
    bench.pass(20_000).expect_taken("last");
    bench.pass(20_000).kill().expect("");
}

#[test]
fn the_last_line_of_a_rotated_file_gets_its_end_late() {
    let mut bench = Bench::new();
    bench.append("x.log", "a\nla");
    bench.expect("a\n");
    bench.logrotate("x.log").append("x.log", "b\n");
    bench.expect("b\n");
    bench.append("x.log.1", "st\n");
    bench.expect("last\n").pass(30_000).expect_taken("");
}

#[test]
fn ten_rotations_at_once() {
    for (ascending, poll_between) in [(false, false), (false, true), (true, true)] {
        let mut bench = Bench::new();
        bench.append("x.log", lines(0, 2));
        bench.expect(&lines(0, 2));
        for n in 0..10 {
            let at = 2 + n * 5;
            bench.append("x.log", lines(at, at + 2));
            let to = if ascending { format!("x.log.{}", n + 2) } else { "x.log.1".into() };
            match ascending {
                true => drop(bench.rename("x.log", &to)),
                false => drop(bench.logrotate("x.log")),
            }
            bench.append(&to, lines(at + 2, at + 3)).append("x.log", lines(at + 3, at + 5));
            if poll_between {
                bench.poll();
            }
        }
        bench.expect(&lines(2, 52)).pass(30_000).expect("").kill().expect("");
    }
}

#[test]
fn ten_rotations_at_once_numbered_upwards() {
    let mut bench = Bench::new();
    bench.append("x.log", lines(0, 2));
    bench.expect(&lines(0, 2));
    for n in 0..10 {
        let to = format!("x.log.{}", n + 2);
        bench.append("x.log", lines(2 + n, 3 + n)).rename("x.log", &to);
        // Half a second apart in all, as the times of change show.
        filetime::set_file_mtime(bench.path(&to), filetime::FileTime::from_unix_time(2_000_000_000, n as u32 * 50_000_000)).unwrap();
        bench.append("x.log", "");
    }
    bench.append("x.log", lines(12, 13));
    bench.expect(&lines(2, 13));
}

#[test]
fn copytruncate_with_a_shorter_new_file() {
    for seen in [true, false] {
        let mut bench = Bench::new();
        bench.append("x.log", lines(0, 20));
        bench.expect(&lines(0, 20));
        bench.append("x.log", lines(20, 25));
        if seen {
            bench.expect(&lines(20, 25));
        }
        bench.copytruncate("x.log").append("x.log", lines(25, 28));
        let from = if seen { 25 } else { 20 };
        bench.expect(&lines(from, 28)).pass(30_000).expect("").kill().expect("");
    }
}

#[test]
fn copytruncate_with_a_new_file_at_once_longer_than_the_old_offset() {
    for seen in [true, false] {
        let mut bench = Bench::new();
        bench.append("x.log", lines(0, 20));
        bench.expect(&lines(0, 20));
        bench.append("x.log", lines(20, 23));
        if seen {
            bench.expect(&lines(20, 23));
        }
        bench.copytruncate("x.log").append("x.log", lines(23, 423));
        bench.expect(&lines(if seen { 23 } else { 20 }, 423)).kill().expect("");
    }
}

#[test]
fn copytruncate_to_exactly_the_old_length() {
    let mut bench = Bench::new();
    bench.append("x.log", lines(0, 20));
    bench.expect(&lines(0, 20));
    bench.copytruncate("x.log").append("x.log", lines(20, 40));
    bench.expect(&lines(20, 40));
}

#[test]
fn copytruncate_step_by_step() {
    // The copy exists but nothing is truncated yet; lines come in between; the copy is seen before the truncation.
    for order in interleavings(4, 3) {
        let mut bench = Bench::new();
        bench.append("x.log", lines(0, 5));
        let mut step = 0;
        for write in order {
            if !write {
                bench.poll();
                continue;
            }
            match step {
                0 => drop(bench.append("x.log", lines(5, 8))),
                1 => drop(bench.copy("x.log", "x.log.1")),
                2 => drop(bench.truncate("x.log")),
                _ => drop(bench.append("x.log", lines(8, 10))),
            }
            step += 1;
        }
        bench.poll();
        let took = bench.took();
        // Without a look before the copy, nobody can tell the first copy from an old file.
        assert!(took == lines(0, 10) || took == lines(8, 10), "{took}");
        assert!(bench.got.gaps.is_empty(), "{:?}", bench.got.gaps);
    }
}

/// The rotated files are looked through for another reason between the copy and the truncation's being seen.
#[test]
fn a_copy_is_known_though_its_file_is_empty_already() {
    // Of the file all was read, or not the last lines; the copy lacks the last ones, or does not.
    for (unread, uncopied) in [(0, 0), (3, 0), (0, 2)] {
        let mut bench = Bench::new();
        bench.append("x.log", lines(0, 40));
        bench.expect(&lines(0, 40));
        // Something is begun beside it that may become a copy: the next pass but one looks again.
        bench.append("x.log.7", "").logrotate("x.log").append("x.log", lines(40, 80));
        let soon = filetime::FileTime::from_unix_time((bench.now + 1500) / 1000, 0);
        for name in ["x.log.8", "x.log.1", "x.log"] {
            filetime::set_file_mtime(bench.path(name), soon).unwrap();
        }
        bench.expect(&lines(40, 80));
        bench.append("x.log", lines(80, 80 + unread));
        bench.copytruncate("x.log");
        let copy = bench.path("x.log.1");
        let whole = std::fs::read_to_string(&copy).unwrap();
        std::fs::write(&copy, &whole[..whole.len() - uncopied * lines(0, 1).len()]).unwrap();
        bench.append("x.log", lines(83, 85));
        bench.pass(3_000);
        bench.expect_taken(&(lines(80, 80 + unread) + &lines(83, 85)));
    }
}

#[test]
fn copytruncate_twice_between_two_passes() {
    let mut bench = Bench::new();
    bench.append("x.log", lines(0, 5));
    bench.expect(&lines(0, 5));
    bench.append("x.log", lines(5, 7)).copytruncate("x.log").append("x.log", lines(7, 9));
    bench.copytruncate("x.log").append("x.log", lines(9, 30));
    bench.expect(&lines(5, 30)).kill().expect("");
}

#[test]
fn copytruncate_of_a_file_of_which_nothing_was_read_yet() {
    let mut bench = Bench::new();
    bench.append("x.log", "");
    bench.expect("");
    bench.append("x.log", lines(0, 3)).copytruncate("x.log").append("x.log", lines(3, 5));
    bench.expect(&lines(0, 5));
}

#[test]
fn copytruncate_while_the_writer_does_not_append() {
    let mut bench = Bench::new();
    let mut writer = fs::File::create(bench.path("x.log")).unwrap();
    writer.write_all(lines(0, 5).as_bytes()).unwrap();
    bench.expect(&lines(0, 5));
    // The writer goes on at its old offset: the file begins with a hole.
    bench.copytruncate("x.log");
    writer.write_all(lines(5, 7).as_bytes()).unwrap();
    bench.expect(&lines(5, 7));
    assert_eq!(bench.status()[0].nul_bytes, 45);
    writer.write_all(lines(7, 8).as_bytes()).unwrap();
    bench.expect(&lines(7, 8)).kill().expect("");
}

#[test]
fn truncation_without_a_copy_is_a_gap() {
    for new in [lines(5, 7), lines(5, 40)] {
        let mut bench = Bench::new();
        bench.append("x.log", lines(0, 5));
        bench.expect(&lines(0, 5));
        bench.truncate("x.log").append("x.log", &new);
        bench.expect_gap(&new).expect("");
        assert_eq!(bench.got.rereads, 0);
        assert_eq!(bench.status()[0].gaps, 1);
    }
}

#[test]
fn a_file_edited_in_place_is_read_again_and_says_so() {
    let mut bench = Bench::new();
    let head = "x".repeat(300) + "\n";
    bench.append("x.log", format!("{head}a\nb\nc\n"));
    bench.expect(&format!("{head}a\nb\nc\n"));
    for kill in [false, true] {
        if kill {
            bench.kill();
        }
        let new = format!("{head}a\nB{kill}\nc\n");
        fs::write(bench.path("x.log"), &new).unwrap();
        bench.expect_gap(&new);
        assert_eq!(std::mem::take(&mut bench.got.rereads), 1);
    }
}

#[test]
fn a_fragment_is_not_glued_to_the_new_file() {
    let mut bench = Bench::new();
    bench.append("x.log", "a\nfragment");
    bench.expect("a\n");
    bench.truncate("x.log").append("x.log", "b\n");
    bench.expect_gap("b\n");
    bench.append("x.log", "frag").copytruncate("x.log").append("x.log", "c\n");
    bench.expect("c\n").pass(20_000).expect_taken("frag");
}

#[test]
fn between_two_files_there_is_none_for_a_moment() {
    let mut bench = Bench::new();
    bench.append("x.log", lines(0, 3));
    bench.expect(&lines(0, 3));
    let status = &bench.status()[0];
    assert!(status.missing_since.is_none() && !status.is_between_files(0));
    bench.rename("x.log", "x.log.1");
    bench.expect("");
    bench.pass(5_000).expect("");
    let status = &bench.status()[0];
    let since = status.missing_since.unwrap();
    assert!(status.is_between_files(since) && status.is_between_files(since + 5_000));
    // It does not come: then it is missing.
    assert!(!status.is_between_files(since + 60_000));
    bench.append("x.log", lines(3, 5));
    bench.expect(&lines(3, 5));
    let status = &bench.status()[0];
    assert!(status.state == LogState::Following && status.missing_since.is_none() && !status.is_between_files(since));
}

#[test]
fn a_file_that_never_was_is_not_between_two() {
    let mut bench = Bench::following(&["x.log"], Start::End);
    bench.expect("");
    let status = &bench.status()[0];
    assert!(status.missing_since.is_some_and(|since| !status.is_between_files(since)));
}

#[test]
fn deleted_and_created_again() {
    for (poll_without, wait) in [(false, 0), (true, 0), (true, 60_000)] {
        let mut bench = Bench::new();
        bench.append("x.log", lines(0, 3));
        bench.expect(&lines(0, 3));
        bench.append("x.log", lines(3, 4)).remove("x.log");
        if poll_without {
            bench.expect(&lines(3, 4));
            assert_eq!(bench.status()[0].state, LogState::Waiting);
            bench.pass(wait);
        }
        bench.append("x.log", lines(4, 7));
        bench.expect(&lines(if poll_without { 4 } else { 3 }, 7));
    }
}

#[test]
fn deleted_while_down_and_the_inode_used_again() {
    let mut bench = Bench::new();
    bench.append("x.log", lines(0, 5));
    bench.expect(&lines(0, 5)).kill();
    // On many file systems the new file gets the old one's inode.
    bench.remove("x.log").append("x.log", lines(10, 30));
    bench.expect_gap(&lines(10, 30));
    assert_eq!(bench.got.rereads, 0);
}

#[test]
fn a_symbolic_link_that_is_turned() {
    let mut bench = Bench::new();
    bench.append("a-0", lines(0, 3)).append("a-1", lines(5, 7));
    symlink(bench.path("a-0"), bench.path("x.log")).unwrap();
    bench.expect(&lines(0, 3));
    bench.append("a-0", lines(3, 5)).remove("x.log");
    symlink("a-1", bench.path("x.log")).unwrap();
    bench.expect(&lines(3, 7));
    // Dangling, then back to the first, which is not read again, however much later.
    bench.remove("x.log");
    symlink("none", bench.path("x.log")).unwrap();
    bench.pass(60_000).expect("");
    assert_eq!(bench.status()[0].state, LogState::Waiting);
    bench.remove("x.log").append("a-0", lines(7, 8));
    symlink("a-0", bench.path("x.log")).unwrap();
    bench.expect(&lines(7, 8)).kill().expect("");
}

#[test]
fn rotation_behind_a_symbolic_link() {
    let mut bench = Bench::new();
    fs::create_dir(bench.path("pod")).unwrap();
    bench.append("pod/0.log", lines(0, 3));
    symlink("pod/0.log", bench.path("x.log")).unwrap();
    bench.expect(&lines(0, 3)).kill();
    bench.append("pod/0.log", lines(3, 5)).rename("pod/0.log", "pod/0.log.20260101-101112").append("pod/0.log", lines(5, 7));
    bench.expect(&lines(3, 7));
}

#[test]
fn killed_and_started_again() {
    let mut bench = Bench::new();
    bench.append("x.log", lines(0, 10));
    bench.expect(&lines(0, 10)).kill();
    bench.append("x.log", lines(10, 20));
    bench.expect(&lines(10, 20));
    bench.append("x.log", lines(20, 30)).append("x.log", "half");
    bench.expect(&lines(20, 30)).kill();
    bench.append("x.log", " whole\n");
    bench.expect("half whole\n");
}

#[test]
fn two_hundred_lines_at_once_and_killed_before_they_are_read() {
    let mut bench = Bench::new();
    bench.append("x.log", "");
    bench.expect("");
    bench.append("x.log", lines(0, 200));
    bench.kill();
    bench.append("x.log", lines(200, 210));
    bench.expect(&lines(0, 210));
}

#[test]
fn rotation_while_down() {
    // How many rotations, how the rotated files end up, and whether there is a live file at the end.
    for rotations in 1..=4 {
        for packed in ["", "gz", "zst", "delayed"] {
            for live in [true, false] {
                let mut bench = Bench::new();
                bench.append("x.log", lines(0, 10));
                bench.expect(&lines(0, 10)).kill();
                let mut at = 10;
                for n in 0..rotations {
                    bench.append("x.log", lines(at, at + 5)).logrotate("x.log");
                    at += 5;
                    match packed {
                        "gz" => drop(bench.gzip("x.log.1")),
                        "zst" => drop(bench.zstd("x.log.1")),
                        "delayed" if n > 0 => drop(bench.gzip("x.log.2")),
                        _ => {}
                    }
                }
                if live {
                    bench.append("x.log", lines(at, at + 5));
                    at += 5;
                }
                bench.expect(&lines(10, at)).pass(30_000).expect("").kill().expect("");
                bench.append("x.log", lines(at, at + 1));
                bench.expect(&lines(at, at + 1)).kill().expect("");
            }
        }
    }
}

#[test]
fn rotation_by_date_while_down() {
    for names in [["x.log-20260101", "x.log-20260102"], ["x.2026-01-01.log", "x.2026-01-02.log"]] {
        let mut bench = Bench::new();
        bench.append("x.log", lines(0, 5));
        bench.expect(&lines(0, 5)).kill();
        bench.append("x.log", lines(5, 7)).rename("x.log", names[0]).append("x.log", lines(7, 9)).rename("x.log", names[1]);
        bench.append("x.log", lines(9, 11));
        bench.expect(&lines(5, 11));
    }
}

#[test]
fn copytruncate_while_down() {
    for (rotations, packed) in [(1, false), (1, true), (3, false), (3, true)] {
        for new in [2, 200] {
            let mut bench = Bench::new();
            bench.append("x.log", lines(0, 10));
            bench.expect(&lines(0, 10)).kill();
            let mut at = 10;
            for _ in 0..rotations {
                bench.append("x.log", lines(at, at + 5)).copytruncate("x.log");
                at += 5;
                if packed {
                    bench.gzip("x.log.1");
                }
            }
            bench.append("x.log", lines(at, at + new));
            bench.expect(&lines(10, at + new)).kill().expect("");
        }
    }
}

/// Of the emptied file nothing was read yet, so only the copies that were read before tell where one is missing.
#[test]
fn copytruncate_more_often_than_copies_are_kept() {
    for (rotations, down) in [(1, false), (1, true), (2, false), (2, true), (3, false), (3, true)] {
        let mut bench = Bench::new();
        bench.append("x.log", lines(0, 10));
        bench.expect(&lines(0, 10)).copytruncate("x.log");
        // The copy is read to its end and left.
        bench.expect("").pass(30_000).expect("");
        if down {
            bench.kill();
        }
        let mut at = 10;
        for _ in 0..rotations {
            bench.append("x.log", lines(at, at + 5)).copytruncate("x.log");
            at += 5;
            if bench.path("x.log.3").exists() {
                bench.remove("x.log.3");
            }
        }
        bench.append("x.log", lines(at, at + 5));
        match rotations {
            1 => drop(bench.expect(&lines(10, at + 5))),
            _ => drop(bench.expect_gap(&lines(at - 10, at + 5))),
        }
        bench.pass(30_000).expect("").kill().expect("");
    }
}

#[test]
fn the_old_file_is_gone_when_it_is_looked_for() {
    let mut bench = Bench::new();
    bench.append("x.log", lines(0, 10));
    bench.expect(&lines(0, 10)).kill();
    bench.append("x.log", lines(10, 15)).logrotate("x.log").append("x.log", lines(15, 20)).logrotate("x.log");
    filetime::set_file_mtime(bench.path("x.log.1"), filetime::FileTime::from_unix_time(4_000_000_000, 0)).unwrap();
    bench.remove("x.log.2").append("x.log", lines(20, 25));
    bench.expect_gap(&lines(15, 25)).kill().expect("");
}

#[test]
fn killed_in_the_middle_of_a_backlog() {
    // With a small budget the process dies after every pass.
    let mut bench = Bench::new();
    bench.append("x.log", lines(0, 3));
    bench.expect(&lines(0, 3)).kill();
    for n in 1..=4 {
        bench.append("x.log", lines(n * 100, n * 100 + 100)).logrotate("x.log");
        if n % 2 == 0 {
            bench.gzip("x.log.1");
        }
    }
    bench.append("x.log", lines(500, 600));
    bench.budget = 1;
    for _ in 0..20 {
        bench.now += 1500;
        bench.poll_once();
        bench.kill();
    }
    bench.expect_taken(&lines(100, 600));
}

#[test]
fn the_old_file_grows_while_down_and_was_left_before() {
    let mut bench = Bench::new();
    bench.append("x.log", lines(0, 3));
    bench.expect(&lines(0, 3));
    bench.logrotate("x.log").append("x.log", lines(3, 4));
    bench.expect(&lines(3, 4)).pass(20_000).kill();
    bench.append("x.log.1", "late\n").append("x.log", lines(4, 5));
    bench.expect(&format!("late\n{}", lines(4, 5)));
}

#[test]
fn compression_while_running() {
    let mut bench = Bench::new();
    bench.append("x.log", lines(0, 3));
    bench.expect(&lines(0, 3));
    for (n, wait) in [(3, 0), (6, 20_000), (9, 0)] {
        bench.logrotate("x.log").append("x.log", lines(n, n + 3));
        bench.expect(&lines(n, n + 3)).pass(wait);
        bench.gzip("x.log.1");
        bench.expect("");
    }
    bench.kill().expect("").pass(20_000).kill().expect("");
}

#[test]
fn an_archive_that_is_unpacked_beside_the_log_is_not_read() {
    let mut bench = Bench::new();
    bench.append("x.log", lines(0, 3));
    bench.expect(&lines(0, 3));
    bench.append("x.log.7", "old\n");
    filetime::set_file_mtime(bench.path("x.log.7"), filetime::FileTime::from_unix_time(1_000_000, 0)).unwrap();
    bench.logrotate("x.log").append("x.log", lines(3, 5));
    bench.expect(&lines(3, 5));
}

#[test]
fn a_line_written_in_two_halves() {
    let mut bench = Bench::new();
    bench.append("x.log", "first ha");
    bench.expect("").pass(2500);
    bench.append("x.log", "lf\nsecond");
    bench.expect("first half\n").pass(60_000).expect_taken("");
    bench.append("x.log", "\n");
    bench.expect("second\n");
}

#[test]
fn a_file_of_which_only_half_a_line_was_seen_is_rotated() {
    let mut bench = Bench::new();
    bench.append("x.log", "first ha");
    bench.expect("");
    bench.append("x.log", "lf\n").copytruncate("x.log").append("x.log", "b\n");
    bench.expect("first half\nb\n");
}

#[test]
fn lines_of_any_length() {
    let mut bench = Bench::new();
    bench.spec.max_line = 600_000;
    let (fits, long) = ("f".repeat(600_000), "l".repeat(2_000_000));
    bench.append("x.log", format!("a\n{fits}\nb\n{long}\nc\n"));
    bench.expect(&format!("a\n{fits}\nb\n{}\nc\n", &long[..600_000]));
    assert_eq!(bench.status()[0].long_lines, 1);
    // Bit by bit, with a restart in the middle: the rest of the line is never taken for a line.
    for part in 0..10 {
        bench.append("x.log", &long[..150_000]);
        bench.poll();
        if part == 7 {
            bench.kill();
        }
    }
    bench.append("x.log", "end\nd\n");
    bench.expect(&format!("{}\nd\n", &long[..600_000]));
}

#[test]
fn nul_bytes_and_invalid_utf8() {
    let mut bench = Bench::new();
    bench.append("x.log", b"\0\0a\0b\n\xff\xc3\x28\n\xed\xa0\x80\n");
    bench.poll();
    assert_eq!(std::mem::take(&mut bench.got.text), b"a\0b\n\xff\xc3\x28\n\xed\xa0\x80\n");
    let mut hole = fs::OpenOptions::new().write(true).open(bench.path("x.log")).unwrap();
    hole.seek(SeekFrom::Start(3 << 20)).unwrap();
    hole.write_all(b"after the hole\n").unwrap();
    bench.expect("after the hole\n").kill().expect("");
}

#[test]
fn permission_denied_that_goes_away() {
    let mut bench = Bench::following(&["x.log", "y.log"], Start::Beginning);
    bench.append("x.log", lines(0, 2)).append("y.log", lines(2, 4));
    let mode = |bits| fs::set_permissions(bench.path("x.log"), fs::Permissions::from_mode(bits)).unwrap();
    mode(0o000);
    if fs::File::open(bench.path("x.log")).is_ok() {
        // Root reads everything: nothing to see here.
        return;
    }
    bench.expect(&lines(2, 4));
    let status = bench.status();
    assert_eq!(status[0].state, LogState::Failing);
    assert!(status[0].error.as_ref().unwrap().contains("x.log"));
    fs::set_permissions(bench.path("x.log"), fs::Permissions::from_mode(0o600)).unwrap();
    bench.expect(&lines(0, 2));
    assert_eq!(bench.status()[0].error, None);
}

#[test]
fn a_path_that_cannot_be_followed_stops_nobody_else() {
    let mut bench = Bench::following(&["x.log", "y.log"], Start::Beginning);
    symlink("x.log", bench.path("x.log")).unwrap();
    bench.append("y.log", lines(0, 2));
    bench.expect(&lines(0, 2));
    let status = bench.status();
    assert_eq!((status[0].state, status[1].state), (LogState::Failing, LogState::Following));
    assert!(status[0].error.as_ref().unwrap().contains("x.log"));
    // Also right after a restart.
    bench.kill().expect("");
    bench.remove("x.log").append("x.log", lines(2, 3));
    bench.expect(&lines(2, 3));
    assert_eq!(bench.status()[0].error, None);
}

#[test]
fn a_directory_or_a_fifo_in_the_place_of_the_file() {
    let mut bench = Bench::following(&["x.log", "y.log"], Start::Beginning);
    fs::create_dir(bench.path("x.log")).unwrap();
    rustix::fs::mknodat(rustix::fs::CWD, bench.path("y.log"), rustix::fs::FileType::Fifo, rustix::fs::Mode::RWXU, 0).unwrap();
    bench.expect("");
    assert!(bench.status().iter().all(|log| log.state == LogState::Failing && log.error.is_some()));
    fs::remove_dir(bench.path("x.log")).unwrap();
    bench.remove("y.log").append("x.log", "x\n").append("y.log", "y\n");
    bench.expect("x\ny\n");
}

#[test]
fn a_glob_finds_new_logs_and_means_the_live_ones() {
    let mut bench = Bench::following(&["*.log*"], Start::End);
    bench.append("x.log", "old\n").append("x.log.1", "older\n").append("x.log.2.gz", "\x1f\u{8b}");
    bench.expect("");
    bench.append("x.log", lines(0, 1)).append("y.log", lines(1, 2));
    bench.expect(&lines(0, 2));
    bench.logrotate("y.log").append("y.log", lines(2, 3));
    bench.expect(&lines(2, 3));
    assert_eq!(bench.status().len(), 2);
    // The live file is away for a moment, also right after a restart.
    bench.rename("y.log", "y.log.0");
    bench.kill();
    bench.expect("");
    bench.append("y.log", lines(3, 4));
    bench.expect(&lines(3, 4));
    assert_eq!(bench.status().len(), 2);
}

#[test]
fn two_paths_to_one_file_are_read_once() {
    let mut bench = Bench::following(&["x.log", "*.log", "link.log"], Start::Beginning);
    bench.append("x.log", lines(0, 2));
    fs::hard_link(bench.path("x.log"), bench.path("hard.log")).unwrap();
    symlink("x.log", bench.path("link.log")).unwrap();
    bench.expect(&lines(0, 2));
    let states: Vec<LogState> = bench.status().iter().map(|log| log.state).collect();
    assert_eq!(states, [LogState::Following, LogState::Alias, LogState::Alias]);
    // The first path gets a new file: the other name of the old one goes on where it was left.
    bench.rename("x.log", "x.log.1").append("hard.log", lines(2, 3)).append("x.log", lines(3, 4));
    bench.poll();
    let mut took: Vec<String> = bench.took().lines().map(str::to_owned).collect();
    took.sort();
    assert_eq!(took, ["line 002", "line 003"]);
    bench.kill().expect("");
}

#[test]
fn a_log_renamed_to_another_configured_path_goes_on_there() {
    for names in [["x.log", "y.log"], ["y.log", "x.log"]] {
        let mut bench = Bench::following(&names, Start::Beginning);
        bench.append("x.log", lines(0, 2));
        bench.expect(&lines(0, 2));
        bench.rename("x.log", "y.log");
        bench.poll();
        bench.append("y.log", lines(2, 4));
        bench.expect(&lines(2, 4)).pass(30_000).expect("").kill().expect("");
    }
}

#[test]
fn a_moved_path_in_the_configuration_keeps_the_position() {
    let mut bench = Bench::new();
    bench.append("x.log", lines(0, 2));
    bench.expect(&lines(0, 2)).kill();
    let other = vec![bench.path("other.log").display().to_string()];
    let paths = std::mem::replace(&mut bench.spec.paths, other);
    bench.expect("").kill();
    bench.spec.paths = paths;
    bench.append("x.log", lines(2, 3));
    bench.expect(&lines(2, 3));
}

#[test]
fn a_busy_log_does_not_starve_the_others() {
    let mut bench = Bench::following(&["x.log", "y.log"], Start::Beginning);
    bench.append("x.log", lines(0, 500_000)).append("y.log", "y\n");
    bench.budget = 2 << 20;
    bench.poll_once();
    assert!(bench.took().contains("y\n"));
    bench.poll();
}

#[test]
fn a_backup_copy_that_somebody_made_is_not_read() {
    let mut bench = Bench::new();
    bench.append("x.log", lines(0, 5));
    bench.expect(&lines(0, 5));
    bench.copy("x.log", "x.log.bak");
    bench.append("x.log", lines(5, 6)).logrotate("x.log").append("x.log", lines(6, 8));
    bench.expect(&lines(5, 8)).kill().expect("");
}
