//! An EMQX 5 that logs JSON at debug level: mostly packets, about 1 % connects, 0.1 % refusals.

use std::io;

use crate::logs::{Generator, Lines};
use crate::rng::Rng;

const BEGIN: i64 = 1_795_444_592_000;

/// The broker.
pub struct Emqx {
    rng: Rng,
    micros: i64,
    clients: u64,
    pid: u64,
}

/// One connection.
struct Peer {
    id: String,
    user: String,
    ip: String,
    port: u64,
    pid: u64,
}

impl Emqx {
    /// A broker whose number of clients goes with the size of the log.
    pub fn new(seed: u64, size: u64) -> Emqx {
        Emqx { rng: Rng::new(seed ^ 0xe), micros: BEGIN * 1000, clients: (size / 500_000).clamp(20, 2_000), pid: 1000 }
    }

    fn peer(&mut self, refused: bool) -> Peer {
        let n = self.rng.below(self.clients);
        self.pid += 3;
        let (net, id) = if refused { (172, format!("press-line-{n:05}")) } else { (10, format!("sensor-{n:05}")) };
        let ip = format!("{net}.{}.{}.{}", n >> 14 & 15, n >> 7 & 127, n & 127);
        Peer { id, user: format!("dev{}", n % 90), ip, port: 32_768 + self.rng.below(28_000), pid: self.pid }
    }

    fn debug(&self, out: &mut Lines<'_>, peer: &Peer, msg: &str, more: &str) -> io::Result<()> {
        let Peer { id, user, ip, port, pid } = peer;
        let time = self.micros;
        out.line(
            time / 1000,
            format_args!(
                r#"{{"time":{time},"level":"debug","msg":"{msg}","username":"{user}","clientid":"{id}","peername":"{ip}:{port}","tag":"MQTT",{more},"pid":"<0.{pid}.0>"}}"#
            ),
        )
    }

    fn connect_packet(&self, out: &mut Lines<'_>, peer: &Peer) -> io::Result<()> {
        let (id, user) = (&peer.id, &peer.user);
        let packet = format!(
            r#""packet":"CONNECT(Q0, R0, D0, ClientId={id}, ProtoName=MQTT, ProtoVsn=4, CleanStart=true, KeepAlive=60, Username={user}, Password=******)""#
        );
        self.debug(out, peer, "mqtt_packet_received", &packet)
    }
}

impl Generator for Emqx {
    fn step(&mut self, out: &mut Lines<'_>) -> io::Result<()> {
        self.micros += self.rng.below(40_000) as i64;
        match self.rng.below(910) {
            0 => {
                let peer = self.peer(true);
                self.connect_packet(out, &peer)?;
                self.debug(out, &peer, "mqtt_packet_sent", r#""packet":"CONNACK(Q0, R0, D0, AckFlags=0, ReasonCode=5)""#)?;
                let Peer { id, user, ip, port, pid } = &peer;
                let time = self.micros;
                out.line(
                    time / 1000,
                    format_args!(
                        r#"{{"time":{time},"level":"info","msg":"terminate","username":"{user}","clientid":"{id}","peername":"{ip}:{port}","reason":"{{shutdown,not_authorized}}","pid":"<0.{pid}.0>","line":672}}"#
                    ),
                )?;
                out.refused(&peer.id, time / 1000, peer.ip.clone());
                Ok(())
            }
            1..11 => {
                let peer = self.peer(false);
                self.connect_packet(out, &peer)?;
                self.debug(out, &peer, "mqtt_packet_sent", r#""packet":"CONNACK(Q0, R0, D0, AckFlags=0, ReasonCode=0)""#)?;
                self.debug(out, &peer, "insert_channel_info", r#""clean_start":true"#)?;
                self.debug(
                    out,
                    &peer,
                    "mqtt_packet_received",
                    r#""packet":"SUBSCRIBE(Q1, R0, D0, PacketId=1 TopicFilters=[site/7/cmd(0)])""#,
                )
            }
            _ => {
                let peer = self.peer(false);
                let (kind, name) = if self.rng.per_mille(500) { ("received", "telemetry") } else { ("sent", "state") };
                let site = self.rng.below(50);
                let packet = format!(r#""packet":"PUBLISH(Q0, R0, D0, Topic=site/{site}/{name}, PacketId=undefined, Payload=******)""#);
                self.debug(out, &peer, &format!("mqtt_packet_{kind}"), &packet)
            }
        }
    }
}
