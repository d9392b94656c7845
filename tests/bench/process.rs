//! Programs run to their end, with what they cost.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use wait4::Wait4 as _;

/// What one run cost, the processes that it waited for included.
#[derive(Debug, Clone, Copy, Default)]
pub struct Cost {
    /// User and system time, in seconds.
    pub cpu: f64,
    /// From start to end, in seconds.
    pub wall: f64,
    /// The memory of the largest process, in bytes.
    pub peak: u64,
}

/// Runs a shell command with `{log}` and `{here}` (the folder of the peers' programs) replaced; standard output goes to `output`.
///
/// # Errors
/// It cannot be started, or fails.
pub fn run(command: &str, log: &Path, output: &Path) -> io::Result<Cost> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bench/peers");
    let text = command
        .replace("{log}", &quoted(log))
        .replace("{here}", &quoted(&here))
        .replace("{turnaway}", &quoted(Path::new(env!("CARGO_BIN_EXE_turnaway"))));
    // A process begins with the peak of the one that started it: a small one does that, as what we know of the log takes memory.
    let done = Command::new(std::env::current_exe()?).arg(RUN).arg(&text).arg(output).stdin(Stdio::null()).output()?;
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    let mut numbers = said.split_whitespace().filter_map(|number| number.parse::<f64>().ok());
    match (numbers.next(), numbers.next(), numbers.next()) {
        (Some(cpu), Some(wall), Some(peak)) => Ok(Cost { cpu, wall, peak: peak as u64 }),
        _ => Err(io::Error::other(format!("`{text}` failed: {}{}", said, String::from_utf8_lossy(&done.stderr)))),
    }
}

/// The first argument of the small process that runs a command.
pub const RUN: &str = "--run-one";

/// Runs a command, and prints what it cost or why it failed.
///
/// # Errors
/// It cannot be started.
pub fn run_one(text: &str, output: &Path) -> io::Result<()> {
    let errors = output.with_extension("stderr");
    let begun = Instant::now();
    let mut child =
        Command::new("sh").args(["-c", text]).stdin(Stdio::null()).stdout(File::create(output)?).stderr(File::create(&errors)?).spawn()?;
    let done = child.wait4()?;
    let wall = begun.elapsed().as_secs_f64();
    if done.status.success() {
        println!("{} {wall} {}", (done.rusage.utime + done.rusage.stime).as_secs_f64(), done.rusage.maxrss);
    } else {
        let said = fs::read_to_string(&errors).unwrap_or_default();
        println!("{}: {}", done.status, said.lines().last().unwrap_or_default());
    }
    Ok(())
}

/// Whether a program is installed. CrowdSec need not be: `CROWDSEC` may name the folder in which its package is unpacked.
pub fn installed(program: &str) -> bool {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let unpacked = std::env::var_os("CROWDSEC").map(|root| Path::new(&root).join("usr/bin"));
    std::env::split_paths(&paths).chain(unpacked).any(|dir| dir.join(program).is_file())
}

fn quoted(path: &Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', "'\\''"))
}

/// The processor time of this thread, in seconds.
pub fn thread_cpu() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// A number of bytes out of `/proc/PID/status`: `VmRSS`, `VmHWM`, `RssAnon`; none when the process is gone.
pub fn memory(pid: u32, name: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|line| line.split(':').next() == Some(name))?;
    Some(line.split_whitespace().nth(1)?.parse::<u64>().ok()? * 1024)
}

/// The processor time of all threads of a process so far, in seconds, and how often they went to sleep.
pub fn spent(pid: u32) -> Option<(f64, u64)> {
    let (mut nanos, mut sleeps) = (0, 0);
    for task in fs::read_dir(format!("/proc/{pid}/task")).ok()? {
        let task = task.ok()?.path();
        nanos += fs::read_to_string(task.join("schedstat")).ok()?.split_whitespace().next()?.parse::<u64>().ok()?;
        let status = fs::read_to_string(task.join("status")).ok()?;
        let line = status.lines().find(|line| line.starts_with("voluntary_ctxt_switches"))?;
        sleeps += line.split_whitespace().nth(1)?.parse::<u64>().ok()?;
    }
    Some((nanos as f64 / 1e9, sleeps))
}

/// The middle one; the numbers need no order.
pub fn median(values: &[f64]) -> f64 {
    percentile(values, 50)
}

/// The value that this many percent do not exceed.
pub fn percentile(values: &[f64], percent: usize) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = (sorted.len() * percent).div_ceil(100).clamp(1, sorted.len().max(1)) - 1;
    sorted.get(at).copied().unwrap_or(f64::NAN)
}
