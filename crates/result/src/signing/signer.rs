//! A key that is ready to sign.
//!
//! Plain and encrypted Ed25519 files are signed with in this process. Every other key (in an
//! agent, in a FIDO token, P-256 files) is reached through `ssh-keygen -Y sign`, because the
//! `ssh-key` release in use signs wrongly with some of them and cannot load others. Either way the
//! signature is verified before it is returned.
//!
//! This file must never keep a passphrase longer than one attempt, and never hand out a private key.

use std::fmt;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use ssh_key::{HashAlg, LineEnding, PrivateKey, PublicKey};
use tempfile::NamedTempFile;
use zeroize::Zeroizing;

use crate::signing::armor::{self, ArmorError};
use crate::signing::git::{self, GitError, GitKey};
use crate::signing::key_file::{self, KeyFile};
use crate::signing::key_type::{UnsupportedKey, check_key, fingerprint, is_security_key};
use crate::signing::told::{ChildError, Told};
use crate::signing::tools::{ToolError, Tools};
use crate::signing::verify::{SignatureError, verify_any_signer};
use hlb_core::hint::Hint;
use hlb_core::text::show_path;

/// How often a passphrase is asked for before giving up, as `ssh` does.
const PASSPHRASE_ATTEMPTS: usize = 3;

/// Asks the user for the passphrase of the key file with this path. Called for encrypted Ed25519
/// files only, up to three times. An empty answer gives up.
pub(crate) type AskPassphrase<'a> = dyn FnMut(&Path) -> io::Result<Zeroizing<String>> + 'a;

/// Which key to sign with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyChoice {
    /// A private key file, or a public one whose private half is in an agent, a token or next to it.
    File(PathBuf),
    /// The key that git signs commits with.
    GitDefault,
}

/// A key that is ready to sign.
pub struct Signer {
    public: PublicKey,
    backend: Backend,
}

/// What makes the signatures.
enum Backend {
    /// This process.
    Own(Box<PrivateKey>),
    /// A signing program, pointed at a key file.
    Tool { tools: Tools, program: Option<String>, key: PathBuf, _written: Option<NamedTempFile> },
}

