//! The programs that reach keys which we cannot: `ssh-keygen`, `ssh-add` and `git`.
//!
//! This file must never pass a secret on a command line, and never let a program write a file.

use std::ffi::{OsStr, OsString};
use std::io::{self, Write};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::thread;

use ssh_key::PublicKey;

use hlb_core::hint::Hint;
use hlb_core::text::show;

/// Where the programs are, and what is added to their environment.
///
/// The default takes them from `PATH`. Another environment points them at another agent or
/// configuration than the process's own.
#[derive(Clone, Debug)]
pub struct Tools {
    ssh_keygen: OsString,
    ssh_add: OsString,
    git: OsString,
    environment: Vec<(OsString, OsString)>,
}

impl Default for Tools {
    fn default() -> Self {
        Self { ssh_keygen: "ssh-keygen".into(), ssh_add: "ssh-add".into(), git: "git".into(), environment: Vec::new() }
    }
}

/// A program that did not do its part.
#[non_exhaustive]
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
                    "ssh-keygen" | "ssh-add" => {
                        "install OpenSSH (Debian: `apt install openssh-client`), or pass a plain \
                         Ed25519 key file with `--key`"
                            .to_owned()
                    }
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
    pub(super) fn sign(&self, request: &SignRequest<'_>) -> Result<Vec<u8>, ToolError> {
        let program = request.program.unwrap_or(&self.ssh_keygen);
        let mut command = self.command(program);
        command
            .args(["-Y", "sign", "-n", request.namespace, "-f"])
            .arg(request.key)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // A token blinks and waits; the program's request to touch it must be seen.
            .stderr(if request.show_requests { Stdio::inherit() } else { Stdio::piped() });
        let child = command.spawn().map_err(|source| start(program, source))?;
        let output = feed(child, request.message).map_err(|source| start(program, source))?;
        succeeded(program, output)
    }

    /// The public half of a private key file without a passphrase, or of one with a public half
    /// next to it.
    pub(super) fn public_half(&self, key: &Path) -> Result<Vec<u8>, ToolError> {
        let mut command = self.command(&self.ssh_keygen);
        // The empty passphrase is no secret; without it the program would ask.
        command.args(["-y", "-P", "", "-f"]).arg(key);
        run(&self.ssh_keygen, command)
    }

    /// Whether the agent, if there is one, holds this key.
    pub(super) fn agent_holds(&self, key: &PublicKey) -> bool {
        let mut command = self.command(&self.ssh_add);
        command.arg("-L");
        run(&self.ssh_add, command).is_ok_and(|listed| {
            String::from_utf8_lossy(&listed)
                .lines()
                .filter_map(|line| PublicKey::from_openssh(line).ok())
                .any(|other| other.key_data() == key.key_data())
        })
    }

    /// A setting of git's, `~` expanded; nothing if it is not set or empty.
    pub(super) fn git_setting(&self, name: &str) -> Result<Option<String>, ToolError> {
        let mut command = self.command(&self.git);
        command.args(["config", "--type=path", "--get", name]);
        let output = command.stdin(Stdio::null()).output().map_err(|source| start(&self.git, source))?;
        if output.status.code() == Some(1) {
            return Ok(None);
        }
        let value = succeeded(&self.git, output)?;
        let value = String::from_utf8_lossy(&value).trim_end_matches('\n').to_owned();
        Ok(Some(value).filter(|value| !value.is_empty()))
    }

    fn command(&self, program: &OsStr) -> Command {
        let mut command = Command::new(program);
        command.envs(self.environment.iter().map(|(name, value)| (name.as_os_str(), value.as_os_str())));
        command
    }
}

/// What a signing program is asked for.
pub(super) struct SignRequest<'a> {
    /// A program to use instead of `ssh-keygen`.
    pub(super) program: Option<&'a OsStr>,
    /// The file of the key, private or public.
    pub(super) key: &'a Path,
    /// The namespace.
    pub(super) namespace: &'a str,
    /// The bytes to sign.
    pub(super) message: &'a [u8],
    /// Whether the program's own words go to the user's standard error.
    pub(super) show_requests: bool,
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

fn run(program: &OsStr, mut command: Command) -> Result<Vec<u8>, ToolError> {
    let output = command.stdin(Stdio::null()).output().map_err(|source| start(program, source))?;
    succeeded(program, output)
}

fn start(program: &OsStr, source: io::Error) -> ToolError {
    ToolError::Start { program: show(&program.to_string_lossy()), source }
}

fn succeeded(program: &OsStr, output: Output) -> Result<Vec<u8>, ToolError> {
    if output.status.success() {
        return Ok(output.stdout);
    }
    Err(ToolError::Failed {
        program: show(&program.to_string_lossy()),
        status: output.status.to_string(),
        said: last_words(&output.stderr),
    })
}

/// The last line with text in it: the earlier ones of `ssh-keygen` are banners.
fn last_words(stderr: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr);
    let last = text.lines().rev().find(|line| !line.trim().is_empty());
    show(last.map_or("it said nothing", str::trim))
}
