//! Why a command failed, and its exit code.

use super::client::ClientError;
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
    /// 1 for a failure of the work, 2 for wrong usage or configuration; 0 when whoever reads our output has seen enough.
    pub fn exit_code(&self) -> u8 {
        match self {
            CliError::Usage(_) | CliError::Config(_) | CliError::Problems(_) => 2,
            CliError::Output(error) if error.kind() == std::io::ErrorKind::BrokenPipe => 0,
            CliError::Client(_) | CliError::System(_) | CliError::Output(_) => 1,
        }
    }

    /// The message for standard error, with its heading; empty when there is nothing to say.
    pub fn render(&self, colour: bool) -> String {
        match self {
            CliError::Config(error) => error.render(colour),
            error if error.exit_code() == 0 => String::new(),
            error => format!("error: {error}"),
        }
    }
}

fn to_mend(problems: &usize) -> String {
    format!("{problems} {} to mend, see above", if *problems == 1 { "problem" } else { "problems" })
}
