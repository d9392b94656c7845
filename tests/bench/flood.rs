//! A flood: nothing but refusals, each of another client. The worst case for a table that is keyed by client.

use std::io;

use crate::logs::Lines;

const BEGIN: i64 = 1_795_444_592;

/// The name of the client with this number.
pub fn client(n: u64) -> String {
    format!("bot-{:08x}-{n:07}", n.wrapping_mul(2_654_435_761) & 0xffff_ffff)
}

/// Writes this many clients, beginning with the one of this number.
pub fn write(clients: u64, first: u64, out: &mut Lines<'_>) -> io::Result<()> {
    if first == 0 {
        // From here on every connection is known.
        out.line(BEGIN * 1000, format_args!("{BEGIN}: mosquitto version 2.0.22 starting"))?;
    }
    for n in first..first + clients {
        let t = BEGIN + (n / 2000) as i64;
        let (ip, port) = (format!("10.{}.{}.{}", n >> 16 & 255, n >> 8 & 255, n & 255), 1024 + n % 60_000);
        let id = client(n);
        out.line(t * 1000, format_args!("{t}: New connection from {ip}:{port} on port 1883."))?;
        out.line(t * 1000, format_args!("{t}: Sending CONNACK to {id} (0, 5)"))?;
        out.line(t * 1000, format_args!("{t}: Client {id} disconnected, not authorised."))?;
        out.refused(&id, t * 1000, ip);
    }
    Ok(())
}
