//! How far a long reading has come: one line on standard error, which is written anew with each hundredth.
//!
//! Own code, because what draws bars computes with floating point: the daemon is the same program, and the system's library of mathematics
//! would be in its memory for nothing.

use std::io::Write as _;

use unicode_width::UnicodeWidthChar as _;

/// The width of a terminal that does not tell it.
const WIDTH: usize = 80;
/// To the beginning of the line, and what stood in it away.
const CLEAR: &str = "\r\x1b[K";

/// The line, once it was written.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// What it says.
    shown: String,
    /// Of which file. Of several that are read at the same time one is shown after the other.
    name: String,
}

impl Progress {
    /// So many bytes of the file of this name, which is safe to show, were read; of how many.
    pub(super) fn show(&mut self, name: &str, done: u64, total: u64) {
        if self.name.is_empty() {
            self.name = name.to_owned();
        } else if self.name != name {
            return;
        }
        if done >= total {
            self.name.clear();
        }
        let window = rustix::termios::tcgetwinsize(std::io::stderr()).map_or(0, |size| usize::from(size.ws_col));
        let line = line(name, done, total, if window == 0 { WIDTH } else { window });
        if line != self.shown {
            // Nothing depends on it.
            let _ = write!(std::io::stderr(), "{CLEAR}{line}");
            self.shown = line;
        }
    }

    /// It is over: the line goes.
    pub(super) fn done(&mut self) {
        if !std::mem::take(&mut self.shown).is_empty() {
            let _ = write!(std::io::stderr(), "{CLEAR}");
        }
    }
}

/// The name, as much of its end as there is room for, a bar where there is much, and the hundredths of the bytes. It leaves the last column
/// free, where some terminals break the line.
fn line(name: &str, done: u64, total: u64, width: usize) -> String {
    let part = done.min(total) as u128 * 100 / u128::from(total.max(1));
    let tail = format!(" {part:3} % of {} MiB", total.div_ceil(1 << 20));
    let room = width.saturating_sub(tail.len() + 1);
    let mut taken = 0;
    let fits = |c: &char| {
        taken += c.width().unwrap_or(0);
        taken <= room
    };
    let end: String = name.chars().rev().take_while(fits).collect();
    let name: String = end.chars().rev().collect();
    let bar = room.saturating_sub(name.chars().map(|c| c.width().unwrap_or(0)).sum::<usize>() + 3).min(40);
    if bar < 10 {
        return format!("{name}{tail}");
    }
    let full = bar * part as usize / 100;
    format!("{name} [{}{}]{tail}", "=".repeat(full), " ".repeat(bar - full))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_how_far_it_is() {
        assert_eq!(line("/var/log/a.log", 0, 128 << 20, 60), "/var/log/a.log [                         ]   0 % of 128 MiB");
        assert_eq!(line("/var/log/a.log", 64 << 20, 128 << 20, 60), "/var/log/a.log [============             ]  50 % of 128 MiB");
        assert_eq!(line("a", 5, 0, 20), "a   0 % of 0 MiB", "nothing of nothing");
        assert!(line("a", 9, 5, 80).contains("100 %"), "the file grew meanwhile");
    }

    #[test]
    fn it_fits_every_terminal() {
        for width in 18..200 {
            for name in ["a", "/var/log/mosquitto/a-rather-long-name-of-a-log.log", "/日本語/日本語日本語日本語日本語日本語日本語"]
            {
                let line = line(name, 1, 2, width);
                assert!(unicode_width::UnicodeWidthStr::width(&*line) < width, "{width}: {line}");
            }
        }
        assert!(line("/a/long/name/which/ends/so.log", 1, 2, 40).contains("so.log"), "its end tells more than its beginning");
    }
}
