//! Which rows: the filters of the API, as options.

use form_urlencoded::Serializer;
use jiff::civil;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::CliError;
use crate::grammar::near;
use crate::model::{Millis, Reason};

/// The filters of the API.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Filters")]
pub(super) struct FilterArgs {
    /// Only client IDs with this text
    #[arg(long, value_name = "TEXT")]
    client_id: Option<String>,
    /// Only usernames with this text
    #[arg(long, value_name = "TEXT")]
    username: Option<String>,
    /// Only addresses with this text
    #[arg(long, value_name = "TEXT")]
    ip: Option<String>,
    /// Only reasons with this text
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Only this reason, by its code; may be given several times
    #[arg(long, value_name = "CODE", value_parser = reason_code)]
    reason_code: Vec<Reason>,
    /// Only attempts that sent a password, or none; those of which the log does not say are left out
    #[arg(long, value_name = "yes|no", value_parser = yes_no, action = clap::ArgAction::Set)]
    password: Option<bool>,
    /// Only attempts over TLS, or without; those of which the log does not say are left out
    #[arg(long, value_name = "yes|no", value_parser = yes_no, action = clap::ArgAction::Set)]
    tls: Option<bool>,
    /// Only the source with this exact name
    #[arg(long, value_name = "NAME")]
    broker: Option<String>,
    /// Only attempts from this time on: 2026-01-31, 2026-01-31T12:00, 2026-01-31T12:00:00Z, or 5m, 1h, 3d ago
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Only attempts up to this time, written in the same ways
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
}

fn reason_code(text: &str) -> Result<Reason, String> {
    Reason::from_code(text).ok_or_else(|| near(text, Reason::ALL.iter().map(|reason| reason.code()), "the codes are"))
}

fn yes_no(text: &str) -> Result<bool, String> {
    match text {
        "yes" | "true" => Ok(true),
        "no" | "false" => Ok(false),
        _ => Err("expected yes or no".to_owned()),
    }
}

impl FilterArgs {
    /// Adds the filters to a query. Times that name no zone are of `zone`, and what is ago is so from `now`.
    ///
    /// # Errors
    /// A time that is none.
    pub(super) fn add_to(&self, query: &mut Serializer<'_, String>, zone: &TimeZone, now: Millis) -> Result<(), CliError> {
        for (name, text) in [
            ("clientId", &self.client_id),
            ("username", &self.username),
            ("ipAddress", &self.ip),
            ("reason", &self.reason),
            ("broker", &self.broker),
        ] {
            if let Some(text) = text {
                query.append_pair(name, text);
            }
        }
        for code in &self.reason_code {
            query.append_pair("reasonCode", code.code());
        }
        for (name, flag) in [("passwordProvidedList", self.password), ("tlsUsedList", self.tls)] {
            if let Some(flag) = flag {
                query.append_pair(name, if flag { "true" } else { "false" });
            }
        }
        for (name, option, text) in [("startTime", "--since", &self.since), ("endTime", "--until", &self.until)] {
            if let Some(text) = text {
                let wrong = || {
                    let expected = "expected 2026-01-31, 2026-01-31T12:00, 2026-01-31T12:00:00Z, or 5m, 1h, 3d ago";
                    CliError::Usage(format!("{option} {text:?} is no time: {expected}"))
                };
                query.append_pair(name, &time(text, zone, now).ok_or_else(wrong)?.to_string());
            }
        }
        Ok(())
    }
}

/// A time in ms since the epoch: an instant, a civil time or day (its beginning) in the zone, or a duration before now.
fn time(text: &str, zone: &TimeZone, now: Millis) -> Option<Millis> {
    if let Ok(time) = text.parse::<Timestamp>() {
        return Some(time.as_millisecond());
    }
    if let Ok(time) = text.parse::<civil::DateTime>() {
        return zone.to_timestamp(time).ok().map(Timestamp::as_millisecond);
    }
    // An ISO 8601 duration is none that people type.
    let ago = text.parse::<SignedDuration>().ok().filter(|ago| !ago.is_negative() && !text.starts_with(['P', 'p']));
    let days = || text.strip_suffix('d')?.parse::<u32>().ok().map(|days| SignedDuration::from_hours(24 * i64::from(days)));
    let ago = days().or(ago)?;
    now.checked_sub(i64::try_from(ago.as_millis()).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_people_write_them() {
        let zone = TimeZone::fixed(jiff::tz::offset(2));
        let now = 1_767_225_600_000; // 2026-01-01T00:00:00Z
        for (text, expected) in [
            ("2026-01-01T00:00:00Z", Some(now)),
            ("2026-01-01T02:00:00+02:00", Some(now)),
            ("2026-01-01T02:00:00", Some(now)),
            ("2026-01-01 02:00", Some(now)),
            ("2026-01-01", Some(now - 2 * 3_600_000)),
            ("5m", Some(now - 300_000)),
            ("1h", Some(now - 3_600_000)),
            ("90s", Some(now - 90_000)),
            ("3d", Some(now - 3 * 86_400_000)),
            ("-5m", None),
            ("5", None),
            ("", None),
            ("tomorrow", None),
            ("99999999999d", None),
        ] {
            assert_eq!(time(text, &zone, now), expected, "{text}");
        }
    }
}
