//! Why a command failed, and its exit code.

use std::io::IsTerminal as _;

use super::client::ClientError;
use super::common::Failure;
use super::console::wants_colour;
use crate::config::ConfigError;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// The command line asks for something that cannot be.
    #[error("{0}")]
    Usage(String),
    /// There is no configuration, or a wrong one.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// `check` found this many problems, and has shown them.
    #[error("{}", to_mend(.0))]
    Problems(usize),
    /// The daemon could not be asked, or said no.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The system gave no random bytes, or no thread to work on.
    #[error("the system fails us: {0}")]
    System(std::io::Error),
    /// What was found could not be written out.
    #[error("cannot write the output: {0}")]
    Output(std::io::Error),
}

impl CliError {
    /// 1 for a failure of the work, 2 for wrong usage or configuration.
    pub fn exit_code(&self) -> u8 {
        match self {
            CliError::Usage(_) | CliError::Config(_) | CliError::Problems(_) => 2,
            CliError::Client(_) | CliError::System(_) | CliError::Output(_) => 1,
        }
    }

    /// The message for standard error, with its heading.
    pub fn render(&self, colour: bool) -> String {
        match self {
            CliError::Config(error) => error.render(colour),
            error => format!("error: {error}"),
        }
    }
}

impl From<CliError> for Failure {
    fn from(error: CliError) -> Failure {
        let message = match &error {
            CliError::Config(error) => error.render(wants_colour() && std::io::stderr().is_terminal()),
            error => error.to_string(),
        };
        if error.exit_code() == 2 { Failure::usage(message) } else { Failure::work(message) }
    }
}

/// Turns an error of the output into ours. That nobody reads it any more is none.
pub(super) fn written(result: std::io::Result<()>) -> Result<(), CliError> {
    match result {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(CliError::Output(error)),
        _ => Ok(()),
    }
}

fn to_mend(problems: &usize) -> String {
    format!("{problems} {} to mend, see above", if *problems == 1 { "problem" } else { "problems" })
}
