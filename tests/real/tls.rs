//! TLS clients: `openssl s_client`.

use std::io::{Read as _, Write as _};
use std::net::Ipv4Addr;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use super::mqtt::{Connect, DISCONNECT};
use super::wait::within;

/// What the client brings.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct TlsClient<'a> {
    /// Certificate and key.
    pub(crate) own: Option<(&'a str, &'a str)>,
    /// Whom it trusts; it does not care when there is none.
    pub(crate) trusts: Option<&'a str>,
    /// Further options.
    pub(crate) options: &'a [&'a str],
}

/// Connects over TLS, sends the CONNECT, and says whether the broker accepted it. An accepted client says good-bye. Returns
/// when the connection has ended.
pub(crate) fn tls_attempt(from: Ipv4Addr, port: u16, tls: TlsClient<'_>, connect: &Connect) -> bool {
    let mut command = Command::new("openssl");
    command.args(["s_client", "-quiet", "-connect", &format!("127.0.0.1:{port}"), "-bind", &format!("{from}:0")]);
    if let Some((pem, key)) = tls.own {
        command.args(["-cert", pem, "-key", key]);
    }
    if let Some(ca) = tls.trusts {
        command.args(["-CAfile", ca, "-verify_return_error"]);
    }
    command.args(tls.options).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut process = Process(command.spawn().unwrap());
    let (mut to, mut out) = (process.0.stdin.take().unwrap(), process.0.stdout.take().unwrap());
    let packet = connect.packet();
    let accepted = within("the TLS client's connection", move || converse(&mut to, &mut out, &packet));
    within("the TLS client's end", move || process.0.wait().unwrap());
    accepted
}

fn converse(to: &mut ChildStdin, out: &mut ChildStdout, packet: &[u8]) -> bool {
    // It may be gone before anything was sent.
    let _ = to.write_all(packet);
    let (mut answer, mut accepted) = (Vec::new(), false);
    let mut buffer = [0; 256];
    while let Ok(count @ 1..) = out.read(&mut buffer) {
        answer.extend(&buffer[..count]);
        if let [0x20, _, _, 0, ..] = answer[..]
            && !accepted
        {
            accepted = true;
            let _ = to.write_all(&DISCONNECT);
        }
    }
    accepted
}

/// A child that does not outlive the test.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
