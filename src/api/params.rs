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

    /// A text of at most `limit` bytes; empty when it is not there.
    pub(super) fn text(&self, name: &str, limit: usize) -> Result<String, ApiError> {
        let text = self.one(name)?.unwrap_or_default();
        if text.len() > limit {
            return Err(ApiError::bad_request(format!("Parameter '{name}' is longer than {limit} bytes!")));
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
