//! What a command sees of the world it is called from, so that tests can call it from theirs.

use std::io::{BufRead, IsTerminal as _, Write};

use jiff::tz::TimeZone;

use super::CliError;
use super::error::written;
use crate::clock::{Clock as _, SystemClock};
use crate::config::system_zone;
use crate::model::Millis;

/// The width of a table that no terminal bounds.
const WIDTH_WITHOUT_TERMINAL: usize = 120;

/// Where a command reads and writes.
pub struct Console<'a> {
    /// Answers to questions.
    pub input: &'a mut dyn BufRead,
    /// Results.
    pub output: &'a mut dyn Write,
    /// Questions, and what is worth knowing beside the result.
    pub notes: &'a mut dyn Write,
    /// Somebody is there to answer questions.
    pub is_interactive: bool,
    /// How results are to look.
    pub look: Look,
    /// The time, from which what is ago counts.
    pub now: Millis,
    /// The access token of the environment (`TURNAWAY_TOKEN`).
    pub token: Option<String>,
}

/// How results are to look.
#[derive(Debug, Clone)]
pub struct Look {
    /// Columns of the terminal.
    pub width: usize,
    /// Whether colours are welcome.
    pub colour: bool,
    /// The zone of times for people.
    pub zone: TimeZone,
}

impl Look {
    /// What suits standard output, which is a terminal or not.
    pub fn system(is_terminal: bool) -> Look {
        let size = || rustix::termios::tcgetwinsize(std::io::stdout()).ok();
        let window = is_terminal.then(size).flatten().map(|size| usize::from(size.ws_col)).filter(|width| *width > 0);
        let columns = || std::env::var("COLUMNS").ok()?.parse().ok();
        Look {
            width: window.or_else(columns).unwrap_or(WIDTH_WITHOUT_TERMINAL),
            colour: is_terminal && wants_colour(),
            zone: system_zone(),
        }
    }
}

impl<'a> Console<'a> {
    /// The console of this process around its standard streams, which the caller hands in.
    pub fn system(input: &'a mut dyn BufRead, output: &'a mut dyn Write, notes: &'a mut dyn Write) -> Console<'a> {
        Console {
            input,
            output,
            notes,
            is_interactive: std::io::stdin().is_terminal() && std::io::stderr().is_terminal(),
            look: Look::system(std::io::stdout().is_terminal()),
            now: SystemClock.now(),
            token: std::env::var("TURNAWAY_TOKEN").ok().filter(|token| !token.is_empty()),
        }
    }

    /// Writes a line of the result.
    ///
    /// # Errors
    /// [`CliError::Output`].
    pub fn say(&mut self, line: &str) -> Result<(), CliError> {
        written(writeln!(self.output, "{line}"))
    }

    /// Asks, and takes nothing but y or yes for a yes.
    ///
    /// # Errors
    /// Nobody is there to ask, or the streams fail.
    pub fn confirm(&mut self, question: &str) -> Result<bool, CliError> {
        if !self.is_interactive {
            return Err(CliError::Usage("there is no terminal to ask on; add --yes if you are sure".to_owned()));
        }
        write!(self.notes, "{question} [y/N] ").and_then(|()| self.notes.flush()).map_err(CliError::Output)?;
        let mut answer = String::new();
        self.input.read_line(&mut answer).map_err(CliError::Output)?;
        Ok(matches!(answer.trim(), "y" | "Y" | "yes" | "Yes" | "YES"))
    }
}

impl std::fmt::Debug for Console<'_> {
    /// Without the token.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Console").field("is_interactive", &self.is_interactive).field("look", &self.look).finish_non_exhaustive()
    }
}

/// Whether colours are welcome on a terminal: see <https://no-color.org>.
pub fn wants_colour() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()) && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

#[cfg(test)]
pub(super) mod testing {
    //! A console for tests.

    use super::*;

    /// Runs with this input; gives the result, the output and the notes.
    pub(in crate::cli) fn run<T>(input: &str, work: impl FnOnce(&mut Console<'_>) -> T) -> (T, String, String) {
        let (mut input, mut output, mut notes) = (input.as_bytes(), Vec::new(), Vec::new());
        let is_interactive = !input.is_empty();
        let look = Look { width: 100, colour: false, zone: TimeZone::UTC };
        let result =
            work(&mut Console { input: &mut input, output: &mut output, notes: &mut notes, is_interactive, look, now: 0, token: None });
        (result, String::from_utf8(output).unwrap(), String::from_utf8(notes).unwrap())
    }
}
