//! The stamps that collectors write.

use jiff::tz::TimeZone;

use crate::model::Millis;
use crate::record::time::{Stamp, TimeContext, TimeFormat};

/// The formats, compiled once.
#[derive(Debug)]
pub(super) struct Stamps {
    zone: TimeZone,
    traditional: Option<TimeFormat>,
    full: Option<TimeFormat>,
    unix: Option<TimeFormat>,
    iso: Option<TimeFormat>,
}

/// The formats, and the time near which a stamp without year lies.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a> {
    pub(super) stamps: &'a Stamps,
    pub(super) reference: Millis,
}

/// A stamp and what follows it.
pub(super) type Stamped<'a> = Option<(Stamp, &'a [u8])>;

impl Stamps {
    pub(super) fn new(zone: TimeZone) -> Stamps {
        let format = |strftime| TimeFormat::parse_format(strftime).ok();
        Stamps {
            zone,
            traditional: format("%b %e %H:%M:%S%.f"),
            full: format("%a %Y-%m-%d %H:%M:%S%.f %Z"),
            unix: format("%s.%f"),
            iso: format("iso"),
        }
    }
}

impl Reader<'_> {
    /// `Nov 23 15:05:52`, with a fraction or without.
    pub(super) fn traditional<'a>(&self, text: &'a [u8]) -> Stamped<'a> {
        self.read(&self.stamps.traditional, text)
    }

    /// `Mon 2026-11-23 15:05:52 UTC`.
    pub(super) fn full<'a>(&self, text: &'a [u8]) -> Stamped<'a> {
        self.read(&self.stamps.full, text)
    }

    /// `1795446352.712830`.
    pub(super) fn unix<'a>(&self, text: &'a [u8]) -> Stamped<'a> {
        self.read(&self.stamps.unix, text)
    }

    /// `2026-11-23T15:05:52.040116+00:00`: with `T` and zone, as every collector writes it.
    pub(super) fn iso<'a>(&self, text: &'a [u8]) -> Stamped<'a> {
        (text.get(10) == Some(&b'T')).then_some(())?;
        self.read(&self.stamps.iso, text).filter(|(stamp, _)| stamp.zoned)
    }

    /// `2026-11-23 15:05:52.123`, which Home Assistant writes in UTC and doesn't say so.
    pub(super) fn home_assistant<'a>(&self, text: &'a [u8]) -> Stamped<'a> {
        (text.get(10) == Some(&b' ') && text.get(19) == Some(&b'.') && text.get(23) == Some(&b' ')).then_some(())?;
        let context = TimeContext { zone: &TimeZone::UTC, reference: self.reference };
        let (stamp, rest) = self.stamps.iso.as_ref()?.read(text, &context)?;
        Some((Stamp { zoned: true, ..stamp }, rest))
    }

    fn read<'a>(&self, format: &Option<TimeFormat>, text: &'a [u8]) -> Stamped<'a> {
        let context = TimeContext { zone: &self.stamps.zone, reference: self.reference };
        format.as_ref()?.read(text, &context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_formats_compile() {
        let stamps = Stamps::new(TimeZone::UTC);
        assert!(stamps.traditional.is_some() && stamps.full.is_some() && stamps.unix.is_some() && stamps.iso.is_some());
    }
}
