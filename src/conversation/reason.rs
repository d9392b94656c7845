//! What a row says of the reason.

use std::sync::Arc;

use crate::model::{Reason, Reasons};

/// The bound of the text.
const MAX_REASON: usize = 1_024;
/// Few are longer.
const USUAL_REASON: usize = 160;
/// Titles of other reasons in the text; all of them stand in `alternatives`.
const MAX_TITLES: usize = 2;
/// So many are at hand.
const RECENT: usize = 4;

/// The words of a broker about one refusal.
pub(super) type Words = smallvec::SmallVec<[Arc<str>; 2]>;

/// Whether a password was sent tells some of the reasons apart.
pub(crate) fn with_password(reasons: &mut Reasons, provided: Option<bool>) {
    if reasons.len() < 2 || !reasons.contains(&Reason::NoPasswordProvided) {
        return;
    }
    match provided {
        Some(true) => reasons.retain(|reason| *reason != Reason::NoPasswordProvided),
        Some(false) => {
            reasons.retain(|reason| !matches!(reason, Reason::NoPasswordProvided | Reason::PasswordDoesNotMatch));
            reasons.insert(0, Reason::NoPasswordProvided);
        }
        None => {}
    }
}

/// The documented title, those that it could be as well, and the broker's own words.
pub(crate) fn text(code: Reason, alternatives: &[Reason], words: &[impl AsRef<str>]) -> String {
    let mut text = String::with_capacity(USUAL_REASON);
    text.push_str(code.title());
    let also = alternatives.iter().filter(|reason| **reason != Reason::Other);
    let mut titles = 0;
    for reason in also {
        match titles {
            0 => text.push_str(" (or "),
            MAX_TITLES => {
                text.push_str(", …");
                break;
            }
            _ => text.push_str(", "),
        }
        text.push_str(reason.title());
        titles += 1;
    }
    if titles > 0 {
        text.push(')');
    }
    for (at, words) in words.iter().enumerate() {
        text.push_str(if at == 0 { ": " } else { "; " });
        text.push_str(words.as_ref());
    }
    // The titles are fit to be shown.
    let shown = words.iter().all(|words| crate::text::is_plain(words.as_ref().as_bytes()));
    if shown && text.len() <= MAX_REASON { text } else { crate::text::escaped(text.as_bytes(), MAX_REASON) }
}

/// What is known of why a connection failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cause {
    /// The first is the likeliest.
    pub(super) reasons: Reasons,
    /// Further ones.
    pub(super) others: Reasons,
    /// Whether a password was sent, and whether that is certain.
    pub(super) password: Option<(bool, bool)>,
    /// The broker's words.
    pub(super) words: Words,
}

/// What a row says of it.
#[derive(Debug, Clone)]
pub(super) struct Told {
    pub(super) code: Reason,
    pub(super) alternatives: Reasons,
    pub(super) text: Arc<str>,
}

impl Cause {
    fn told(&self) -> Told {
        let mut reasons = self.reasons.clone();
        if reasons.is_empty() {
            reasons.push(Reason::Other);
        }
        let provided = self.password.filter(|(_, certain)| *certain).map(|(provided, _)| provided);
        with_password(&mut reasons, provided);
        if matches!(self.password, Some((false, _)))
            && let Some(at) = reasons.iter().position(|reason| *reason == Reason::NoPasswordProvided)
        {
            reasons[..=at].rotate_right(1);
        }
        reasons.extend_from_slice(&self.others);
        // What is known of the password rules reasons out.
        if let Some(provided) = provided {
            let ruled_out = if provided { Reason::NoPasswordProvided } else { Reason::PasswordDoesNotMatch };
            if reasons.iter().any(|reason| *reason != ruled_out) {
                reasons.retain(|reason| *reason != ruled_out);
            }
        }
        let code = reasons.remove(0);
        let mut known = 1 << code as u32;
        reasons.retain(|reason| {
            let new = known & 1 << *reason as u32 == 0;
            known |= 1 << *reason as u32;
            new
        });
        let text = Arc::from(text(code, &reasons, &self.words));
        Told { code, alternatives: reasons, text }
    }

