//! A busy Mosquitto 2.0.22 with `log_type all`: mostly messages, about 1 % connects, 0.1 % refusals, a few of which overlap with
//! another connect, and now and then a port scan.

use std::io;

use crate::logs::{Generator, Lines};
use crate::rng::Rng;

const BEGIN: i64 = 1_795_444_592;
/// One connect for this many rounds of traffic, and a tenth as many refusals.
const TRAFFIC_PER_CONNECT: u64 = 37;

/// The broker.
pub struct Mosquitto {
    rng: Rng,
    millis: i64,
    devices: u64,
    strangers: u64,
    begun: bool,
}

impl Mosquitto {
    /// A broker whose number of clients goes with the size of the log.
    pub fn new(seed: u64, size: u64) -> Mosquitto {
        let strangers = (size / 250_000).clamp(20, 4_000);
        Mosquitto { rng: Rng::new(seed), millis: BEGIN * 1000, devices: strangers * 2, strangers, begun: false }
    }

    fn second(&self) -> i64 {
        self.millis / 1000
    }

    fn device(&mut self) -> (u64, String) {
        let n = self.rng.below(self.devices);
        (n, device(n))
    }

    fn address(&mut self, n: u64) -> (String, u64) {
        (format!("10.{}.{}.{}", n >> 14 & 63, n >> 7 & 127, n & 127), 32_768 + self.rng.below(28_000))
    }

    fn traffic(&mut self, out: &mut Lines<'_>) -> io::Result<()> {
        let (n, id) = self.device();
        let (ms, t) = (self.millis, self.second());
        match self.rng.below(8) {
            0 => {
                out.line(ms, format_args!("{t}: Received PINGREQ from {id}"))?;
                out.line(ms, format_args!("{t}: Sending PINGRESP to {id}"))
            }
            kind => {
                let (qos, mid, size) = (u64::from(kind < 3), self.rng.below(65_000) + 1, self.rng.below(400) + 8);
                let number = if qos == 0 { 0 } else { mid };
                let topic = format!("site/{}/{}", n % 50, ["telemetry", "state", "alarm", "meter/energy"][(mid % 4) as usize]);
                out.line(ms, format_args!("{t}: Received PUBLISH from {id} (d0, q{qos}, r0, m{number}, '{topic}', ... ({size} bytes))"))?;
                if qos == 1 {
                    out.line(ms, format_args!("{t}: Sending PUBACK to {id} (m{mid}, rc0)"))?;
                }
                let to = self.device().1;
                out.line(ms, format_args!("{t}: Sending PUBLISH to {to} (d0, q0, r0, m0, '{topic}', ... ({size} bytes))"))
            }
        }
    }

    fn opened(&mut self, out: &mut Lines<'_>, from: &(String, u64)) -> io::Result<()> {
        out.line(self.millis, format_args!("{}: New connection from {}:{} on port 1883.", self.second(), from.0, from.1))
    }

    fn accepted(&mut self, out: &mut Lines<'_>, n: u64, from: &(String, u64)) -> io::Result<()> {
        let (ms, t, id) = (self.millis, self.second(), device(n));
        let (ip, port) = from;
        out.line(ms, format_args!("{t}: New client connected from {ip}:{port} as {id} (p2, c1, k60, u'dev{}').", n % 90))?;
        out.line(ms, format_args!("{t}: No will message specified."))?;
        out.line(ms, format_args!("{t}: Sending CONNACK to {id} (0, 0)"))?;
        out.line(ms, format_args!("{t}: Received SUBSCRIBE from {id}"))?;
        out.line(ms, format_args!("{t}: \tsite/{}/cmd (QoS 0)", n % 50))?;
        out.line(ms, format_args!("{t}: {id} 0 site/{}/cmd", n % 50))?;
        out.line(ms, format_args!("{t}: Sending SUBACK to {id}"))
    }

    fn connect(&mut self, out: &mut Lines<'_>) -> io::Result<()> {
        let (n, id) = self.device();
        let (ms, t) = (self.millis, self.second());
        out.line(ms, format_args!("{t}: Received DISCONNECT from {id}"))?;
        out.line(ms, format_args!("{t}: Client {id} disconnected."))?;
        let from = self.address(n);
        self.opened(out, &from)?;
        self.accepted(out, n, &from)
    }

    fn refuse(&mut self, out: &mut Lines<'_>) -> io::Result<()> {
        let n = self.rng.below(self.strangers);
        let (from, id) = (self.address(n + (1 << 19)), stranger(n));
        // One in twenty-five while another client is connecting: then the order of the lines says nothing about the address.
        let other = self.rng.per_mille(40).then(|| {
            let n = self.rng.below(self.devices);
            (n, self.address(n))
        });
        let first = self.rng.per_mille(500);
        if let Some((_, also)) = other.as_ref().filter(|_| first) {
            self.opened(out, also)?;
        }
        self.opened(out, &from)?;
        if let Some((_, also)) = other.as_ref().filter(|_| !first) {
            self.opened(out, also)?;
        }
        let (ms, t) = (self.millis, self.second());
        out.line(ms, format_args!("{t}: Sending CONNACK to {id} (0, 5)"))?;
        out.line(ms, format_args!("{t}: Client {id} disconnected, not authorised."))?;
        out.refused(&id, ms, from.0);
        match other {
            Some((n, also)) => self.accepted(out, n, &also),
            None => Ok(()),
        }
    }

    fn scan(&mut self, out: &mut Lines<'_>) -> io::Result<()> {
        let from = self.address(1 << 18);
        self.opened(out, &from)?;
        out.line(self.millis, format_args!("{}: Client <unknown> closed its connection.", self.second()))
    }
}

impl Generator for Mosquitto {
    fn step(&mut self, out: &mut Lines<'_>) -> io::Result<()> {
        if !std::mem::replace(&mut self.begun, true) {
            let (ms, t) = (self.millis, self.second());
            out.line(ms, format_args!("{t}: mosquitto version 2.0.22 starting"))?;
            out.line(ms, format_args!("{t}: Config loaded from /etc/mosquitto/mosquitto.conf."))?;
            out.line(ms, format_args!("{t}: Opening ipv4 listen socket on port 1883."))?;
            out.line(ms, format_args!("{t}: mosquitto version 2.0.22 running"))?;
        }
        self.millis += self.rng.below(50) as i64;
        match self.rng.below((TRAFFIC_PER_CONNECT + 1) * 20) {
            0..2 => self.refuse(out),
            2..22 => self.connect(out),
            22 => self.scan(out),
            _ => self.traffic(out),
        }
    }
}

fn device(n: u64) -> String {
    match n % 3 {
        0 => format!("sensor-{n:05}"),
        1 => format!("DVES_{:06X}", n * 7919),
        _ => format!("gw/{}/line {}", n % 40, n),
    }
}

fn stranger(n: u64) -> String {
    match n % 3 {
        0 => format!("esp32-{:06x}", (n * 104_729) & 0xff_ffff),
        1 => format!("old tablet {n}"),
        _ => format!("mqttjs_{:08x}", (n * 2_654_435_761) & 0xffff_ffff),
    }
}
