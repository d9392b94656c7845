//! The whole configuration: every fault with its exact text, and what stands in place of what.

use std::io;
use std::path::{Path, PathBuf};

use clap::Parser as _;
use jiff::tz::TimeZone;
use snapbox::{assert_data_eq, str};

use super::*;
use crate::api::{Listen, Role};
use crate::record::time::TimeFormat;

#[derive(Debug, clap::Parser)]
struct Line {
    #[command(flatten)]
    config: ConfigArgs,
}

/// One file, and directories that have no files.
struct Made {
    path: &'static str,
    text: &'static str,
}

impl Files for Made {
    fn read(&self, path: &Path) -> io::Result<String> {
        match path == Path::new(self.path) {
            true => Ok(self.text.to_owned()),
            false => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn is_dir(&self, _: &Path) -> bool {
        false
    }
}

fn args(line: &str) -> ConfigArgs {
    Line::try_parse_from(std::iter::once("turnaway").chain(line.split_whitespace())).unwrap().config
}

fn loaded(text: &'static str, line: &str) -> Result<Config, ConfigError> {
    load(&args(line), &Made { path: DEFAULT_FILE, text }).map(|loaded| loaded.config)
}

fn faults(text: &'static str, line: &str) -> String {
    loaded(text, line).unwrap_err().render(false)
}

const HASH: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

#[test]
fn an_empty_file_is_the_default() {
    assert_eq!(loaded("", "").unwrap(), Config::default());
}

#[test]
fn the_example_is_the_default_and_its_examples_load() {
    let example = include_str!("../../systemd/turnaway.toml");
    assert_eq!(loaded(example, "").unwrap(), Config::default());
    let uncommented = |mark: &str| {
        let lines = example.lines().filter_map(|line| line.strip_prefix(mark));
        lines.filter(|line| !line.starts_with(['#', ' '])).collect::<Vec<_>>().join("\n")
    };
    // Every key with its default is the default; the directory of grammars is that of the default and need not be there.
    let defaults: &'static str = uncommented("#").leak();
    assert_eq!(loaded(defaults, "").unwrap(), Config::default());
    let config = loaded(uncommented("##").leak(), "").unwrap();
    assert_eq!((config.sources.len(), config.tokens.len(), config.listen.len(), config.hosts.len()), (1, 1, 4, 1));
    assert_eq!(config.outputs.len(), 3);
    // ... and the two kinds together name every key that there is.
    let all = faults("nothing = 1", "");
    let keys = all.split_once("the keys are ").unwrap().1.trim();
    for key in keys.split(", ").filter(|key| !matches!(*key, "token" | "listener" | "source" | "output" | "hook")) {
        assert!(defaults.contains(&format!("{key} = ")), "{key}");
    }
}

#[test]
fn every_key_arrives() {
    let text = format!(
        r#"
database = "/d"
retention = "36h"
max_clients = 7
clear_on_success = false
listen = ["[::1]:1", "unix:/s"]
hosts = "mqtt.example.org"
log = "debug"
[[token]]
name = "ann"
role = "operator"
sha256 = "{HASH}"
[[source]]
name = "broker"
path = ["/a", "/b/*.log"]
grammar = "mosquitto"
start = "end"
timezone = "Europe/Berlin"
tls_ports = [8884, 8883, 8884]
proxies = "10.0.0.5"
time_format = "%d/%b/%Y:%H:%M:%S"
max_line = 2048
"#
    );
    let config = loaded(text.leak(), "").unwrap();
    let source = SourceConfig {
        name: "broker".to_owned(),
        broker: Some("broker".to_owned()),
        paths: vec!["/a".to_owned(), "/b/*.log".to_owned()],
        grammar: Some("mosquitto".to_owned()),
        start: Start::End,
        zone: TimeZone::get("Europe/Berlin").unwrap(),
        tls_ports: vec![8883, 8884],
        proxies: vec!["10.0.0.5".parse().unwrap()],
        time_format: Some(TimeFormat::parse_format("%d/%b/%Y:%H:%M:%S").unwrap()),
        max_line: 2048,
    };
    assert_eq!(config.sources, [source]);
    assert_eq!((config.tokens[0].name.as_str(), config.tokens[0].role), ("ann", Role::Operator));
    assert_eq!(config.listen, [Listen::Tcp("[::1]:1".parse().unwrap()), Listen::Unix("/s".into())]);
    assert_eq!((config.retention, config.max_clients, config.clear_on_success), (Some(36 * 3_600_000), 7, false));
    assert_eq!((config.hosts, config.log, config.database), (vec!["mqtt.example.org".to_owned()], Level::Debug, PathBuf::from("/d")));
}

#[test]
fn outputs_and_hooks() {
    use std::time::Duration;

    use crate::events::{Action, Format, HookConfig, OutputConfig, Target};
    let text = r#"
[[output]]
name = "file"
to = "/var/log/turnaway/events"
format = "pairs"
[[output]]
name = "log"
to = "syslog"
[[hook]]
name = "ban"
command = ["/bin/ban", "-x"]
per_minute = 6
timeout = "15s"
max_age = "1h"
[[hook]]
name = "post"
url = "http://127.0.0.1:9000/hook"
"#;
    let hook = |action, per_minute, timeout, max_age| {
        Target::Hook(HookConfig { action, per_minute, timeout: Duration::from_secs(timeout), max_age })
    };
    let output = |name: &str, target| OutputConfig { name: name.to_owned(), target };
    assert_eq!(
        loaded(text, "").unwrap().outputs,
        [
            output("file", Target::File("/var/log/turnaway/events".into(), Format::Pairs)),
            output("log", Target::Syslog(Format::Json)),
            output("ban", hook(Action::Command(vec!["/bin/ban".to_owned(), "-x".to_owned()]), 6, 15, 3_600_000)),
            output("post", hook(Action::Post("http://127.0.0.1:9000/hook".parse().unwrap()), 60, 10, 600_000)),
        ]
    );
}

#[test]
fn faults_of_outputs_and_hooks() {
    let text = r#"
[[output]]
name = "a"
to = "events.json"
format = "xml"
[[hook]]
name = "b"
command = "curl -d x"
url = "http://x/"
[[hook]]
name = "c"
command = ["curl"]
[[hook]]
name = "d"
url = "https://example.org/"
timeout = "0"
[[hook]]
name = "e"
timeout = "21s"
[[output]]
name = "f"
to = "stdout"
[[hook]]
name = "f"
command = ["/x"]
"#;
    let shown = faults(text, "");
    for message in [
        "\"events.json\" is no place for events",
        "\"xml\" is no format",
        "this hook has both a command and a url",
        "this is no absolute path",
        "\"https://example.org/\" is no address to post to",
        "\"0\" is no duration",
        "this hook does nothing",
        "the time-out of this hook is too long",
        "another output or hook is named \"f\"",
    ] {
        assert!(shown.contains(message), "{message} in {shown}");
    }
}

#[test]
fn every_fault_is_shown_in_one_run() {
    let text = r#"databse = "/d"
retention = "3 days"
max_clients = 0
clear_on_success = "yes"
listen = ["localhost:8099", "0.0.0.0:80", "127.0.0.1:1", "127.0.0.1:1", "/run/x.sock"]
hosts = ["https://a.example"]
log = "infos"
grammars = "/nowhere"
[[source]]
name = "a"
path = []
grammar = "mosquito"
start = "begining"
timezone = "Europe/Berln"
tls_ports = [8883, 70000]
time_format = "%Y %?"
max_line = 1
[[source]]
name = "a"
path = ["-", "/x[", "-"]
colour = 1
[[source]]
"#;
    assert_data_eq!(
        faults(text, ""),
        str![[r#"
error: the configuration has no key "databse"
  --> /etc/turnaway/turnaway.toml:1:1
   |
 1 | databse = "/d"
   | ^^^^^^^ did you mean "database"?
   |
error: "3 days" is no retention
  --> /etc/turnaway/turnaway.toml:2:13
   |
 2 | retention = "3 days"
   |             ^^^^^^^^ expected a number with a unit (s, m, h, d) like "3d" or "36h"; "0" keeps rows for ever
error: "max_clients" is out of range
  --> /etc/turnaway/turnaway.toml:3:15
   |
 3 | max_clients = 0
   |               ^ expected a whole number from 1 to 100000000
error: "clear_on_success" is a string
  --> /etc/turnaway/turnaway.toml:4:20
   |
 4 | clear_on_success = "yes"
   |                    ^^^^^ expected true or false
error: "localhost:8099" is no place to listen on
  --> /etc/turnaway/turnaway.toml:5:11
   |
 5 | listen = ["localhost:8099", "0.0.0.0:80", "127.0.0.1:1", "127.0.0.1:1", "/run/x.sock"]
   |           ^^^^^^^^^^^^^^^^ expected an address and a port; on this machine only: 127.0.0.1:8099, on all networks: 0.0.0.0:8099
error: other machines can reach 0.0.0.0:80, and there is no [[token]]
  --> /etc/turnaway/turnaway.toml:5:29
   |
 5 | listen = ["localhost:8099", "0.0.0.0:80", "127.0.0.1:1", "127.0.0.1:1", "/run/x.sock"]
   |                             ^^^^^^^^^^^^ make one with `turnaway token new --role auditor`, or listen on 127.0.0.1
error: "127.0.0.1:1" stands here twice
  --> /etc/turnaway/turnaway.toml:5:58
   |
 5 | listen = ["localhost:8099", "0.0.0.0:80", "127.0.0.1:1", "127.0.0.1:1", "/run/x.sock"]
   |                                                          ^^^^^^^^^^^^^ remove one of them
error: "/run/x.sock" is no place to listen on
  --> /etc/turnaway/turnaway.toml:5:73
   |
 5 | listen = ["localhost:8099", "0.0.0.0:80", "127.0.0.1:1", "127.0.0.1:1", "/run/x.sock"]
   |                                                                         ^^^^^^^^^^^^^ a Unix socket is written unix:/run/x.sock
error: "https://a.example" is no host name
  --> /etc/turnaway/turnaway.toml:6:10
   |
 6 | hosts = ["https://a.example"]
   |          ^^^^^^^^^^^^^^^^^^^ expected the name alone, without http:// and path
error: "infos" is no level
  --> /etc/turnaway/turnaway.toml:7:7
   |
 7 | log = "infos"
   |       ^^^^^^^ did you mean "info"?
error: there is no directory "/nowhere"
  --> /etc/turnaway/turnaway.toml:8:12
   |
 8 | grammars = "/nowhere"
   |            ^^^^^^^^^^ make it, or remove this line
error: this source has no path
  --> /etc/turnaway/turnaway.toml:11:8
   |
11 | path = []
   |        ^^ expected a path, a glob, or "-" for standard input
error: there is no grammar "mosquito"
  --> /etc/turnaway/turnaway.toml:12:11
   |
12 | grammar = "mosquito"
   |           ^^^^^^^^^^ did you mean "mosquitto"?
error: "begining" is no start
  --> /etc/turnaway/turnaway.toml:13:9
   |
13 | start = "begining"
   |         ^^^^^^^^^^ did you mean "beginning"?
error: "Europe/Berln" is no time zone
  --> /etc/turnaway/turnaway.toml:14:12
   |
14 | timezone = "Europe/Berln"
   |            ^^^^^^^^^^^^^^ did you mean "Europe/Berlin"?
error: this is no port
  --> /etc/turnaway/turnaway.toml:15:20
   |
15 | tls_ports = [8883, 70000]
   |                    ^^^^^ expected whole numbers from 1 to 65535, like [8883]
error: time format: `%?` at byte 3 is not known; write a literal percent sign as `%%`
  --> /etc/turnaway/turnaway.toml:16:19
   |
16 | time_format = "%Y %?"
   |                   ^^ expected strftime like "%Y-%m-%d %H:%M:%S", or epoch, epoch-ms, epoch-us, iso, rfc3164
error: "max_line" is out of range
  --> /etc/turnaway/turnaway.toml:17:12
   |
17 | max_line = 1
   |            ^ expected a whole number from 1024 to 16777216
error: another source is named "a"
  --> /etc/turnaway/turnaway.toml:19:8
   |
19 | name = "a"
   |        ^^^ expected a name of its own: it tells its rows from others
error: this glob is not complete: invalid range pattern
  --> /etc/turnaway/turnaway.toml:20:17
   |
20 | path = ["-", "/x[", "-"]
   |                 ^ a [ that stands for itself is written [[]
error: standard input is read already
  --> /etc/turnaway/turnaway.toml:20:21
   |
20 | path = ["-", "/x[", "-"]
   |                     ^^^ only one source can read it
error: this source has no key "colour"
  --> /etc/turnaway/turnaway.toml:21:1
   |
21 | colour = 1
   | ^^^^^^ the keys are name, path, journal, broker, grammar, start, timezone, tls_ports, proxies, time_format, max_line
error: this source has no "name"
  --> /etc/turnaway/turnaway.toml:22:1
   |
22 | [[source]]
   | ^^^^^^^^^^ expected a line name = "…"
error: this source has no "path"
  --> /etc/turnaway/turnaway.toml:22:1
   |
22 | [[source]]
   | ^^^^^^^^^^ expected a line path = "…": a path, a glob, or a list of them; or journal = "…": a unit
"#]]
    );
}

#[test]
fn tokens_are_checked_and_a_secret_is_not_repeated() {
    let text = format!(
        r#"[[token]]
name = "ann"
role = "admin"
sha256 = "turnaway_c0ffee"
[[token]]
name = "bob"
role = "auditor"
sha256 = "{HASH}"
[[token]]
name = "bob"
role = "auditor"
sha256 = "00"
[[token]]
name = "eve"
role = "operator"
sha256 = "{HASH}"
"#
    );
    let shown = faults(text.leak(), "--listen 0.0.0.0:80");
    assert!(!shown.contains("c0ffee"));
    assert_data_eq!(
        shown,
        str![[r#"
error: "admin" is no role
  --> /etc/turnaway/turnaway.toml:3:8
   |
 3 | role = "admin"
   |        ^^^^^^^ expected one of auditor, operator
   |
error: this is the token itself; the file holds its hash only
  --> /etc/turnaway/turnaway.toml:4:10
   |
 4 | sha256 = *****************
   |          ^^^^^^^^^^^^^^^^^ expected 64 hexadecimal digits, as `turnaway token new` prints them
error: another token is named "bob"
  --> /etc/turnaway/turnaway.toml:10:8
   |
10 | name = "bob"
   |        ^^^^^ expected a name of its own: it stands in the log
error: this is no hash of a token
  --> /etc/turnaway/turnaway.toml:12:10
   |
12 | sha256 = ****
   |          ^^^^ expected 64 hexadecimal digits, as `turnaway token new` prints them
error: another token has the same hash
  --> /etc/turnaway/turnaway.toml:16:10
   |
16 | sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
   |          ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ make one for each with `turnaway token new`
"#]]
    );
}

#[test]
fn broken_toml_does_not_hide_other_faults() {
    assert_data_eq!(
        faults("log = \nretention = \"x\"\n", ""),
        str![[r#"
error: string values must be quoted, expected literal string
 --> /etc/turnaway/turnaway.toml:1:7
  |
1 | log = 
  |       ^ not valid TOML here
  |
error: "x" is no retention
 --> /etc/turnaway/turnaway.toml:2:13
  |
2 | retention = "x"
  |             ^^^ expected a number with a unit (s, m, h, d) like "3d" or "36h"; "0" keeps rows for ever
"#]]
    );
}

#[test]
fn the_command_line_stands_in_place_of_the_file() {
    let text = "database = \"/d\"\nlisten = \"127.0.0.1:1\"\n[[source]]\nname = \"a\"\npath = \"/a\"\ntimezone = \"Asia/Tokyo\"\n";
    let config = loaded(text, "--db /e --listen unix:/s --listen 127.0.0.1:2 --timezone +02:00 --tls-port 8883").unwrap();
    assert_eq!(config.database, PathBuf::from("/e"));
    assert_eq!(config.listen, [Listen::Unix("/s".into()), Listen::Tcp("127.0.0.1:2".parse().unwrap())]);
    let [source] = &config.sources[..] else { panic!("{config:?}") };
    assert_eq!((source.name.as_str(), &source.tls_ports[..]), ("a", &[8883][..]));
    assert_eq!(source.zone, TimeZone::fixed(jiff::tz::offset(2)));

    let config = loaded(text, "-c /etc/turnaway/turnaway.toml --log mosquitto=/m.log -l /var/log/*/emqx.log").unwrap();
    let names: Vec<_> = config.sources.iter().map(|source| (source.name.as_str(), source.grammar.as_deref())).collect();
    assert_eq!(names, [("mosquitto", Some("mosquitto")), ("emqx", None)]);
    assert_eq!(config.database, PathBuf::from("/d"));
}

#[test]
fn logs_alone_need_no_file_and_use_none() {
    let config = loaded("this is not even TOML", "--log /m.log").unwrap();
    assert_eq!(config.database, PathBuf::from("turnaway.db"));
    assert_eq!(config.listen, [default_listen()]);
}

#[test]
fn faults_of_the_command_line() {
    let shown = faults("", "--log mosquito=/x --log a[b --log - --log - --listen 0.0.0.0:80");
    assert_data_eq!(
        shown,
        str![[r#"
error: refusing to listen on 0.0.0.0:80, which other machines can reach, without tokens: make one with `turnaway token new --role auditor` and put its hash into the configuration, or listen on 127.0.0.1

error: --log mosquito=/x: there is no grammar "mosquito": did you mean "mosquitto"? (if this is a path with a = in it, write ./mosquito=/x)

error: --log a[b: this glob is not complete: invalid range pattern; a [ that stands for itself is written [[]

error: --log -: standard input can be read only once
"#]]
    );
    for (line, expected) in [
        ("--listen 8099", "on this machine only: 127.0.0.1:8099"),
        ("--listen /run/x", "a Unix socket is written unix:/run/x"),
        ("--timezone Europe/Pariss", "did you mean \"Europe/Paris\"?"),
        ("--timezone nowhere", "expected a name like \"Europe/Berlin\""),
        ("--tls-port 0", "0 is not in 1..=65535"),
        ("--log mosquitto=", "there is no path"),
    ] {
        let error = Line::try_parse_from(std::iter::once("turnaway").chain(line.split(' '))).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
        assert_eq!(error.exit_code(), 2);
    }
}

#[test]
fn a_file_that_is_not_there() {
    let nothing = Made { path: "/else", text: "" };
    let shown = |line: &str| load(&args(line), &nothing).unwrap_err().render(false);
    // The default file may be missing: then everything is as shipped, and logs are looked for.
    let loaded = load(&args("--timezone UTC"), &nothing).unwrap();
    assert_eq!((loaded.config.looks_for_logs(), loaded.config, loaded.file), (true, Config::default(), None));
    assert_eq!(load(&args("--log /x"), &nothing).unwrap().config.database, PathBuf::from("turnaway.db"));
    assert_data_eq!(
        shown("--config /my.toml"),
        str!["error: cannot read the configuration /my.toml: entity not found; check the path and its permissions"]
    );
}

#[test]
fn the_clap_definition_is_sound() {
    use clap::CommandFactory as _;
    Line::command().debug_assert();
}

#[test]
fn retention_has_units() {
    let day = 24 * 3_600_000;
    for (text, expected) in
        [("3d", Some(3 * day)), ("36h", Some(36 * 3_600_000)), ("90m", Some(5_400_000)), ("1s", Some(1000)), ("0", None), ("0d", None)]
    {
        assert_eq!(retention(text), Ok(expected), "{text}");
    }
    for text in ["", "3", "d", "3 d", "-3d", "3w", "3D", "99999999999999999999d", "9223372036854775807d", "200000d", "٣d"] {
        assert!(retention(text).is_err(), "{text}");
    }
    assert_eq!(loaded("retention = 0", "").unwrap().retention, None);
    assert!(faults("retention = 3", "").contains("expected a number with a unit"));
}

#[test]
fn a_log_argument_is_a_path_unless_a_name_stands_before_it() {
    let read = |text: &str| text.parse::<LogArg>().map(|log| (log.grammar, log.path));
    assert_eq!(read("mosquitto=/x=y"), Ok((Some("mosquitto".to_owned()), "/x=y".to_owned())));
    assert_eq!(read("./a=b"), Ok((None, "./a=b".to_owned())));
    assert_eq!(read("=b"), Ok((None, "=b".to_owned())));
    assert_eq!(read("-"), Ok((None, "-".to_owned())));
    assert!(read("").is_err() && read("a=").is_err());
}