    fn is(&self, other: &Cause) -> bool {
        // Mostly they are the same rule's.
        let same = |(one, other): (&Arc<str>, &Arc<str>)| Arc::ptr_eq(one, other) || one == other;
        self.reasons == other.reasons
            && self.others == other.others
            && self.password == other.password
            && self.words.len() == other.words.len()
            && self.words.iter().zip(&other.words).all(same)
    }
}

/// What was told last, and why: few kinds of refusals come in turn, and each says the same again and again.
#[derive(Debug, Clone, Default)]
pub(super) struct Latest(Vec<(Cause, Told)>);

impl Latest {
    /// What a row says of this.
    pub(super) fn told(&mut self, cause: Cause) -> Told {
        if let Some(at) = self.0.iter().position(|(known, _)| known.is(&cause)) {
            self.0.swap(0, at);
            let Told { code, alternatives, text } = &self.0[0].1;
            // They are copied, where a list in general is cloned one by one.
            return Told { code: *code, alternatives: Reasons::from_slice(alternatives), text: Arc::clone(text) };
        }
        let told = cause.told();
        if cause.words.iter().map(|words| words.len()).sum::<usize>() <= MAX_REASON {
            self.0.truncate(RECENT - 1);
            self.0.insert(0, (cause, told.clone()));
        }
        told
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_that_was_sent_or_not_tells_reasons_apart() {
        let all = [Reason::NoCredentialsFound, Reason::PasswordDoesNotMatch, Reason::NoPasswordProvided, Reason::Other];
        let told = |provided| {
            let mut reasons = Reasons::from_slice(&all);
            with_password(&mut reasons, provided);
            reasons
        };
        assert_eq!(told(None)[..], all);
        assert_eq!(told(Some(true))[..], [Reason::NoCredentialsFound, Reason::PasswordDoesNotMatch, Reason::Other]);
        assert_eq!(told(Some(false))[..], [Reason::NoPasswordProvided, Reason::NoCredentialsFound, Reason::Other]);
        let mut one = Reasons::from_slice(&[Reason::Other, Reason::PasswordDoesNotMatch]);
        with_password(&mut one, Some(false));
        assert_eq!(one[..], [Reason::Other, Reason::PasswordDoesNotMatch]);
    }

    #[test]
    fn it_is_told_the_same_whether_it_was_told_before_or_not() {
        let mut latest = Latest::default();
        let words = |words: &[&str]| words.iter().map(|words| Arc::from(*words)).collect::<Words>();
        let long = "x".repeat(MAX_REASON + 1);
        let said = [words(&[]), words(&["no"]), words(&["no", "never"]), words(&[&long])];
        let lists = [&[][..], &[Reason::PasswordDoesNotMatch, Reason::NoPasswordProvided], &[Reason::NoCredentialsFound]];
        for _ in 0..3 {
            for (reasons, others) in lists.iter().flat_map(|reasons| lists.iter().map(move |others| (*reasons, *others))) {
                let passwords = [None, Some((true, true)), Some((false, true)), Some((false, false))];
                for (words, password) in said.iter().flat_map(|words| passwords.iter().map(move |password| (words, *password))) {
                    let (reasons, others) = (Reasons::from_slice(reasons), Reasons::from_slice(others));
                    let cause = Cause { reasons, others, password, words: words.clone() };
                    let (told, expected) = (latest.told(cause.clone()), cause.told());
                    assert_eq!((told.code, &told.alternatives, &told.text), (expected.code, &expected.alternatives, &expected.text));
                    let again = latest.told(cause);
                    assert_eq!(Arc::ptr_eq(&told.text, &again.text), words.iter().all(|words| words.len() <= MAX_REASON));
                    assert!(latest.0.len() <= RECENT);
                }
            }
        }
    }
}
