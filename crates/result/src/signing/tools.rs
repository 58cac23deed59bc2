//! The programs that reach keys which we cannot: `ssh-keygen`, `ssh-add` and `git`.
//!
//! This file must never pass a secret on a command line, and never let a program write a file.

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::thread;

use ssh_key::PublicKey;

use hlb_core::hint::Hint;
use hlb_core::text::{last_words, show};

const SSH_KEYGEN: &str = "ssh-keygen";
const SSH_ADD: &str = "ssh-add";
const GIT: &str = "git";

/// The programs in `PATH`, and what is added to their environment.
///
/// Another environment points them at another agent or configuration than the process's own.
#[derive(Clone, Debug, Default)]
pub struct Tools {
    environment: Vec<(OsString, OsString)>,
}

/// A program that did not do its part.
#[derive(thiserror::Error, Debug)]
#[expect(missing_docs, reason = "the messages say what the fields are")]
pub enum ToolError {
    #[error("cannot start `{program}`")]
    Start { program: String, source: io::Error },
    #[error("`{program}` failed ({status}): {said}")]
    Failed { program: String, status: String, said: String },
}

impl Hint for ToolError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Start { program, source } if source.kind() == io::ErrorKind::NotFound => {
                Some(match program.as_str() {
                    SSH_KEYGEN | SSH_ADD => "install OpenSSH (Debian: `apt install openssh-client`), or pass a plain \
                         Ed25519 key file with `--key`"
                        .to_owned(),
                    _ => format!("install `{program}`, or pass a key file with `--key`"),
                })
            }
            Self::Start { .. } => None,
            Self::Failed { .. } => Some(
                "if the key has a passphrase or lies in a token, add it to the agent with \
                 `ssh-add` first"
                    .to_owned(),
            ),
        }
    }
}

impl Tools {
    /// Adds a variable to the environment of every program.
    #[must_use]
    pub fn with_env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// Signs `message` with the key at `key`, as `ssh-keygen -Y sign` does, and returns what the
    /// program wrote.
    ///
    /// The message goes in on standard input. Given a file instead, `ssh-keygen` ends with success
    /// and without a signature when the `.sig` file is there already and nobody can be asked.
    /// `program` signs instead of `ssh-keygen`; `in_token` shows what it asks the user for.
    pub(super) fn sign(
        &self,
        program: Option<&str>,
        (key, in_token): (&Path, bool),
        namespace: &str,
        message: &[u8],
    ) -> Result<Vec<u8>, ToolError> {
        let program = program.unwrap_or(SSH_KEYGEN);
        let mut command = self.command(program);
        command
            .args(["-Y", "sign", "-n", namespace, "-f"])
            .arg(key)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // A token blinks and waits; the program's request to touch it must be seen.
            .stderr(if in_token { Stdio::inherit() } else { Stdio::piped() });
        answer(program, command.spawn().and_then(|child| feed(child, message)))
    }

    /// The public half of a private key file without a passphrase, or of one with a public half
    /// next to it.
    pub(super) fn public_half(&self, key: &Path) -> Result<Vec<u8>, ToolError> {
        // The empty passphrase is no secret; without it the program would ask.
        answer(SSH_KEYGEN, self.command(SSH_KEYGEN).args(["-y", "-P", "", "-f"]).arg(key).output())
    }

    /// Whether the agent, if there is one, holds this key.
    pub(super) fn agent_holds(&self, key: &PublicKey) -> bool {
        answer(SSH_ADD, self.command(SSH_ADD).arg("-L").output()).is_ok_and(|listed| {
            String::from_utf8_lossy(&listed)
                .lines()
                .filter_map(|line| PublicKey::from_openssh(line).ok())
                .any(|other| other.key_data() == key.key_data())
        })
    }

    /// A setting of git's, `~` expanded; nothing if it is not set or empty.
    pub(super) fn git_setting(&self, name: &str) -> Result<Option<String>, ToolError> {
        let output = self.command(GIT).args(["config", "--type=path", "--get", name]).output();
        if output.as_ref().is_ok_and(|output| output.status.code() == Some(1)) {
            return Ok(None);
        }
        let value = answer(GIT, output)?;
        let value = String::from_utf8_lossy(&value).trim_end_matches('\n').to_owned();
        Ok(Some(value).filter(|value| !value.is_empty()))
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.envs(self.environment.iter().map(|(name, value)| (name.as_os_str(), value.as_os_str())));
        command
    }
}

/// Writes to the program and reads from it at the same time, so that neither waits for ever.
fn feed(mut child: Child, message: &[u8]) -> io::Result<Output> {
    let stdin = child.stdin.take();
    thread::scope(|scope| {
        scope.spawn(move || {
            // A program that ends early closes the pipe; its exit status tells why.
            stdin.map(|mut pipe| pipe.write_all(message))
        });
        child.wait_with_output()
    })
}

/// What a program wrote, if it could be started and succeeded.
fn answer(program: &str, output: io::Result<Output>) -> Result<Vec<u8>, ToolError> {
    let program = show(program);
    let output = output.map_err(|source| ToolError::Start { program: program.clone(), source })?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    Err(ToolError::Failed { program, status: output.status.to_string(), said: last_words(&output.stderr) })
}
