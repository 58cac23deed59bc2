//! Signing in a process of its own, which ends: the private key is never in the memory of a process
//! that decodes images or trains.
//!
//! `hlb-bench` starts itself with `sign-for-parent`. That process reads a line with the passphrase, which
//! may be empty, and the message; it answers with a line of JSON and the passphrase that it asked for.
//!
//! This file must never let a private key into its answer, or a passphrase into a command line.

use std::fmt;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use serde::{Deserialize, Serialize};
use ssh_key::PublicKey;
use zeroize::Zeroizing;

use crate::signing::key_type::fingerprint;
use crate::signing::signer::{AskPassphrase, KeyChoice, SignError, Signer};
use crate::signing::told::{ChildError, Told};
use crate::signing::verify::verify_any_signer;
use hlb_core::hint::Hint;

/// Command of `hlb-bench` that signs for its parent.
const SIGN_COMMAND: &str = "sign-for-parent";

/// Namespace of a signature that proves that a key can sign; it is good for nothing else.
const PROBE_NAMESPACE: &str = "probe.v1@hlb-bench";

/// Room for an answer at once: a buffer that grows leaves copies of the passphrase behind.
const ANSWER_ROOM: usize = 64 * 1024;

/// What the process answers.
#[derive(Serialize, Deserialize)]
enum Answer {
    /// The text of the signature file.
    Signed(String),
    /// Why it did not sign.
    Refused(Told),
}

/// A key that has shown that it can sign. Its private half is opened anew for each signature, in a
/// process that ends; here are the public half and the passphrase, if there is one.
pub struct ProvenKey {
    program: PathBuf,
    choice: KeyChoice,
    public: PublicKey,
    passphrase: Zeroizing<String>,
}

impl ProvenKey {
    /// Has `program`, which is `hlb-bench`, sign something without meaning, which may ask for a
    /// passphrase.
    pub fn prove(program: &Path, choice: &KeyChoice) -> Result<Self, SignError> {
        let (public, _, passphrase) = ask_child(program, choice, "", PROBE_NAMESPACE, &[])?;
        Ok(Self { program: program.to_owned(), choice: choice.clone(), public, passphrase })
    }

    /// Signs exactly these bytes for this purpose; returns the text of the signature file.
    pub fn sign(&self, namespace: &str, message: &[u8]) -> Result<String, SignError> {
        let (public, armored, _) = ask_child(&self.program, &self.choice, &self.passphrase, namespace, message)?;
        if public.key_data() == self.public.key_data() {
            return Ok(armored);
        }
        Err(SignError::OtherKey { expected: fingerprint(&self.public), found: fingerprint(&public) })
    }

    /// The public half.
    pub fn public_key(&self) -> &PublicKey {
        &self.public
    }
}

/// Never shows a passphrase.
impl fmt::Debug for ProvenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProvenKey").field("fingerprint", &fingerprint(&self.public)).finish_non_exhaustive()
    }
}

/// The key that signed, its signature, which was verified here, and the passphrase.
fn ask_child(
    program: &Path,
    choice: &KeyChoice,
    passphrase: &str,
    namespace: &str,
    message: &[u8],
) -> Result<(PublicKey, String, Zeroizing<String>), SignError> {
    let (answer, status) = exchange(program, choice, passphrase, namespace, message)
        .map_err(|source| ChildError::Start { program: program.to_owned(), source })?;
    let no_answer = || ChildError::NoAnswer { status };
    let end = answer.iter().position(|&byte| byte == b'\n').ok_or_else(no_answer)?;
    let asked = Zeroizing::new(String::from_utf8_lossy(&answer[end + 1..]).into_owned());
    match serde_json::from_slice(&answer[..end]).map_err(|_| no_answer())? {
        Answer::Signed(signature) => {
            let signer = verify_any_signer(message, signature.as_bytes(), namespace).map_err(SignError::Unverified)?;
            Ok((signer, signature, asked))
        }
        Answer::Refused(told) => Err(told.into()),
    }
}

fn exchange(
    program: &Path,
    choice: &KeyChoice,
    passphrase: &str,
    namespace: &str,
    message: &[u8],
) -> io::Result<(Zeroizing<Vec<u8>>, ExitStatus)> {
    let mut command = Command::new(program);
    command.args([SIGN_COMMAND, "--namespace", namespace]).stdin(Stdio::piped()).stdout(Stdio::piped());
    if let KeyChoice::File(path) = choice {
        command.arg("--key").arg(path);
    }
    let mut child = command.spawn()?;
    if let Some(mut pipe) = child.stdin.take() {
        let parts = [passphrase.as_bytes(), b"\n", message];
        // A process that ends early closes the pipe; its answer or its exit status tells why.
        let _ = parts.into_iter().try_for_each(|part| pipe.write_all(part));
    }
    let mut answer = Zeroizing::new(Vec::with_capacity(ANSWER_ROOM));
    if let Some(mut pipe) = child.stdout.take() {
        pipe.read_to_end(&mut answer)?;
    }
    Ok((answer, child.wait()?))
}

/// Signs the message on `input`, and answers on `output`: the part of the process that ends.
pub fn sign_for_parent(
    choice: &KeyChoice,
    namespace: &str,
    (mut input, mut output): (impl Read, impl Write),
    ask: &mut AskPassphrase<'_>,
) -> io::Result<()> {
    let mut bytes = Zeroizing::new(Vec::new());
    input.read_to_end(&mut bytes)?;
    let end = bytes.iter().position(|&byte| byte == b'\n').unwrap_or(bytes.len());
    let mut given =
        Some(Zeroizing::new(String::from_utf8_lossy(&bytes[..end]).into_owned())).filter(|it| !it.is_empty());
    let mut used = Zeroizing::new(String::new());
    let mut remembered = |path: &Path| {
        used = given.take().map_or_else(|| ask(path), Ok)?;
        Ok(used.clone())
    };
    let message = bytes.get(end + 1..).unwrap_or_default();
    let signed = Signer::open(choice, &mut remembered).and_then(|signer| signer.sign(namespace, message));
    let answer = signed.map_or_else(|error| Answer::Refused(Told::new(&error, error.hint())), Answer::Signed);
    serde_json::to_writer(&mut output, &answer)?;
    output.write_all(b"\n")?;
    output.write_all(used.as_bytes())?;
    output.flush()
}
