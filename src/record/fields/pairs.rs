//! `name: value, name: value`, without quotes: a value ends where the next known name stands.
//!
//! A client's value may hold `, name: ` itself. The names are taken from the right: what stands before the last `name: ` of a
//! name belongs to the value on its left, so what imitates later values inside an earlier one stays inside it. As an imitation in
//! the last of the client's values would be taken for the truth, a record in which a name stands twice is unclear.

use super::Values;

pub(super) fn read(names: &[String], text: &[u8]) -> Option<Values> {
    // Where each name stands for the last time: start of the name, start of its value, the name.
    let mut places: Vec<(usize, usize, &str)> = Vec::new();
    let mut unclear = false;
    for name in names {
        let label = format!("{name}: ");
        let mut found = memchr::memmem::find_iter(text, label.as_bytes()).filter(|at| *at == 0 || text[..*at].ends_with(b", "));
        if let Some(first) = found.next() {
            let last = found.last();
            unclear |= last.is_some();
            let at = last.unwrap_or(first);
            places.push((at, at + label.len(), name));
        }
    }
    places.sort_unstable();
    if places.first()?.0 != 0 {
        return None;
    }
    let mut values = Values { unclear, ..Values::default() };
    for (index, (_, start, name)) in places.iter().enumerate() {
        let end = places.get(index + 1).map_or(text.len(), |next| next.0 - 2);
        // Two names with nothing between them: `a: , b: x`.
        values.push(name.as_bytes(), text.get(*start..end.max(*start)).unwrap_or_default());
    }
    Some(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> (Vec<(String, String)>, bool) {
        let names = ["tag", "clientid", "msg", "peername", "username", "reason"].map(str::to_owned);
        let values = read(&names, text.as_bytes()).unwrap();
        let all = values.iter().map(|(name, value)| (name.into_owned(), String::from_utf8_lossy(value).into_owned())).collect();
        (all, values.unclear)
    }

    fn owned(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn values_end_where_the_next_name_stands() {
        let (values, unclear) = all("tag: AUTHN, clientid: pump 4, a, msg: authentication_failure, peername: 192.0.2.7:5, reason: x");
        assert_eq!(
            values,
            owned(&[
                ("tag", "AUTHN"),
                ("clientid", "pump 4, a"),
                ("msg", "authentication_failure"),
                ("peername", "192.0.2.7:5"),
                ("reason", "x")
            ])
        );
        assert!(!unclear);
    }

    #[test]
    fn a_client_id_that_imitates_the_rest_stays_inside_the_client_id() {
        let id = "x, msg: terminate, peername: 192.0.2.9:1, username: bob, reason: {shutdown,not_authorized}";
        let (values, unclear) = all(&format!("clientid: {id}, msg: authentication_failure, peername: 192.0.2.7:5, username: u, reason: y"));
        assert_eq!(values[0], ("clientid".to_owned(), id.to_owned()));
        assert_eq!(values[2], ("peername".to_owned(), "192.0.2.7:5".to_owned()));
        assert!(unclear);
    }
}
