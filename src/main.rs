//! The command line program.
use std::collections::BTreeMap;
use turnaway::{conversation::Settings, engine::*, grammar::*, model::*};
fn main() {
    let args: Vec<String> = std::env::args().collect();
    let mut tls = vec![];
    let mut zone = jiff::tz::TimeZone::UTC;
    let mut log = String::new();
    let mut i = 1;
    while i < args.len() {
        match args[i].as_str() {
            "--tls-port" => {
                tls.push(args[i + 1].parse().unwrap());
                i += 1;
            }
            "--timezone" => {
                zone = jiff::tz::TimeZone::get(&args[i + 1]).unwrap();
                i += 1;
            }
            "--log" => {
                log = args[i + 1].clone();
                i += 1;
            }
            _ => {}
        }
        i += 1;
    }
    let library = match Library::load(None) {
        Ok(l) => l,
        Err(e) => {
            println!("{e}");
            std::process::exit(2)
        }
    };
    let (name, path) = log.split_once('=').unwrap();
    let g = library.get(name).unwrap();
    let mut engine =
        Engine::new(g.clone(), Options { settings: Settings { broker: name.into(), tls_ports: tls }, zone, time_format: None });
    let mut out = Vec::new();
    engine.feed(&std::fs::read(path).unwrap(), 1795446253000, &mut out);
    engine.finish(&mut out);
    let mut table: BTreeMap<ClientKey, Row> = BTreeMap::new();
    for a in out {
        match a {
            Attempt::Accepted(k, _) => {
                table.remove(&k);
            }
            Attempt::Refused(mut r) => {
                if let Some(o) = table.get(&r.key()) {
                    r.continue_from(o);
                }
                table.insert(r.key(), *r);
            }
        }
    }
    for r in table.values() {
        println!("{}", serde_json::to_string(r).unwrap());
    }
}
