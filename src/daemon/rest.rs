//! How the daemon rests: while events tell what happens, the clock is only there for what they may have missed, so it looks less and less
//! often, and no further than at the files' sizes.

use std::time::Duration;

/// Without anything new, waiting grows by this factor each time.
const LONGER: u32 = 2;
/// And up to this.
const LONGEST: Duration = Duration::from_secs(6);
/// After so long everything is looked at, whatever the sizes say.
const ALL: Duration = Duration::from_secs(15);

/// How long nothing has happened.
#[derive(Debug, Default)]
pub(super) struct Rest {
    /// How often waiting was in vain since something happened.
    vain: u32,
    /// How long since everything was looked at.
    since: Duration,
}

impl Rest {
    /// How long to wait, where this is how long one may wait while something happens.
    pub(super) fn patience(&self, usual: Duration) -> Duration {
        let longer = usual.saturating_mul(LONGER.saturating_pow(self.vain.min(8)));
        // Where no events tell what happens, the clock alone does: it stays as it is.
        if usual < Duration::from_secs(1) { usual } else { longer.min(LONGEST) }
    }

    /// This much was waited in vain. Whether the files need no more than a glance.
    pub(super) fn goes_on(&mut self, waited: Duration) -> bool {
        self.vain = self.vain.saturating_add(1);
        self.since += waited;
        self.since < ALL
    }

    /// Everything is looked at; something happened, or the time was up.
    pub(super) fn ends(&mut self, rung: bool) {
        self.since = Duration::ZERO;
        if rung {
            self.vain = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const USUAL: Duration = Duration::from_millis(1500);

    #[test]
    fn waiting_grows_until_something_happens() {
        let mut rest = Rest::default();
        assert_eq!(rest.patience(USUAL), USUAL);
        assert!(rest.goes_on(USUAL));
        assert_eq!(rest.patience(USUAL), USUAL * 2);
        for _ in 0..20 {
            rest.goes_on(LONGEST);
        }
        assert_eq!(rest.patience(USUAL), LONGEST);
        rest.ends(true);
        assert_eq!(rest.patience(USUAL), USUAL);
    }

    #[test]
    fn everything_is_looked_at_now_and_then() {
        let mut rest = Rest::default();
        let glances = (0..100).take_while(|_| rest.goes_on(rest.patience(USUAL))).count();
        assert!((1..10).contains(&glances), "{glances}");
        rest.ends(false);
        assert!(rest.goes_on(LONGEST));
    }

    #[test]
    fn without_events_the_clock_goes_on_as_before() {
        let mut rest = Rest::default();
        let blind = Duration::from_millis(250);
        rest.goes_on(blind);
        assert_eq!(rest.patience(blind), blind);
    }
}
