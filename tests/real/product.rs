//! Brokers and terminators as child processes, each with ports, a configuration and logs of its own.

use std::net::TcpListener;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process_group};

use super::broker::program;
use super::wait::wait_until;

/// A running product. It and what it started is ended when dropped.
pub(crate) struct Product {
    child: Child,
    /// What it needs beside it.
    helper: Option<Child>,
    /// Its logs: grammar and path.
    pub(crate) logs: Vec<(&'static str, PathBuf)>,
    /// Where MQTT clients connect.
    pub(crate) port: u16,
}

impl Drop for Product {
    fn drop(&mut self) {
        let _ = kill_process_group(Pid::from_child(&self.child), Signal::TERM);
        let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
        let _ = self.child.wait();
        if let Some(helper) = &mut self.helper {
            let _ = helper.kill();
            let _ = helper.wait();
        }
    }
}

/// A port on which nothing listens.
fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

/// Starts a program in a group of its own, with its output in this file.
fn spawn(command: &mut Command, dir: &Path, out: &Path) -> Child {
    let file = std::fs::File::create(out).unwrap();
    let both = file.try_clone().unwrap();
    let started = command.current_dir(dir).process_group(0).stdin(Stdio::null()).stdout(file).stderr(both).spawn();
    started.unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

/// Waits until something listens on the port.
fn listening(port: u16, out: &Path) {
    wait_until("the product's start", || match std::net::TcpStream::connect(("127.0.0.1", port)) {
        Ok(_) => Ok(()),
        Err(error) => Err(format!("{error}: {}", std::fs::read_to_string(out).unwrap_or_default())),
    });
}

fn write(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}

/// RabbitMQ with its MQTT plug-in; alice has the password `right`.
pub(crate) fn rabbitmq(dir: &Path) -> Product {
    let (port, amqp, epmd, dist) = (free_port(), free_port(), free_port(), free_port());
    let log = dir.join("rabbit.log");
    write(&dir.join("enabled_plugins"), "[rabbitmq_mqtt].\n");
    write(
        &dir.join("rabbitmq.conf"),
        &format!(
            "listeners.tcp.1 = 127.0.0.1:{amqp}\nmqtt.listeners.tcp.1 = 127.0.0.1:{port}\nmqtt.allow_anonymous = false\n\
             log.file = {}\nlog.file.level = debug\nload_definitions = {}\n",
            log.display(),
            dir.join("definitions.json").display()
        ),
    );
    write(
        &dir.join("definitions.json"),
        r#"{"users":[{"name":"alice","password_hash":"AQIDBPmWwfwOd1zrkUz1GhP41uoXtgCgs/EQOqfPE7YpdJ6j","hashing_algorithm":"rabbit_password_hashing_sha256","tags":""}],"vhosts":[{"name":"/"}],
           "permissions":[{"user":"alice","vhost":"/","configure":".*","write":".*","read":".*"}]}"#,
    );
    let out = dir.join("rabbitmq.out");
    let mut command = Command::new("/usr/lib/rabbitmq/bin/rabbitmq-server");
    command.envs([
        ("HOME", dir.display().to_string()),
        ("RABBITMQ_NODENAME", format!("turnaway{port}@localhost")),
        ("RABBITMQ_CONFIG_FILE", dir.join("rabbitmq").display().to_string()),
        ("RABBITMQ_ENABLED_PLUGINS_FILE", dir.join("enabled_plugins").display().to_string()),
        ("RABBITMQ_MNESIA_BASE", dir.join("mnesia").display().to_string()),
        ("RABBITMQ_LOG_BASE", dir.display().to_string()),
        ("RABBITMQ_PID_FILE", dir.join("pid").display().to_string()),
        ("RABBITMQ_DIST_PORT", dist.to_string()),
        ("ERL_EPMD_PORT", epmd.to_string()),
        ("ERL_EPMD_ADDRESS", "127.0.0.1".to_owned()),
    ]);
    // It would start one that outlives it.
    let mut names = Command::new("epmd");
    let helper = spawn(names.args(["-port", &epmd.to_string(), "-address", "127.0.0.1"]), dir, &dir.join("epmd.out"));
    let child = spawn(&mut command, dir, &out);
    let product = Product { child, helper: Some(helper), logs: vec![("rabbitmq", log)], port };
    listening(port, &out);
    wait_until("the users", || {
        let log = std::fs::read_to_string(&product.logs[0].1).unwrap_or_default();
        if log.contains("Server startup complete") { Ok(()) } else { Err(log) }
    });
    product
}

/// ejabberd with mod_mqtt; alice has the password `right`.
pub(crate) fn ejabberd(dir: &Path) -> Product {
    let (port, epmd) = (free_port(), free_port());
    let log = dir.join("ejabberd.log");
    write(
        &dir.join("ejabberd.yml"),
        &format!(
            "hosts: [localhost]\nloglevel: debug\nauth_method: internal\nauth_password_format: plain\n\
             listen:\n  - port: {port}\n    ip: \"127.0.0.1\"\n    module: mod_mqtt\nmodules:\n  mod_mqtt: {{}}\n"
        ),
    );
    write(&dir.join("inetrc"), "{lookup,[file,native]}.\n");
    let out = dir.join("ejabberd.out");
    let boot = "{ok, _} = ejabberd:start(), ejabberd_auth:try_register(<<\"alice\">>, <<\"localhost\">>, <<\"right\">>), file:write_file(\"ready\", \"\").";
    let mut command = Command::new("erl");
    let libraries = glob::glob("/usr/lib/x86_64-linux-gnu/ejabberd*/ebin").unwrap().chain(glob::glob("/usr/lib/*/ejabberd*/ebin").unwrap());
    let beams: Vec<String> = libraries.flatten().map(|path| path.display().to_string()).collect();
    command.args(["-noinput", "-pa"]).args(&beams).args(["-mnesia", "dir", &format!("\"{}\"", dir.join("mnesia").display())]);
    command.args(["-eval", boot]).envs([
        ("HOME", dir.display().to_string()),
        ("EJABBERD_CONFIG_PATH", dir.join("ejabberd.yml").display().to_string()),
        ("EJABBERD_LOG_PATH", log.display().to_string()),
        ("SPOOL_DIR", dir.display().to_string()),
        ("ERL_EPMD_PORT", epmd.to_string()),
    ]);
    let product = Product { child: spawn(&mut command, dir, &out), helper: None, logs: vec![("ejabberd", log)], port };
    listening(port, &out);
    wait_until("the user", || if dir.join("ready").exists() { Ok(()) } else { Err(std::fs::read_to_string(&out).unwrap_or_default()) });
    product
}

/// aMQTT at debug; alice has the password `right`.
pub(crate) fn amqtt(dir: &Path, python: &str) -> Product {
    let port = free_port();
    let hash = "from passlib.hash import argon2; print(argon2.hash('right'))";
    let made = Command::new(python).args(["-c", hash]).output().unwrap();
    let hash = if made.status.success() {
        String::from_utf8(made.stdout).unwrap()
    } else {
        let newer = "from argon2 import PasswordHasher; print(PasswordHasher().hash('right'))";
        String::from_utf8(Command::new(python).args(["-c", newer]).output().unwrap().stdout).unwrap()
    };
    write(&dir.join("passwd"), &format!("alice:{}\n", hash.trim()));
    write(
        &dir.join("broker.yaml"),
        &format!(
            "listeners:\n  default:\n    type: tcp\n    bind: 127.0.0.1:{port}\nplugins:\n  \
             amqtt.plugins.logging_amqtt.PacketLoggerPlugin: {{}}\n  amqtt.plugins.authentication.FileAuthPlugin:\n    password_file: {}\n",
            dir.join("passwd").display()
        ),
    );
    let log = dir.join("amqtt.log");
    let mut command = Command::new(Path::new(python).with_file_name("amqtt"));
    command.args(["-d", "-c"]).arg(dir.join("broker.yaml"));
    let product = Product { child: spawn(&mut command, dir, &log), helper: None, logs: vec![("amqtt", log.clone())], port };
    listening(port, &log);
    product
}

/// rumqttd at info; alice has the password `right`.
pub(crate) fn rumqttd(dir: &Path, program: &str) -> Product {
    let (port, console, prometheus) = (free_port(), free_port(), free_port());
    write(
        &dir.join("rumqttd.toml"),
        &format!(
            "id = 0\n[router]\nid = 0\nmax_connections = 100\nmax_outgoing_packet_count = 200\nmax_segment_size = 104857600\n\
             max_segment_count = 10\n[v4.1]\nname = \"v4-1\"\nlisten = \"127.0.0.1:{port}\"\nnext_connection_delay_ms = 1\n\
             [v4.1.connections]\nconnection_timeout_ms = 60000\nmax_payload_size = 20480\nmax_inflight_count = 100\n\
             dynamic_filters = true\n[v4.1.connections.auth]\nalice = \"right\"\n[console]\nlisten = \"127.0.0.1:{console}\"\n\
             [prometheus]\nlisten = \"127.0.0.1:{prometheus}\"\ninterval = 60\n"
        ),
    );
    let log = dir.join("rumqttd.log");
    let mut command = Command::new(program);
    command.args(["-v", "-c"]).arg(dir.join("rumqttd.toml"));
    let product = Product { child: spawn(&mut command, dir, &log), helper: None, logs: vec![("rumqttd", log.clone())], port };
    listening(port, &log);
    product
}

/// The certificates of a terminator.
#[derive(Debug, Clone)]
pub(crate) struct Files {
    pub(crate) ca: String,
    pub(crate) pem: String,
    pub(crate) key: String,
}

/// HAProxy that ends TLS before the broker on port `behind`.
pub(crate) fn haproxy(dir: &Path, files: &Files, behind: u16) -> Product {
    let port = free_port();
    let both = [std::fs::read_to_string(&files.pem).unwrap(), std::fs::read_to_string(&files.key).unwrap()].concat();
    write(&dir.join("both.pem"), &both);
    write(
        &dir.join("haproxy.cfg"),
        &format!(
            "global\n  log stdout format raw local0\ndefaults\n  mode tcp\n  log global\n  timeout connect 5s\n  timeout client 20s\n  \
             timeout server 20s\n  option tcplog\nfrontend mqtts\n  bind 127.0.0.1:{port} ssl crt {} ca-file {} verify required\n  \
             log-format \"%ci:%cp [%t] %ft %b/%s %Tw/%Tc/%Tt %B %ts %ac/%fc/%bc/%sc/%rc %sq/%bq bp=%bp\"\n  default_backend broker\n\
             backend broker\n  server one 127.0.0.1:{behind}\n",
            dir.join("both.pem").display(),
            files.ca
        ),
    );
    let log = dir.join("haproxy.log");
    let mut command = Command::new(program("haproxy", "haproxy"));
    command.arg("-db").arg("-f").arg(dir.join("haproxy.cfg"));
    let product = Product { child: spawn(&mut command, dir, &log), helper: None, logs: vec![("haproxy", log.clone())], port };
    listening(port, &log);
    product
}

/// nginx that ends TLS before the broker on port `behind`.
pub(crate) fn nginx(dir: &Path, files: &Files, behind: u16) -> Product {
    let port = free_port();
    let log = dir.join("nginx.log");
    let module = ["/usr/lib/nginx/modules/ngx_stream_module.so", "/usr/share/nginx/modules/ngx_stream_module.so"];
    let module = module.iter().find(|path| Path::new(path).exists()).map(|path| format!("load_module {path};\n")).unwrap_or_default();
    write(
        &dir.join("nginx.conf"),
        &format!(
            "{module}pid {0}/nginx.pid;\nerror_log {1} info;\ndaemon off;\nmaster_process off;\nevents {{}}\nstream {{\n  server {{\n    \
             listen 127.0.0.1:{port} ssl;\n    ssl_certificate {2};\n    ssl_certificate_key {3};\n    ssl_client_certificate {4};\n    \
             ssl_verify_client on;\n    proxy_pass 127.0.0.1:{behind};\n  }}\n}}\n",
            dir.display(),
            log.display(),
            files.pem,
            files.key,
            files.ca
        ),
    );
    let out = dir.join("nginx.out");
    let mut command = Command::new(program("nginx", "nginx libnginx-mod-stream"));
    command.arg("-p").arg(dir).arg("-e").arg(&log).arg("-c").arg(dir.join("nginx.conf"));
    let product = Product { child: spawn(&mut command, dir, &out), helper: None, logs: vec![("nginx", log)], port };
    listening(port, &out);
    product
}

/// stunnel that ends TLS before the broker on port `behind`.
pub(crate) fn stunnel(dir: &Path, files: &Files, behind: u16) -> Product {
    let port = free_port();
    let log = dir.join("stunnel.log");
    write(
        &dir.join("stunnel.conf"),
        &format!(
            "foreground = yes\npid =\ndebug = 5\noutput = {}\n[mqtts]\naccept = 127.0.0.1:{port}\nconnect = 127.0.0.1:{behind}\n\
             cert = {}\nkey = {}\nCAfile = {}\nverifyChain = yes\n",
            log.display(),
            files.pem,
            files.key,
            files.ca
        ),
    );
    let out = dir.join("stunnel.out");
    let mut command = Command::new(program("stunnel", "stunnel4"));
    command.arg(dir.join("stunnel.conf"));
    let product = Product { child: spawn(&mut command, dir, &out), helper: None, logs: vec![("stunnel", log)], port };
    listening(port, &out);
    product
}
