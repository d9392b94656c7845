use std::fs;

use super::*;

fn root(files: &[(&str, &str)]) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    root
}

/// Each product with its paths under the root and its advice.
fn found(files: &[(&str, &str)]) -> Vec<String> {
    let root = root(files);
    let discover = Discover::new(&Library::load(None).unwrap(), root.path());
    let prefix = root.path().display().to_string();
    let line = |found: Found| format!("{}: {:?} {}", found.name, found.paths, found.advice(&discover).join(" / ")).replace(&prefix, "");
    discover.look().into_iter().map(line).collect()
}

#[test]
fn nothing_is_found_where_nothing_is() {
    assert_eq!(found(&[]), [""; 0]);
    assert_eq!(found(&[("var/log/syslog", "x")]), [""; 0]);
}

#[test]
fn a_log_at_its_usual_place_is_found() {
    let found = found(&[
        ("etc/mosquitto/mosquitto.conf", "log_dest file /var/log/mosquitto/mosquitto.log\n"),
        ("var/log/mosquitto/mosquitto.log", ""),
        ("var/log/mosquitto/mosquitto.log.1", ""),
        ("var/log/rabbitmq/rabbit@gw.log", ""),
    ]);
    assert_eq!(found, ["mosquitto: [\"/var/log/mosquitto/mosquitto.log\"] ", "rabbitmq: [\"/var/log/rabbitmq/*@*.log\"] "]);
}

#[test]
fn a_log_elsewhere_is_found_by_the_settings() {
    let found = found(&[
        ("etc/mosquitto/mosquitto.conf", "# log_dest file /no\n log_dest file /data/my.log\nlog_dest file /dev/null\n"),
        ("data/my.log", ""),
    ]);
    assert_eq!(found, ["mosquitto: [\"/data/my.log\"] "]);
}

#[test]
fn an_installed_product_without_a_log_is_named_with_what_helps() {
    let silent = found(&[("usr/sbin/mosquitto", ""), ("usr/local/bin/rumqttd", "")]);
    assert!(silent[0].starts_with("mosquitto: [] Eclipse Mosquitto is installed (its unit is mosquitto.service) and no log of it was found: add the line `log_dest file"), "{silent:?}");
    assert!(silent[1].starts_with("rumqttd: [] rumqttd is installed (its unit is rumqttd.service)"), "{silent:?}");
    let waiting = found(&[("etc/mosquitto/mosquitto.conf", "log_dest file /data/my.log\n")]);
    assert!(waiting[0].contains("and logs to /data/my.log, which is not there"), "{waiting:?}");
    let syslog = found(&[("etc/mosquitto/mosquitto.conf", "pid_file /x\n"), ("etc/mosquitto/conf.d/log.conf", "log_dest syslog\n")]);
    assert!(syslog[0].contains("sends its log elsewhere (/etc/mosquitto/conf.d/log.conf: `log_dest syslog`)"), "{syslog:?}");
}

#[test]
fn a_web_servers_log_is_not_watched_unasked() {
    let log = ("var/log/nginx/error.log", "");
    let web = found(&[log, ("etc/nginx/nginx.conf", "http { server { listen 443 ssl; } }\n# stream to 8883\n")]);
    assert!(web[0].starts_with("nginx: [] nginx is installed and its settings do not speak of MQTT"), "{web:?}");
    let stream = found(&[log, ("etc/nginx/nginx.conf", "stream {\n  server { listen 8883 ssl; }\n}\n")]);
    assert_eq!(stream, ["nginx: [\"/var/log/nginx/error.log\"] "]);
}

#[test]
fn every_grammar_says_where_its_product_logs_or_what_to_do() {
    let library = Library::load(None).unwrap();
    for grammar in library.each() {
        let install = grammar.install.as_ref().unwrap_or_else(|| panic!("{} has no [install]", grammar.name));
        assert!(!install.signs.is_empty(), "{}", grammar.name);
        assert!(install.hint.is_some(), "{}", grammar.name);
    }
}
