//! The names that rotation gives to files.

/// What a rotated file's name says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rotated {
    /// The numbers in the suffix: a count, or the parts of a date.
    pub(crate) numbers: Vec<u64>,
    /// The suffix holds a date, not a count.
    pub(crate) dated: bool,
    /// The suffix follows the whole name (`x.log.1`), it does not stand before its extension (`x.1.log`).
    pub(crate) after: bool,
    /// The file is compressed.
    pub(crate) packed: bool,
}

impl Rotated {
    /// Whether the name is so plainly a rotation's that a glob that matches it means the live file.
    pub(crate) fn plainly(&self) -> bool {
        self.after || self.dated
    }
}

/// Reads `name` as a rotated file of the log with the name `live`.
pub(crate) fn rotated(live: &[u8], name: &[u8]) -> Option<Rotated> {
    let (plain, packed) = unpacked(name);
    let (suffix, after) = match plain.strip_prefix(live) {
        Some(suffix) => (suffix, true),
        None => (inside(live, plain)?, false),
    };
    // `x.log.gz` beside `x.log`: compressed without another name.
    if suffix.is_empty() {
        return (after && packed).then(|| Rotated { numbers: vec![1], dated: false, after, packed });
    }
    let (numbers, dated) = numbers(suffix)?;
    Some(Rotated { numbers, dated, after, packed })
}

/// The name without the extension of a compressed file, and whether it had one.
pub(crate) fn unpacked(name: &[u8]) -> (&[u8], bool) {
    let stem = [&b".gz"[..], b".zst", b".xz", b".bz2", b".lz4", b".zip"].iter().find_map(|end| name.strip_suffix(*end));
    (stem.unwrap_or(name), stem.is_some())
}

/// What stands between the stem and the extension of `live` in `name`.
fn inside<'a>(live: &[u8], name: &'a [u8]) -> Option<&'a [u8]> {
    let dot = live.iter().rposition(|&byte| byte == b'.').filter(|&dot| dot > 0)?;
    let (stem, extension) = live.split_at(dot);
    let suffix = name.strip_prefix(stem)?.strip_suffix(extension)?;
    (!suffix.is_empty()).then_some(suffix)
}

/// The numbers of a rotation's suffix. A short number counts only after a dot: `x-1.log` is more often another log.
fn numbers(suffix: &[u8]) -> Option<(Vec<u64>, bool)> {
    if [&b".old"[..], b"-old", b".bak", b".prev", b"~"].contains(&suffix) {
        return Some((vec![1], false));
    }
    let (first, rest) = suffix.split_first()?;
    if !b".-_".contains(first) || !rest.iter().all(|byte| byte.is_ascii_digit() || b".-_:TZ+".contains(byte)) {
        return None;
    }
    let digits = rest.iter().filter(|byte| byte.is_ascii_digit()).count();
    let dated = digits >= 6;
    if digits == 0 || (*first != b'.' && !dated) {
        return None;
    }
    let groups = rest.split(|byte| !byte.is_ascii_digit()).filter(|group| !group.is_empty());
    let number = |group: &[u8]| {
        let value = |sum: u64, &byte: &u8| sum.saturating_mul(10).saturating_add(u64::from(byte - b'0'));
        group.iter().fold(0, value)
    };
    Some((groups.map(number).collect(), dated))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_rotated_files() {
        // live, name, what it says: `numbers`, then `d`ated, `a`fter, `p`acked
        type Case = (&'static str, &'static str, Option<(&'static [u64], &'static str)>);
        let cases: &[Case] = &[
            ("x.log", "x.log.1", Some((&[1], "a"))),
            ("x.log", "x.log.12", Some((&[12], "a"))),
            ("x.log", "x.log.2.gz", Some((&[2], "ap"))),
            ("x.log", "x.log.2.zst", Some((&[2], "ap"))),
            ("x.log", "x.log-20260101", Some((&[20260101], "da"))),
            ("x.log", "x.log-20260101.gz", Some((&[20260101], "dap"))),
            ("x.log", "x.log.2026-01-01", Some((&[2026, 1, 1], "da"))),
            ("x.log", "x.log.2026-01-01T10:11:12Z", Some((&[2026, 1, 1, 10, 11, 12], "da"))),
            ("0.log", "0.log.20260101-101112", Some((&[20260101, 101112], "da"))),
            ("x.log", "x.2026-01-01.log", Some((&[2026, 1, 1], "d"))),
            ("x.log", "x-20260101.log.gz", Some((&[20260101], "dp"))),
            ("x.log", "x.1.log", Some((&[1], ""))),
            ("x.log", "x.log.old", Some((&[1], "a"))),
            ("x.log", "x.log~", Some((&[1], "a"))),
            ("x.log", "x.log.gz", Some((&[1], "ap"))),
            ("mqtt", "mqtt.1", Some((&[1], "a"))),
            ("x.log", "x.log.99999999999999999999999", Some((&[u64::MAX], "da"))),
            ("x.log", "x.log", None),
            ("x.log", "x-1.log", None),
            ("x.log", "x-tls.log", None),
            ("x.log", "xy.log.1", None),
            ("x.log", "x.log.tmp", None),
            ("x.log", "x.log.", None),
            ("x.log", "x.log.-", None),
            ("mqtt", "mqtt-1", None),
            ("x.log", "", None),
        ];
        for (live, name, expected) in cases {
            let found = rotated(live.as_bytes(), name.as_bytes()).map(|found| {
                let flags = [(found.dated, 'd'), (found.after, 'a'), (found.packed, 'p')];
                (found.numbers, flags.iter().filter(|(set, _)| *set).map(|(_, flag)| *flag).collect::<String>())
            });
            assert_eq!(found, expected.map(|(numbers, flags)| (numbers.to_vec(), flags.to_owned())), "{live} {name}");
        }
    }
}