/// Why a key cannot be opened, or has not signed.
#[derive(thiserror::Error, Debug)]
#[expect(missing_docs, reason = "the messages say what the fields are")]
pub enum SignError {
    #[error("cannot read key `{}`", show_path(path))]
    Read { path: PathBuf, source: io::Error },
    #[error("private key `{}` is open to others: its mode is {mode:04o}", show_path(path))]
    OpenToOthers { path: PathBuf, mode: u32 },
    #[error("`{}` is not an SSH key that could be read", show_path(path))]
    NotAKey { path: PathBuf, source: ToolError },
    #[error("key `{}` may not sign here", show_path(path))]
    KeyType { path: PathBuf, source: UnsupportedKey },
    #[error("cannot ask for the passphrase of `{}`", show_path(path))]
    Ask { path: PathBuf, source: io::Error },
    #[error("no passphrase was given for `{}`", show_path(path))]
    NoPassphrase { path: PathBuf },
    #[error("passphrase does not open `{}`", show_path(path))]
    WrongPassphrase { path: PathBuf },
    #[error("no key from git")]
    Git(#[from] GitError),
    /// The process that signs, see [`crate::signing::ProvenKey`].
    #[error(transparent)]
    Child(#[from] ChildError),
    /// What that process said.
    #[error(transparent)]
    Told(#[from] Told),
    /// A public key could not be written down for the signing program.
    #[error("cannot write the public key to a temporary file")]
    Temporary(#[source] io::Error),
    #[error("signing program made no signature")]
    Tool(#[from] ToolError),
    /// The signing program answered with something else than a signature.
    #[error("signing program's answer is not a signature")]
    Answer(#[source] ArmorError),
    #[error("signature that was made does not verify")]
    Unverified(#[source] SignatureError),
    /// The signature was made by another key than the one asked for.
    #[error("signature was made by key `{found}`, asked was `{expected}`")]
    OtherKey { expected: String, found: String },
    #[error("cannot sign: {reason}")]
    Crypto { reason: String },
}

impl Hint for SignError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Read { source, .. } if source.kind() == io::ErrorKind::NotFound => {
                Some("run `hlb-bench keygen` to make a key".to_owned())
            }
            Self::OpenToOthers { path, .. } => Some(format!("run `chmod 600 {}`", show_path(path))),
            Self::KeyType { source, .. } => source.hint(),
            Self::Git(error) => error.hint(),
            Self::Tool(error) => error.hint(),
            Self::Told(told) => told.hint(),
            Self::Unverified(error) => error.hint(),
            Self::NotAKey { .. } => Some(
                "pass the private key file in OpenSSH format, or its `.pub` file if an agent \
                 holds the key"
                    .to_owned(),
            ),
            _ => None,
        }
    }
}

/// What names the key: a file, or an agent that holds it. Neither is opened.
pub fn named_key(choice: &KeyChoice) -> Result<String, SignError> {
    let file = |path: &Path| match std::fs::metadata(path) {
        Ok(_) => Ok(show_path(path)),
        Err(source) => Err(SignError::Read { path: path.to_owned(), source }),
    };
    match choice {
        KeyChoice::File(path) => file(path),
        KeyChoice::GitDefault => match git::signing_key(&Tools::default())?.0 {
            GitKey::File(path) => file(&path),
            GitKey::Agent(key) => Ok(format!("a key that an agent holds, {}", fingerprint(&key))),
        },
    }
}

impl Signer {
    /// Finds the key and makes it ready, which may ask for a passphrase.
    pub fn open(choice: &KeyChoice, ask: &mut AskPassphrase<'_>) -> Result<Self, SignError> {
        Self::open_with(&Tools::default(), choice, ask)
    }

    /// As [`Signer::open`], with other programs or another environment for them.
    pub fn open_with(tools: &Tools, choice: &KeyChoice, ask: &mut AskPassphrase<'_>) -> Result<Self, SignError> {
        match choice {
            KeyChoice::File(path) => open_file(tools, path, None, ask),
            KeyChoice::GitDefault => match git::signing_key(tools)? {
                (GitKey::File(path), program) => open_file(tools, &path, program, ask),
                (GitKey::Agent(key), program) => held_by_agent(tools, *key, program),
            },
        }
    }

    /// Signs exactly these bytes for this purpose; returns the text of the signature file.
    ///
    /// Blocks while a token waits to be touched.
    pub fn sign(&self, namespace: &str, message: &[u8]) -> Result<String, SignError> {
        let armored = match &self.backend {
            Backend::Own(key) => sign_here(key, namespace, message)?,
            Backend::Tool { tools, program, key, .. } => {
                let in_token = is_security_key(&self.public.algorithm());
                let answer = tools.sign(program.as_deref(), (key, in_token), namespace, message)?;
                armor::normalize(&answer).map_err(SignError::Answer)?
            }
        };
        let signer = verify_any_signer(message, armored.as_bytes(), namespace).map_err(SignError::Unverified)?;
        if signer.key_data() == self.public.key_data() {
            return Ok(armored);
        }
        Err(SignError::OtherKey { expected: fingerprint(&self.public), found: fingerprint(&signer) })
    }

    /// The public half.
    pub fn public_key(&self) -> &PublicKey {
        &self.public
    }
}

/// Never shows more than the public half.
impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer").field("fingerprint", &fingerprint(&self.public)).finish_non_exhaustive()
    }
}

fn open_file(
    tools: &Tools,
    path: &Path,
    program: Option<String>,
    ask: &mut AskPassphrase<'_>,
) -> Result<Signer, SignError> {
    let public = match read(path)? {
        // With a program of its own set in git, the user wants that one to sign.
        KeyFile::Private { key, mode } if program.is_none() => {
            return open_private(tools, path, key, mode, ask);
        }
        KeyFile::Private { key, .. } => key.public_key().clone(),
        KeyFile::Public(key) => match private_half(tools, path, &key) {
            Some((private, key, mode)) if program.is_none() => {
                return open_private(tools, &private, key, mode, ask);
            }
            _ => key,
        },
        KeyFile::Other => public_half(tools, path)?,
    };
    check_type(path, &public)?;
    Ok(by_tool(tools, public, program, path.into()))
}

fn open_private(
    tools: &Tools,
    path: &Path,
    key: Box<PrivateKey>,
    mode: u32,
    ask: &mut AskPassphrase<'_>,
) -> Result<Signer, SignError> {
    check_type(path, key.public_key())?;
    if !key.algorithm().is_ed25519() {
        return Ok(by_tool(tools, key.public_key().clone(), None, path.into()));
    }
    if key_file::open_to_others(mode) {
        return Err(SignError::OpenToOthers { path: path.into(), mode });
    }
    let key = if key.is_encrypted() { unlock(path, &key, ask)? } else { key };
    Ok(Signer { public: key.public_key().clone(), backend: Backend::Own(key) })
}

/// The Ed25519 private key next to its public file. `None` if the agent has it, since the agent needs no
/// passphrase.
fn private_half(tools: &Tools, path: &Path, public: &PublicKey) -> Option<(PathBuf, Box<PrivateKey>, u32)> {
    let private = key_file::private_path(path)?;
    match key_file::read(&private) {
        Ok(KeyFile::Private { key, mode })
            if key.public_key().key_data() == public.key_data()
                && public.key_data().is_ed25519()
                && !tools.agent_holds(public) =>
        {
            Some((private, key, mode))
        }
        _ => None,
    }
}

fn by_tool(tools: &Tools, public: PublicKey, program: Option<String>, key: PathBuf) -> Signer {
    Signer { public, backend: Backend::Tool { tools: tools.clone(), program, key, _written: None } }
}

/// Writes the public key down for the program; the file is gone with the signer.
fn held_by_agent(tools: &Tools, public: PublicKey, program: Option<String>) -> Result<Signer, SignError> {
    check_type(Path::new("user.signingkey"), &public)?;
    let written = write_down(&public).map_err(SignError::Temporary)?;
    let key = written.path().to_owned();
    Ok(Signer { public, backend: Backend::Tool { tools: tools.clone(), program, key, _written: Some(written) } })
}

fn write_down(public: &PublicKey) -> io::Result<NamedTempFile> {
    let line = public.to_openssh().map_err(io::Error::other)?;
    let mut file = tempfile::Builder::new().prefix("hlb-bench-").suffix(".pub").tempfile()?;
    writeln!(file, "{}", line.trim_end())?;
    Ok(file)
}

fn read(path: &Path) -> Result<KeyFile, SignError> {
    key_file::read(path).map_err(|source| SignError::Read { path: path.into(), source })
}

/// Asks `ssh-keygen`, which loads what the crate cannot, such as one P-256 key in 200.
fn public_half(tools: &Tools, path: &Path) -> Result<PublicKey, SignError> {
    let not_a_key = |source| SignError::NotAKey { path: path.into(), source };
    let line = tools.public_half(path).map_err(not_a_key)?;
    let line = String::from_utf8_lossy(&line);
    PublicKey::from_openssh(line.trim()).map_err(|error| crypto(&error))
}

fn check_type(path: &Path, key: &PublicKey) -> Result<(), SignError> {
    check_key(key.key_data()).map_err(|source| SignError::KeyType { path: path.into(), source })
}

fn unlock(path: &Path, key: &PrivateKey, ask: &mut AskPassphrase<'_>) -> Result<Box<PrivateKey>, SignError> {
    for _ in 0..PASSPHRASE_ATTEMPTS {
        let passphrase = ask(path).map_err(|source| SignError::Ask { path: path.into(), source })?;
        if passphrase.is_empty() {
            return Err(SignError::NoPassphrase { path: path.into() });
        }
        match key.decrypt(passphrase.as_bytes()) {
            Ok(open) => return Ok(Box::new(open)),
            // The check numbers inside differ: another passphrase may fit.
            Err(ssh_key::Error::Crypto) => {}
            Err(error) => return Err(crypto(&error)),
        }
    }
    Err(SignError::WrongPassphrase { path: path.into() })
}

fn sign_here(key: &PrivateKey, namespace: &str, message: &[u8]) -> Result<String, SignError> {
    key.sign(namespace, HashAlg::Sha512, message)
        .and_then(|signature| signature.to_pem(LineEnding::LF))
        .map_err(|error| crypto(&error))
}

fn crypto(error: &ssh_key::Error) -> SignError {
    SignError::Crypto { reason: error.to_string() }
}
