//! What a row says of the reason.

use crate::model::Reason;

/// The bound of the text.
const MAX_REASON: usize = 1_024;
/// Few are longer.
const USUAL_REASON: usize = 160;
/// Titles of other reasons in the text; all of them stand in `alternatives`.
const MAX_TITLES: usize = 2;

/// Whether a password was sent tells some of the reasons apart.
pub(crate) fn with_password(reasons: &mut Vec<Reason>, provided: Option<bool>) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_that_was_sent_or_not_tells_reasons_apart() {
        let all = [Reason::NoCredentialsFound, Reason::PasswordDoesNotMatch, Reason::NoPasswordProvided, Reason::Other];
        let told = |provided| {
            let mut reasons = all.to_vec();
            with_password(&mut reasons, provided);
            reasons
        };
        assert_eq!(told(None), all);
        assert_eq!(told(Some(true)), [Reason::NoCredentialsFound, Reason::PasswordDoesNotMatch, Reason::Other]);
        assert_eq!(told(Some(false)), [Reason::NoPasswordProvided, Reason::NoCredentialsFound, Reason::Other]);
        let mut one = vec![Reason::Other, Reason::PasswordDoesNotMatch];
        with_password(&mut one, Some(false));
        assert_eq!(one, [Reason::Other, Reason::PasswordDoesNotMatch]);
    }
}
