//! The decisions of the follower, as pure functions of what was seen.

use super::position::FileId;

/// Who else reads the file that a path leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Holder {
    /// No other log.
    Nobody,
    /// Another log, as its live file.
    OtherLive,
    /// Another log, as a rotated file.
    OtherOld,
}

/// What is known about a log when it is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Facts {
    /// The file that the path leads to.
    pub(crate) named: Option<FileId>,
    /// The file that is followed as the live one.
    pub(crate) live: Option<FileId>,
    /// The named file is open already, as a rotated one.
    pub(crate) held: bool,
    /// Who else has the named file.
    pub(crate) holder: Holder,
}

/// What is to be done about the live file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// Nothing there, nothing followed.
    Wait,
    /// It is the same file.
    Follow,
    /// It was moved away or deleted and nothing took its place: read it to its end.
    Release,
    /// Another file took its place (or the first one appeared): open that, read the old one to its end first.
    Open,
    /// The path leads back to a file that is still open.
    Resume,
    /// The path leads to a file that another log knew under its own path before.
    Adopt,
    /// The file is read under another path.
    Alias,
}

/// What is to be done about the live file.
pub(crate) fn decide(facts: Facts) -> Action {
    match (facts.named, facts.live) {
        (None, None) => Action::Wait,
        (None, Some(_)) => Action::Release,
        (Some(named), Some(live)) if named == live => Action::Follow,
        (Some(_), _) if facts.held => Action::Resume,
        (Some(_), _) => match facts.holder {
            Holder::Nobody => Action::Open,
            Holder::OtherLive => Action::Alias,
            Holder::OtherOld => Action::Adopt,
        },
    }
}

/// What the bytes of an open file say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It was emptied, whether or not it is longer again by now.
    Changed,
    /// Nothing new.
    End,
    /// There are bytes that nobody has seen.
    Read,
}

/// What a file of `size` bytes says that was read up to `offset` and searched for a line end up to `scanned`. It is `intact`
/// if the bytes before the offset are the ones that were read.
pub(crate) fn verdict(size: u64, offset: u64, scanned: u64, intact: bool) -> Verdict {
    if size < offset || !intact {
        Verdict::Changed
    } else if size > scanned {
        Verdict::Read
    } else {
        Verdict::End
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_becomes_of_the_live_file() {
        use Action::*;
        use Holder::*;
        let cases = [
            // named, live, held, holder
            (0, 0, false, Nobody, Wait),
            (0, 0, true, OtherLive, Wait),
            (0, 1, false, Nobody, Release),
            (0, 1, false, OtherOld, Release),
            (1, 1, false, Nobody, Follow),
            (1, 1, true, Nobody, Follow),
            (1, 1, false, OtherLive, Follow),
            (1, 0, false, Nobody, Open),
            (2, 1, false, Nobody, Open),
            (1, 0, true, Nobody, Resume),
            (2, 1, true, Nobody, Resume),
            (2, 1, true, OtherLive, Resume),
            (1, 0, false, OtherOld, Adopt),
            (2, 1, false, OtherOld, Adopt),
            (1, 0, false, OtherLive, Alias),
            (2, 1, false, OtherLive, Alias),
        ];
        for (named, live, held, holder, expected) in cases {
            let id = |inode| (inode > 0).then_some(FileId { device: 1, inode });
            let facts = Facts { named: id(named), live: id(live), held, holder };
            assert_eq!(decide(facts), expected, "{facts:?}");
        }
    }

    #[test]
    fn what_the_bytes_say() {
        use Verdict::*;
        let cases = [
            // size, offset, scanned, intact
            (0, 0, 0, true, End),
            (10, 0, 0, true, Read),
            (10, 0, 10, true, End),
            (11, 0, 10, true, Read),
            (10, 10, 10, true, End),
            (12, 10, 10, true, Read),
            (12, 10, 12, true, End),
            (13, 10, 12, true, Read),
            (9, 10, 10, true, Changed),
            (0, 10, 10, true, Changed),
            (10, 10, 10, false, Changed),
            (50, 10, 10, false, Changed),
            (50, 10, 50, false, Changed),
        ];
        for (size, offset, scanned, intact, expected) in cases {
            assert_eq!(verdict(size, offset, scanned, intact), expected, "{size} {offset} {scanned} {intact}");
        }
    }
}
