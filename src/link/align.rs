//! Which session in a terminator's log is which end of a connection in the broker's, where nothing but their order and their time
//! is in both.
//!
//! A terminator writes a session's line when it is over, and the broker a line when a connection ends: the two logs name the same
//! ends in the same order. Either may leave some out. The cheapest way of putting both into one order is found by dynamic
//! programming; what makes a pair dear is a distance in time, and what the terminator's line says against it: an accepted client was
//! sent four bytes at least, a refusal is short, and who is cut off before his CONNECT was read is sent nothing.

use serde::{Deserialize, Serialize};

use crate::model::{Ending, Millis};

/// Whole seconds in one log, another machine's clock in the other: so far apart may two ends be that are one.
pub(super) const NEAR: Millis = 1_500;
/// More pairs than this are not weighed: then nothing is joined.
const MOST: usize = 8_000_000;

/// How a connection ended, in the broker's log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum End {
    /// It was refused; true: with a CONNACK that says so, as far as the reason tells.
    Refused(bool),
    /// Otherwise.
    Ended(Ending),
}

/// One end in the broker's log: the first and the last millisecond that its stamp stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Seen {
    pub(super) time: (Millis, Millis),
    pub(super) end: End,
}

/// One session in the terminator's log.
#[derive(Debug, Clone, Copy)]
pub(super) struct Session {
    pub(super) time: (Millis, Millis),
    pub(super) lasted: Option<Millis>,
    pub(super) sent: Option<u64>,
}

/// The milliseconds that a stamp stands for: where it is a whole second, all of it.
pub(super) fn span(ts: Millis) -> (Millis, Millis) {
    if ts % 1_000 == 0 { (ts, ts + 999) } else { (ts, ts) }
}

