//! What the replay is measured against, and how right each is.

use std::fs;
use std::io;
use std::path::Path;

use crate::logs::{Kind, Log};

/// One command over a log.
#[derive(Debug, Clone)]
pub struct Tool {
    /// As the table names it.
    pub name: &'static str,
    /// What must be installed.
    pub needs: &'static [&'static str],
    /// For the shell.
    pub command: String,
    /// What it prints.
    pub prints: Prints,
    /// Too slow to be run in every round.
    pub slow: bool,
}

/// What a command prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prints {
    /// `client TAB seconds TAB address`.
    Rows,
    /// Our rows, one in a line.
    Ours,
    /// A number that nobody reads: it is here for its speed.
    Count,
}

/// All commands for a log; ours is the first.
pub fn tools(log: &Log, literals: &[String]) -> Vec<Tool> {
    let (kind, name) = (log.kind, log.kind.name());
    let program = if kind == Kind::Flood { Kind::Mosquitto.name() } else { name };
    let script = if kind == Kind::Emqx { name } else { Kind::Mosquitto.name() };
    let same = patterns(literals);
    let own: &[&str] = if kind == Kind::Emqx {
        &["shutdown,not_authorized"]
    } else {
        let unknown = if kind == Kind::Docker { r": Client \u003cunknown" } else { ": Client <unknown> " };
        &[": New connection from ", ": New client connected from ", " disconnected, not authorised.", unknown]
    };
    let own = patterns(&own.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>());
    let docker = if kind == Kind::Docker { "-v docker=1 " } else { "" };
    let awk = format!("gawk {docker}-f {{here}}/{script}.awk");
    let tool = |name, needs, command: String, prints, slow| Tool { name, needs, command, prints, slow };
    let mut all = vec![
        tool(
            "turnaway replay",
            &[],
            format!("{{turnaway}} replay --grammar {} --format ndjson {{log}}", kind.grammar()),
            Prints::Ours,
            false,
        ),
        tool("rg -c -F, same literals", &["rg"], format!("rg -c -F {same} {{log}}"), Prints::Count, false),
        tool("grep -c -F, same literals", &["grep"], format!("grep -c -F {same} {{log}}"), Prints::Count, false),
        tool("wc -l", &["wc"], "wc -l {log}".to_owned(), Prints::Count, false),
        tool("rg -F \\| gawk", &["rg", "gawk"], format!("rg -N --no-filename -F {own} {{log}} | {awk}"), Prints::Rows, false),
        tool("gawk", &["gawk"], format!("{awk} {{log}}"), Prints::Rows, false),
        tool(
            "mtail",
            &["mtail", "python3"],
            format!(
                "mtail --one_shot --one_shot_format json --progs {{here}}/{program}.mtail --logs {{log}} --address 127.0.0.1 --port 0 \
                 --logtostderr | python3 {{here}}/mtail_rows.py"
            ),
            Prints::Rows,
            true,
        ),
        tool(
            "fail2ban-regex",
            &["fail2ban-regex"],
            format!(
                "fail2ban-regex --no-check-all -e utf-8 -o '<F-USER>\t<time>\t<ip>' {{log}} {{here}}/{program}.conf | \
                 awk -F'\\t' '{{sub(/\\.[0-9]+$/, \"\", $2); at[$1]=$2; ip[$1]=$3}} END {{for (c in at) print c \"\\t\" at[c] \"\\t\" ip[c]}}'"
            ),
            Prints::Rows,
            true,
        ),
    ];
    if kind == Kind::Mosquitto {
        all.push(tool(CROWDSEC, &["crowdsec", "python3"], "{here}/crowdsec {log}".to_owned(), Prints::Rows, true));
    }
    all
}

/// The slowest by far.
pub const CROWDSEC: &str = "CrowdSec";

fn patterns(literals: &[String]) -> String {
    literals.iter().map(|text| format!("-e '{}'", text.replace('\'', "'\\''"))).collect::<Vec<_>>().join(" ")
}

/// How right a table is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Score {
    /// Clients that were refused and stand in it.
    pub found: usize,
    /// Those whose time and address are right as well.
    pub right: usize,
    /// Those whose address is wrong and not marked as inferred (only our rows have such a mark).
    pub wrong: usize,
    /// Clients that stand in it and were never refused.
    pub invented: usize,
}

/// Compares what a tool printed with the truth.
///
/// # Errors
/// It cannot be read.
pub fn score(log: &Log, prints: Prints, output: &Path) -> io::Result<Score> {
    let mut score = Score::default();
    for line in String::from_utf8_lossy(&fs::read(output)?).lines() {
        let Some((client, ts, ip, sure)) = (match prints {
            Prints::Ours => ours(line),
            _ => plain(line),
        }) else {
            continue;
        };
        match log.truth.get(&client) {
            None => score.invented += 1,
            Some((at, from)) => {
                score.found += 1;
                score.right += usize::from(ts == *at && ip == *from);
                score.wrong += usize::from(sure && (ts != *at || (!ip.is_empty() && ip != *from)));
            }
        }
    }
    Ok(score)
}

fn plain(line: &str) -> Option<(String, i64, String, bool)> {
    let mut columns = line.split('\t');
    let (client, ts, ip) = (columns.next()?, columns.next()?.parse().ok()?, columns.next()?);
    Some((client.to_owned(), ts, ip.to_owned(), true))
}

fn ours(line: &str) -> Option<(String, i64, String, bool)> {
    let row: serde_json::Value = serde_json::from_str(line).ok()?;
    let sure = !row["inferred"].as_array()?.iter().any(|field| field == "ipAddress");
    let ip = row["ipAddress"].as_str().unwrap_or_default().to_owned();
    Some((row["clientId"].as_str()?.to_owned(), row["ts"].as_i64()?.div_euclid(1000), ip, sure))
}
