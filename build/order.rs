//! Lays the functions that a start and a daemon at rest run side by side in the program.
//!
//! The kernel brings a program into memory in pieces of up to 64 KiB around whatever is touched, and all of them count as memory of the
//! process. What the daemon runs at rest is a quarter of its code, but scattered over all of it. `order.txt` names those functions, and the
//! linker puts them in front of the others.
//!
//! Nothing depends on it: it is done for release builds for Linux, and only where a program of one line, linked in the same way, runs.
//! Elsewhere, and where a name is not found, the program takes more memory and is otherwise the same.

use std::path::Path;
use std::process::{Command, Stdio};
use std::{env, fs, io};

/// The kinds of sections that compilers put functions into; a pattern has the function's name after that.
const KINDS: [&str; 2] = [".text", ".text.unlikely"];

/// Tells Cargo to order the program's functions, if the linker can.
///
/// # Errors
/// The list cannot be read, or the linker's script not be written.
pub(crate) fn apply(list: &Path, out: &Path) -> io::Result<()> {
    println!("cargo::rerun-if-changed={}", list.display());
    if variable("PROFILE") != "release" || variable("CARGO_CFG_TARGET_OS") != "linux" {
        return Ok(());
    }
    let script = out.join("order.ld");
    fs::write(&script, text(&fs::read_to_string(list)?))?;
    let argument = format!("-Wl,-T,{}", script.display());
    if works(&argument, out) {
        println!("cargo::rustc-link-arg-bins={argument}");
    }
    Ok(())
}

/// The linker's script. It adds to the linker's own one, from the beginning of the code.
fn text(list: &str) -> String {
    let names = list.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let sections = names.flat_map(|name| KINDS.map(|kind| format!("    *({kind}.{name})\n")));
    format!("SECTIONS {{\n  .text : {{\n{}  }}\n}}\nINSERT AFTER .init;\n", sections.collect::<String>())
}

/// Whether a small program can be made with this argument, by the compiler, the linker and the flags that make this one, and runs.
fn works(argument: &str, out: &Path) -> bool {
    let (source, program) = (out.join("order-probe.rs"), out.join("order-probe"));
    if fs::write(&source, "fn main() {}\n").is_err() {
        return false;
    }
    let (host, target, linker, flags) =
        (variable("HOST"), variable("TARGET"), variable("RUSTC_LINKER"), variable("CARGO_ENCODED_RUSTFLAGS"));
    let mut compiler = Command::new(variable("RUSTC"));
    compiler.args(flags.split('\x1f').filter(|flag| !flag.is_empty())).args(["--crate-name", "probe", "--crate-type", "bin"]);
    compiler.args(["--target", &target, "-C", &format!("link-arg={argument}")]);
    if !linker.is_empty() {
        compiler.arg("-C").arg(format!("linker={linker}"));
    }
    let quiet = |command: &mut Command| {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
    };
    // What is built for another machine cannot be tried here.
    quiet(compiler.arg("-o").arg(&program).arg(&source)) && (host != target || quiet(&mut Command::new(&program)))
}

/// A variable that Cargo sets; empty where it does not.
fn variable(name: &str) -> String {
    println!("cargo::rerun-if-env-changed={name}");
    env::var(name).unwrap_or_default()
}
