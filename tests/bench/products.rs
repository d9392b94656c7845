//! Every product's log, with all that its grammar has to match: a captured one, over and over, each time some seconds later.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::Plan;
use crate::process::{Cost, median, run};
use crate::report::{Report, short};

/// Grammar, and a log of it below `fixtures/` in which many lines matter.
const LOGS: &[(&str, &str)] = &[
    ("mosquitto", "mosquitto/2.0.22/burst-default.log"),
    ("mosquitto", "mosquitto/2.0.11-openssl-1.1.1/mtls-identity-all.log"),
    ("emqx", "emqx/5.8.9/debug-tls.log"),
    ("rabbitmq", "rabbitmq/3.10.8/interleaved-tls.log"),
    ("vernemq", "vernemq/2.1.2/default-interleaved.log"),
    ("hivemq", "hivemq/2026.5/burst.log"),
    ("tbmq", "tbmq/2.3/basic.log"),
    ("nanomq", "nanomq/0.25.5/interleaved.log"),
    ("flashmq", "flashmq/1.26.2/interleaved.log"),
    ("rumqttd", "rumqttd/0.20.0/interleaved.log"),
    ("amqtt", "amqtt/0.12.1/interleaved-debug.log"),
    ("activemq", "activemq/5.17.2/basic-info.log"),
    ("ejabberd", "ejabberd/23.01/basic-debug.log"),
    ("haproxy", "haproxy/2.6/error-log-format.log"),
    ("nginx", "nginx/1.22/info.log"),
    ("stunnel", "stunnel/5.68/notice.log"),
];

/// The part of the plan's size that each log gets.
const SHARE: u64 = 32;
const DAY: usize = 24 * 3600;

/// Measures them all, beside a program that does nothing but count the lines.
pub fn all(plan: &Plan, report: &mut Report) {
    let title = format!("Every product: {} MB of lines that matter", short(plan.size as f64 / SHARE as f64 / 1e6));
    report.table(&title, &["log", "lines", "CPU s", "MB/s", "k lines/s", "µs a line", "CPU of gawk that counts lines", "rows"]);
    for (grammar, log) in LOGS {
        let once = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(log);
        let (path, bytes, lines) = repeated(plan, grammar, &once).unwrap();
        let output = plan.dir.join("output");
        let (mut ours, mut theirs): (Vec<Cost>, Vec<Cost>) = (Vec::new(), Vec::new());
        let replay = format!("{{turnaway}} replay --log {grammar}={{log}} --format ndjson");
        let rows = |path: &Path| -> io::Result<(Cost, usize)> {
            let cost = run(&replay, path, &output)?;
            Ok((cost, fs::read_to_string(&output)?.lines().count()))
        };
        let (_, wanted) = rows(&once).unwrap();
        for _ in 0..plan.rounds {
            let (cost, found) = rows(&path).unwrap();
            ours.push(cost);
            if found != wanted {
                report.fault(format!("{log}: {found} rows of {wanted} when it is repeated"));
            }
            theirs.push(run("LC_ALL=C gawk 'END { print NR }' {log}", &path, &output).unwrap());
        }
        let middle = |costs: &[Cost]| median(&costs.iter().map(|cost| cost.cpu).collect::<Vec<_>>());
        let (cpu, counting) = (middle(&ours), middle(&theirs));
        report.row(&[
            (*log).to_owned(),
            lines.to_string(),
            format!("{cpu:.3}"),
            short(bytes as f64 / 1e6 / cpu),
            short(lines as f64 / 1e3 / cpu),
            short(cpu * 1e6 / lines as f64),
            short(counting / cpu),
            wanted.to_string(),
        ]);
    }
}

/// Writes a log over and over until it is large enough or the day is full; its path, bytes and lines.
fn repeated(plan: &Plan, grammar: &str, once: &Path) -> io::Result<(PathBuf, u64, usize)> {
    let mut text = fs::read(once)?;
    if !text.ends_with(b"\n") {
        text.push(b'\n');
    }
    let times: Vec<usize> = places(&text).into_iter().map(|at| seconds(&text[at..])).collect();
    let (first, last) = (times.iter().min().copied().unwrap_or(0), times.iter().max().copied().unwrap_or(0));
    let step = (last - first).max(60) + 3;
    let size = plan.size / SHARE;
    let mut out = Vec::new();
    let mut later = 0;
    while (out.len() as u64) < size && last + later < DAY {
        out.extend(shifted(&text, later));
        later += step;
    }
    let path = plan.dir.join(format!("product-{grammar}-{}", once.file_name().unwrap_or_default().to_string_lossy()));
    fs::create_dir_all(&plan.dir)?;
    fs::write(&path, &out)?;
    let lines = out.iter().filter(|byte| **byte == b'\n').count();
    Ok((path, out.len() as u64, lines))
}

/// The text with all its times so many seconds later.
fn shifted(text: &[u8], later: usize) -> Vec<u8> {
    let mut out = text.to_vec();
    for at in places(text) {
        let all = seconds(&text[at..]) + later;
        let new = format!("{:02}:{:02}:{:02}", all / 3600, all / 60 % 60, all % 60);
        out[at..at + new.len()].copy_from_slice(new.as_bytes());
    }
    // Mosquitto's seconds since the epoch.
    let mut line = 0;
    while let Some(digits) = out.get(line..line + 11) {
        let number = digits.strip_suffix(b":").and_then(|digits| str::from_utf8(digits).ok()?.parse::<usize>().ok());
        if let Some(number) = number {
            let new = format!("{:010}", number + later);
            out[line..line + 10].copy_from_slice(new.as_bytes());
        }
        line += out[line..].iter().position(|byte| *byte == b'\n').map_or(out.len(), |end| end + 1);
    }
    out
}

/// Where `12:34:56` stands by itself.
fn places(text: &[u8]) -> Vec<usize> {
    let is_time = |at: &usize| {
        let digits = [0, 1, 3, 4, 6, 7].iter().all(|place| text.get(at + place).is_some_and(u8::is_ascii_digit));
        let colons = [2, 5].iter().all(|place| text.get(at + place) == Some(&b':'));
        let alone = |byte: Option<&u8>| byte.is_none_or(|byte| !byte.is_ascii_digit() && *byte != b':');
        digits && colons && alone(at.checked_sub(1).and_then(|before| text.get(before))) && alone(text.get(at + 8))
    };
    memchr::memchr_iter(b':', text).filter_map(|colon| colon.checked_sub(2)).filter(is_time).collect()
}

fn seconds(time: &[u8]) -> usize {
    let number = |at: usize| usize::from(time[at] - b'0') * 10 + usize::from(time[at + 1] - b'0');
    number(0) * 3600 + number(3) * 60 + number(6)
}
