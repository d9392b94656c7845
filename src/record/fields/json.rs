//! One JSON object.
//!
//! Read leniently: a terminator that escapes for another syntax writes escapes that JSON does not have.

use super::Values;
use crate::grammar::decode::escapes;
use crate::wrapper::json::{Value, members};

pub(super) fn read(text: &[u8]) -> Option<Values> {
    let text = text.trim_ascii();
    let mut values = Values::default();
    let whole = members(text, |key, value| match value {
        Value::Quoted(value) => values.push(&escapes::undone(key), &escapes::undone(value)),
        Value::Other(b"null") => {}
        Value::Array(value) | Value::Other(value) => values.push(&escapes::undone(key), value),
    });
    (whole && !values.fields.is_empty()).then_some(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_one_object() {
        let values = read(br#"{"time":1795446945571554,"msg":"a \"b\" \u001b\n","mfa":["m","f",2],"user":null,"odd":"x\]y"}"#).unwrap();
        let all: Vec<_> = values.iter().map(|(name, value)| (name.into_owned(), String::from_utf8_lossy(value).into_owned())).collect();
        let want = [("time", "1795446945571554"), ("msg", "a \"b\" \u{1b}\n"), ("mfa", "[\"m\",\"f\",2]"), ("odd", "x]y")];
        assert_eq!(all, want.map(|(name, value)| (name.to_owned(), value.to_owned())));
        assert!(!values.unclear);
        assert!(read(br#"{"a":1,"a":2}"#).unwrap().unclear);
        assert_eq!(read(b"{}"), None);
        assert_eq!(read(b"{\"a\":1} x"), None);
    }
}
