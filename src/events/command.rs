//! Runs a program for one event, without a shell.

use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};

use super::Format;
use crate::store::StoredEvent;

/// Runs it with the event as a line of JSON on its standard input. The environment holds PATH and, for scripts, some of the
/// event's values; none of them is ever part of a command line. Ends it, with all that it started, after the time-out.
///
/// # Errors
/// It cannot be started, ended badly, or did not end in time.
pub(super) fn run(argv: &[String], timeout: Duration, event: &StoredEvent) -> Result<(), String> {
    let (program, arguments) = argv.split_first().ok_or("there is no command")?;
    let mut command = Command::new(program);
    command.args(arguments).env_clear().stdin(Stdio::piped()).stdout(Stdio::null()).process_group(0);
    command.envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
    let told = &event.event;
    command.env("TURNAWAY_ID", &event.id).env("TURNAWAY_TIME", super::format::time(told.ts));
    command.env("TURNAWAY_BROKER", &*told.broker).env("TURNAWAY_REASON_CODE", told.reason_code.code());
    command.envs(told.ip_address.map(|ip| ("TURNAWAY_IP", ip.to_string())));
    let mut child = command.spawn().map_err(|error| format!("cannot run {program}: {error}"))?;
    if let Some(mut input) = child.stdin.take() {
        // A line is shorter than a pipe holds. Who does not read it is not told why.
        let _ = writeln!(input, "{}", Format::Json.line(event));
    }
    let group = Pid::from_child(&child);
    let ended = pidfd_open(group, PidfdFlags::empty()).and_then(|fd| {
        let time = Timespec::try_from(timeout).unwrap_or(Timespec { tv_sec: 10, tv_nsec: 0 });
        poll(&mut [PollFd::new(&fd, PollFlags::IN)], Some(&time))
    });
    let is_late = !matches!(ended, Ok(ready) if ready > 0);
    if is_late {
        let _ = kill_process_group(group, Signal::KILL);
    }
    let status = child.wait().map_err(|error| format!("cannot wait for {program}: {error}"))?;
    match status.success() {
        _ if is_late => Err(format!("{program} did not end within {} seconds", timeout.as_secs())),
        true => Ok(()),
        false => Err(format!("{program} failed: {status}")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::format::tests::event;
    use super::*;

    fn sh(script: &str, timeout: Duration) -> Result<(), String> {
        let argv = ["/bin/sh", "-c", script].map(str::to_owned);
        run(&argv, timeout, &event("$(touch /tmp/x); `id`", Some("192.0.2.7")))
    }

    #[test]
    fn it_gets_the_event_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("out");
        sh(
            &format!(
                "cat >{0}; env | grep -v ^PWD | grep -v ^_ | grep -v ^SHLVL | cut -d= -f1 | sort >>{0}; echo $TURNAWAY_IP >>{0}",
                out.display()
            ),
            Duration::from_secs(60),
        )
        .unwrap();
        let text = std::fs::read_to_string(out).unwrap();
        let (json, rest) = text.split_once('\n').unwrap();
        assert!(json.contains(r#""clientId":"$(touch /tmp/x); `id`""#), "{json}");
        assert!(rest.ends_with("TURNAWAY_TIME\n192.0.2.7\n") && !rest.contains("HOME"), "{rest}");
    }

    #[test]
    fn what_fails_or_hangs_says_so() {
        assert_eq!(sh("exit 3", Duration::from_secs(60)).unwrap_err(), "/bin/sh failed: exit status: 3");
        // It and its children are ended: otherwise this test would not end.
        assert_eq!(sh("sleep 1000 & sleep 1000", Duration::from_millis(1)).unwrap_err(), "/bin/sh did not end within 0 seconds");
        let error = run(&["/nowhere".to_owned()], Duration::from_secs(1), &event("a", None)).unwrap_err();
        assert!(error.starts_with("cannot run /nowhere: No such file"), "{error}");
    }
}
