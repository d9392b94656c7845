//! `turnaway token new`.

use clap::{Args, Subcommand, ValueEnum};

use super::{CliError, Console};
use crate::api::NewToken;
use crate::config::DEFAULT_FILE;

/// Access tokens for the API and the page
#[derive(Debug, Clone, Args)]
pub struct TokenArgs {
    #[command(subcommand)]
    command: TokenCommand,
}

#[derive(Debug, Clone, Subcommand)]
enum TokenCommand {
    /// Make a token: prints it once, and the lines for the configuration, which hold only its hash
    #[command(after_help = "Examples:\n  turnaway token new --role auditor --name ann\n  \
                            TURNAWAY_TOKEN=turnaway_… turnaway list --server 192.0.2.1:8099\n  \
                            curl -H 'Authorization: Bearer turnaway_…' 'http://192.0.2.1:8099/api/unauthorized/client?pageSize=10&page=0'")]
    New {
        /// What the token allows
        #[arg(long, value_enum)]
        role: RoleArg,
        /// Whose it is: stands in the daemon's log when something is deleted [default: the role]
        #[arg(long, value_name = "NAME", value_parser = name)]
        name: Option<String>,
    },
}

/// What a token allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum RoleArg {
    /// Reads
    Auditor,
    /// Reads and deletes
    Operator,
}

impl RoleArg {
    fn word(self) -> &'static str {
        match self {
            RoleArg::Auditor => "auditor",
            RoleArg::Operator => "operator",
        }
    }
}

fn name(text: &str) -> Result<String, String> {
    crate::config::name_fault(text).map_or_else(|| Ok(text.to_owned()), |fault| Err(fault.to_owned()))
}

/// Runs the command.
///
/// # Errors
/// There are no random bytes, or the output fails.
pub fn run(args: &TokenArgs, console: &mut Console<'_>) -> Result<(), CliError> {
    let TokenCommand::New { role, name } = &args.command;
    let token = NewToken::generate().map_err(CliError::System)?;
    let name = toml::Value::String(name.clone().unwrap_or_else(|| role.word().to_owned()));
    let (secret, hash, role) = (&token.secret, token.hash, role.word());
    console.say(&format!(
        "{secret}\n\n\
         # Give the token above to whoever is to use it: it is not kept and not shown again.\n\
         # Put these lines into {DEFAULT_FILE} and restart turnaway:\n\n\
         [[token]]\nname = {name}\nrole = \"{role}\"\nsha256 = \"{hash}\""
    ))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::api::{Hash, Role};
    use crate::cli::console::testing;
    use crate::config::{ConfigArgs, Raw};

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        token: TokenArgs,
    }

    fn run_line(line: &[&str]) -> String {
        let line = Line::try_parse_from([&["token"], line].concat()).unwrap();
        let (result, out, _) = testing::run("", |console| run(&line.token, console));
        result.unwrap();
        out
    }

    #[test]
    fn the_lines_load_and_hold_the_hash_only() {
        for (line, name, role) in [
            (&["new", "--role", "auditor"][..], "auditor", Role::Auditor),
            (&["new", "--role", "operator", "--name", "ann \"the op\" \\ o'x"], "ann \"the op\" \\ o'x", Role::Operator),
        ] {
            let out = run_line(line);
            let (secret, lines) = out.split_once('\n').unwrap();
            let config = Raw::check(Some(Raw::read("f", lines)), &ConfigArgs::default(), Ok(vec![])).unwrap();
            assert_eq!((config.tokens[0].name.as_str(), config.tokens[0].role), (name, role));
            assert_eq!(config.tokens[0].sha256, Hash::of(secret));
            assert!(!lines.contains(secret));
        }
    }

    #[test]
    fn wrong_usage_is_refused() {
        for line in [
            &["new"][..],
            &["new", "--role", "admin"],
            &["new", "--role", "auditor", "--name", ""],
            &["new", "--role", "auditor", "--name", "a\nb"],
            &[],
        ] {
            assert!(Line::try_parse_from([&["token"], line].concat()).is_err(), "{line:?}");
        }
    }
}
