//! What a row says of the reason.

use std::sync::Arc;

use crate::model::{Reason, Reasons};

/// The bound of the text.
const MAX_REASON: usize = 1_024;
/// Few are longer.
const USUAL_REASON: usize = 160;
/// Titles of other reasons in the text; all of them stand in `alternatives`.
const MAX_TITLES: usize = 2;
/// So many texts are at hand.
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

/// The texts that were made last: few kinds of refusals come in turn, and each says the same again and again.
#[derive(Debug, Clone, Default)]
pub(super) struct Texts(Vec<Made>);

/// A text, and what it was made of.
#[derive(Debug, Clone)]
struct Made {
    code: Reason,
    alternatives: Reasons,
    words: Words,
    text: Arc<str>,
}

impl Texts {
    /// What [`text`] makes.
    pub(super) fn get(&mut self, code: Reason, alternatives: &Reasons, words: Words) -> Arc<str> {
        let same = |one: &Arc<str>, other: &Arc<str>| Arc::ptr_eq(one, other) || one == other;
        let is_such = |made: &Made| {
            let words_are = || made.words.len() == words.len() && made.words.iter().zip(&words).all(|(one, other)| same(one, other));
            made.code == code && made.alternatives == *alternatives && words_are()
        };
        if let Some(at) = self.0.iter().position(is_such) {
            self.0.swap(0, at);
            return Arc::clone(&self.0[0].text);
        }
        let text = Arc::from(text(code, alternatives, &words));
        if words.iter().map(|words| words.len()).sum::<usize>() <= MAX_REASON {
            self.0.truncate(RECENT - 1);
            self.0.insert(0, Made { code, alternatives: alternatives.clone(), words, text: Arc::clone(&text) });
        }
        text
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
    fn a_text_is_the_same_whether_it_was_made_before_or_not() {
        let mut texts = Texts::default();
        let words = |words: &[&str]| words.iter().map(|words| Arc::from(*words)).collect::<Words>();
        let long = "x".repeat(MAX_REASON + 1);
        let said = [words(&[]), words(&["no"]), words(&["no", "never"]), words(&[&long])];
        for _ in 0..3 {
            for (code, alternatives) in [(Reason::Other, &[][..]), (Reason::Other, &[Reason::NoCredentialsFound]), (Reason::ALL[0], &[])] {
                let alternatives = Reasons::from_slice(alternatives);
                for words in &said {
                    let made = texts.get(code, &alternatives, words.clone());
                    assert_eq!(*made, text(code, &alternatives, words));
                    // The same once more.
                    let again = texts.get(code, &alternatives, words.clone());
                    assert_eq!((Arc::ptr_eq(&made, &again), &again), (words.iter().all(|words| words.len() <= MAX_REASON), &made));
                    assert!(texts.0.len() <= RECENT);
                }
            }
        }
    }
}