/// For each end its session, where there is one. Both are in the order of their lines.
pub(super) fn align(ends: &[Seen], sessions: &[Session]) -> Vec<Option<usize>> {
    let (rows, columns) = (ends.len(), sessions.len());
    let mut found = vec![None; rows];
    if rows == 0 || columns == 0 || (rows + 1).saturating_mul(columns + 1) > MOST {
        return found;
    }
    // For each pair of beginnings: what they cost at least, and how that came about.
    let mut step = vec![Step::Start; (rows + 1) * (columns + 1)];
    let mut above: Vec<u32> = (0..).map(|column| column * WITHOUT_END).take(columns + 1).collect();
    step[1..=columns].fill(Step::Session);
    for (row, end) in ends.iter().enumerate() {
        let at = (row + 1) * (columns + 1);
        let mut line = Vec::with_capacity(columns + 1);
        line.push(above[0] + without_session(end.end));
        step[at] = Step::End;
        for (column, session) in sessions.iter().enumerate() {
            let mut best = (above[column + 1] + without_session(end.end), Step::End);
            let left = line[column] + WITHOUT_END;
            if left < best.0 {
                best = (left, Step::Session);
            }
            if let Some(cost) = cost(end, session)
                && above[column] + cost <= best.0
            {
                best = (above[column] + cost, Step::Both);
            }
            line.push(best.0);
            step[at + column + 1] = best.1;
        }
        above = line;
    }
    let (mut row, mut column) = (rows, columns);
    loop {
        match step[row * (columns + 1) + column] {
            Step::Start => return found,
            Step::End => row -= 1,
            Step::Session => column -= 1,
            Step::Both => {
                (row, column) = (row - 1, column - 1);
                found[row] = Some(column);
            }
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Start,
    End,
    Session,
    Both,
}

/// A session whose end the broker does not tell.
const WITHOUT_END: u32 = 1_500;

/// An end that the terminator does not tell: it leaves out who sent nothing, if so configured, and who is still waiting to be closed.
fn without_session(end: End) -> u32 {
    match end {
        End::Refused(true) => 3_000,
        End::Refused(false) => 2_000,
        End::Ended(Ending::Silent) => 1_000,
        End::Ended(Ending::Session) => 1_000,
    }
}

/// What speaks against these being one; none: too far apart.
fn cost(end: &Seen, session: &Session) -> Option<u32> {
    let apart = (session.time.0 - end.time.1).max(end.time.0 - session.time.1).max(0);
    if apart > NEAR {
        return None;
    }
    let apart = u32::try_from(apart + apart / 2).unwrap_or(u32::MAX);
    let long = |rate: Millis, most: Millis| {
        let over = session.lasted.map_or(0, |lasted| (lasted - 100).clamp(0, 10_000) * rate);
        u32::try_from(over.min(most)).unwrap_or_default()
    };
    let bytes = match (end.end, session.sent) {
        (_, None) => 0,
        (End::Ended(Ending::Session), Some(0..4)) => 3_000,
        (End::Ended(Ending::Session), Some(_)) => 0,
        // A CONNACK of version 3 or 5 alone; with a reason, or wrapped by WebSocket.
        (End::Refused(true), Some(4..=5)) => 0,
        (End::Refused(true), Some(0..300)) => 1_000,
        (End::Refused(false), Some(0)) => 0,
        (End::Refused(false), Some(1..300)) => 300,
        (End::Ended(Ending::Silent), Some(0)) => 0,
        (End::Ended(Ending::Silent), Some(1..20)) => 2_000,
        (End::Ended(Ending::Silent), Some(20..300)) => 500,
        (_, Some(_)) => 3_000,
    };
    let length = match end.end {
        End::Refused(true) => long(2, 2_000),
        End::Refused(false) => long(1, 1_000),
        End::Ended(_) => 0,
    };
    Some(apart + bytes + length)
}

#[cfg(test)]
mod tests {
    use super::*;

    const REFUSED: End = End::Refused(true);
    const OVER: End = End::Ended(Ending::Session);
    const SILENT: End = End::Ended(Ending::Silent);

    /// Ends in whole seconds, sessions in milliseconds with the bytes that they passed on.
    fn aligned(ends: &[(Millis, End)], sessions: &[(Millis, u64)]) -> Vec<Option<usize>> {
        let ends: Vec<Seen> = ends.iter().map(|(ts, end)| Seen { time: span(*ts), end: *end }).collect();
        let sessions: Vec<Session> =
            sessions.iter().map(|(ts, sent)| Session { time: span(*ts), lasted: Some(5), sent: Some(*sent) }).collect();
        align(&ends, &sessions)
    }

    #[test]
    fn several_in_one_second_are_told_apart_by_their_order() {
        let ends = [(7_000, REFUSED), (7_000, OVER), (7_000, REFUSED), (8_000, REFUSED)];
        let sessions = [(7_105, 4), (7_350, 11), (7_600, 5), (8_001, 4)];
        assert_eq!(aligned(&ends, &sessions), [Some(0), Some(1), Some(2), Some(3)]);
    }

    #[test]
    fn what_one_log_leaves_out_moves_nobody() {
        // The terminator tells nothing of who sent nothing.
        let ends = [(7_000, SILENT), (7_000, REFUSED), (7_000, SILENT), (7_000, REFUSED)];
        assert_eq!(aligned(&ends, &[(7_100, 4), (7_900, 4)]), [None, Some(0), None, Some(1)]);
        // The broker tells nothing of the end of a session.
        let ends = [(7_000, REFUSED), (7_000, REFUSED)];
        assert_eq!(aligned(&ends, &[(7_100, 4), (7_300, 9_000), (7_900, 4)]), [Some(0), Some(2)]);
    }

    #[test]
    fn who_is_far_away_in_time_is_another() {
        assert_eq!(aligned(&[(7_000, REFUSED)], &[(17_000, 4)]), [None]);
        assert_eq!(aligned(&[(7_000, REFUSED)], &[]), [None]);
        assert_eq!(aligned(&[], &[(7_000, 4)]), []);
    }
}
