//! Names of months and days as the C locale writes them, which is the one that daemons log in.

/// The months, January first.
pub(super) const MONTHS: [&str; 12] =
    ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"];

/// The days of the week.
pub(super) const WEEKDAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/// The index in `names` of the name at the start of `input`, in full or by its first three letters and in any case, and its length.
pub(super) fn leading(names: &[&str], input: &[u8]) -> Option<(usize, usize)> {
    names.iter().enumerate().find_map(|(index, name)| {
        let starts = |length: usize| {
            let (head, want) = (input.get(..length)?, name.as_bytes().get(..length)?);
            head.eq_ignore_ascii_case(want).then_some((index, length))
        };
        starts(name.len()).or_else(|| starts(3))
    })
}
