//! The real `ssh-keygen`, `ssh-agent` and `git`, in a folder of their own.

use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use hlb_result::signing::Tools;
use tempfile::TempDir;

/// A folder with keys, for one test.
pub(crate) struct Stock {
    folder: TempDir,
}

impl Stock {
    /// Nothing where a program is missing: the test then says so and ends, except on CI, where
    /// every test counts.
    pub(crate) fn find(test: &str, programs: &[&str]) -> Option<Self> {
        for program in programs {
            if !on_path(program) {
                skip(test, program);
                return None;
            }
        }
        let folder = tempfile::tempdir().expect("a folder");
        Some(Self { folder })
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, content).expect("writable");
        path
    }

    /// Makes a key; `kind` are arguments such as `-t ed25519`.
    pub(crate) fn key(&self, name: &str, kind: &[&str], passphrase: &str) -> PathBuf {
        let path = self.path(name);
        let mut command = Command::new("ssh-keygen");
        command.args(["-q", "-C", "", "-N", passphrase]).args(kind);
        good(command.arg("-f").arg(&path), b"");
        path
    }

    /// The public half of a key, as `type base64`.
    pub(crate) fn public(&self, name: &str) -> String {
        let line = fs::read_to_string(self.path(&format!("{name}.pub"))).expect("a public key");
        line.trim().to_owned()
    }

    /// What the stock tool thinks of a signature: whether it is good and its principal may sign.
    pub(crate) fn verifies(&self, question: &Question<'_>) -> bool {
        let signers = self.write("allowed_signers", question.signers);
        let signature = self.write("message.sig", question.signature);
        let mut command = Command::new("ssh-keygen");
        command.args(["-Y", "verify", "-I", question.principal]);
        command.args(["-n", question.namespace]);
        if let Some(time) = question.time {
            command.arg(format!("-Overify-time={time}"));
        }
        command.arg("-f").arg(signers).arg("-s").arg(signature);
        run(&mut command, question.message).status.success()
    }

    /// Writes a program. A child does the writing: were the file open for writing here, another
    /// test's child could inherit it, and the system would refuse to start it.
    pub(crate) fn program(&self, name: &str, script: &str) -> PathBuf {
        let path = self.path(name);
        let mut command = Command::new("sh");
        command.args(["-c", "cat > \"$1\" && chmod 755 \"$1\"", "sh"]);
        good(command.arg(&path), format!("#!/bin/sh\n{script}\n").as_bytes());
        path
    }
}

/// Signs with the stock tool.
pub(crate) fn sign(key: &Path, namespace: &str, message: &[u8]) -> String {
    let mut command = Command::new("ssh-keygen");
    command.args(["-Y", "sign", "-n", namespace, "-f"]).arg(key);
    let output = good(&mut command, message);
    String::from_utf8(output.stdout).expect("text")
}

/// The fingerprint that the stock tool reads out of a public key file; `None` if it reads none.
pub(crate) fn fingerprint(key: &Path) -> Option<String> {
    let mut command = Command::new("ssh-keygen");
    let output = run(command.arg("-lf").arg(key), b"");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    said.split(' ').nth(1).filter(|_| output.status.success()).map(str::to_owned)
}

/// A signature to be judged by the stock tool.
pub(crate) struct Question<'a> {
    pub(crate) principal: &'a str,
    pub(crate) signers: &'a str,
    pub(crate) signature: &'a str,
    pub(crate) namespace: &'a str,
    pub(crate) message: &'a [u8],
    /// `YYYYMMDDHHMMSSZ`; without it, now.
    pub(crate) time: Option<&'a str>,
}

/// An agent that ends with the test.
pub(crate) struct Agent {
    socket: PathBuf,
    process: String,
}

impl Agent {
    pub(crate) fn start(stock: &Stock) -> Self {
        let socket = stock.path("agent");
        let mut command = Command::new("ssh-agent");
        let output = good(command.arg("-s").arg("-a").arg(&socket), b"");
        let said = String::from_utf8(output.stdout).expect("text");
        let process = said
            .split(';')
            .find_map(|part| part.trim().strip_prefix("SSH_AGENT_PID="))
            .expect("the agent says its number")
            .to_owned();
        Self { socket, process }
    }

    pub(crate) fn add(&self, key: &Path) {
        let mut command = Command::new("ssh-add");
        command.arg("-q").arg(key).env("SSH_AUTH_SOCK", &self.socket);
        good(&mut command, b"");
    }

    pub(crate) fn tools(&self) -> Tools {
        Tools::default().with_env("SSH_AUTH_SOCK", &self.socket)
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let mut command = Command::new("ssh-agent");
        command.arg("-k").env("SSH_AGENT_PID", &self.process);
        run(command.env("SSH_AUTH_SOCK", &self.socket), b"");
    }
}

/// git's settings for one test, over whatever the machine has.
pub(crate) fn git_settings(tools: Tools, settings: &[(&str, &str)]) -> Tools {
    let tools = tools.with_env("GIT_CONFIG_COUNT", settings.len().to_string());
    let numbered = settings.iter().enumerate();
    numbered.fold(tools, |tools, (index, (key, value))| {
        tools.with_env(format!("GIT_CONFIG_KEY_{index}"), key).with_env(format!("GIT_CONFIG_VALUE_{index}"), value)
    })
}

fn on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

#[expect(clippy::print_stderr, reason = "a test that is left out is named")]
fn skip(test: &str, program: &str) {
    let ci = std::env::var_os("CI").is_some_and(|value| value != OsStr::new(""));
    assert!(!ci, "`{test}` needs `{program}`, and CI is set");
    eprintln!("skipped `{test}`: there is no `{program}`");
}

fn good(command: &mut Command, input: &[u8]) -> Output {
    let output = run(command, input);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}");
    output
}

fn run(command: &mut Command, input: &[u8]) -> Output {
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("startable");
    // A program that needs no input may have ended already.
    let _ = child.stdin.take().expect("piped").write_all(input);
    child.wait_with_output().expect("ends")
}
