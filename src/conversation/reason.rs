//! What a row says of the reason.

use crate::model::Reason;

/// The bound of the text.
const MAX_REASON: usize = 1_024;
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
pub(crate) fn text(code: Reason, alternatives: &[Reason], words: &[String]) -> String {
    let mut text = code.title().to_owned();
    let also: Vec<&str> = alternatives.iter().filter(|reason| **reason != Reason::Other).map(|reason| reason.title()).collect();
    if !also.is_empty() {
        text.push_str(" (or ");
        text.push_str(&also[..also.len().min(MAX_TITLES)].join(", "));
        text.push_str(if also.len() > MAX_TITLES { ", …)" } else { ")" });
    }
    if !words.is_empty() {
        text.push_str(": ");
        text.push_str(&words.join("; "));
    }
    crate::text::escaped(text.as_bytes(), MAX_REASON)
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
