//! The parameters of a query, read strictly.

use std::str::FromStr;

use super::error::ApiError;

/// The parameters as they came; names nobody asks for are ignored, as TBMQ does.
#[derive(Debug)]
pub(super) struct Params(Vec<(String, String)>);

impl Params {
    pub(super) fn parse(query: &str) -> Params {
        Params(form_urlencoded::parse(query.as_bytes()).into_owned().collect())
    }

    /// Whether it is there, whatever its value.
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(found, _)| found == name)
    }

    /// A name that is not one of these, if there is one.
    pub(super) fn stranger(&self, known: &[&str]) -> Option<&str> {
        self.0.iter().map(|(name, _)| name.as_str()).find(|name| !known.contains(name))
    }

    /// The value of a parameter that may be there once.
    pub(super) fn one(&self, name: &str) -> Result<Option<&str>, ApiError> {
        let mut values = self.0.iter().filter(|(found, _)| found == name).map(|(_, value)| value.as_str());
        let first = values.next();
        if values.next().is_some() {
            return Err(ApiError::bad_request(format!("Parameter '{name}' is given more than once!")));
        }
        Ok(first)
    }

    /// A text of at most `limit` characters; empty when it is not there.
    pub(super) fn text(&self, name: &str, limit: usize) -> Result<String, ApiError> {
        let text = self.one(name)?.unwrap_or_default();
        if text.chars().count() > limit {
            return Err(ApiError::bad_request(format!("Parameter '{name}' is longer than {limit} characters!")));
        }
        Ok(text.to_owned())
    }

    /// A whole number.
    pub(super) fn number<T: FromStr>(&self, name: &str) -> Result<Option<T>, ApiError> {
        let Some(text) = self.one(name)? else { return Ok(None) };
        let wrong = || ApiError::bad_request(format!("Parameter '{name}' must be a whole number, not '{}'!", shorten(text)));
        text.parse().map(Some).map_err(|_| wrong())
    }

    /// The items of a list, repeated or separated by commas; empty ones are skipped.
    pub(super) fn list<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(found, _)| found == name).flat_map(|(_, value)| value.split(',')).filter(|item| !item.is_empty())
    }

    /// A list of truth values: `true` in any case is true, anything else is false, as in TBMQ.
    pub(super) fn booleans(&self, name: &str) -> Vec<bool> {
        let mut values: Vec<bool> = self.list(name).map(|item| item.trim().eq_ignore_ascii_case("true")).collect();
        values.sort_unstable();
        values.dedup();
        values
    }
}

/// The caller's own words in an error, not longer than a line.
pub(super) fn shorten(text: &str) -> String {
    text.chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic_and_what_was_written_comes_back(
            garbage in "[\\x20-\\x7e]{0,80}", pairs in proptest::collection::vec(("\\PC{0,8}", "\\PC{0,16}"), 0..6),
        ) {
            let params = Params::parse(&garbage);
            for name in ["", "pageSize", "a"] {
                let _ = (params.has(name), params.one(name).is_ok(), params.number::<i64>(name).is_ok(), params.text(name, 3).is_ok(), params.booleans(name));
            }
            let written = form_urlencoded::Serializer::new(String::new()).extend_pairs(&pairs).finish();
            prop_assert_eq!(Params::parse(&written).0, pairs);
        }

        #[test]
        fn a_number_is_the_number_or_an_error(number in any::<i64>(), junk in "[^0-9+-]{1,4}") {
            let parse = |text: &str| Params::parse(&form_urlencoded::Serializer::new(String::new()).append_pair("n", text).finish()).number::<i64>("n");
            prop_assert_eq!(parse(&number.to_string()).unwrap(), Some(number));
            prop_assert_eq!(parse(&format!("{number}{junk}")).unwrap_err().status, hyper::StatusCode::BAD_REQUEST);
        }
    }
}
