//! `hlb-bench reproduce`: holds an entry's session again from the entry alone, and says whether the two agree. The entry's
//! own files are never changed; a signed repetition is laid beside them.

use std::path::{Path, PathBuf};

use serde_json::json;

use crate::args::{OwnDataset, Reproduce, SessionOptions};
use crate::artifact::write_atomic;
use crate::clock::{self, Clock as _, MonotonicClock};
use crate::command::exit::Exit;
use crate::command::measure::{self, Calibrates, Held, Prepared, Purpose, Resolved};
use crate::command::{run, submit};
use crate::hint::{Context as _, Result, bail};
use crate::leaderboard::signers_for;
use crate::result::{
    Agreement, Entry, MANIFEST_FILE, REPRODUCTIONS_FOLDER, SIGNATURE_FILE, Trust, VARIANT_FILE, Verdict, between,
    check_entry,
};
use crate::signing::{AllowedSigners, KeyChoice, RERUN_NAMESPACE, RESULT_NAMESPACE, Signer};
use crate::terminal::{Label, answer, labelled, note, print_proposal};
use crate::text::show;
use crate::variant;

/// Runs the command. Whatever can be refused is refused before the first step of training.
pub(super) fn reproduce(arguments: &Reproduce, process: &MonotonicClock) -> Result<Exit> {
    let entry = original(&arguments.entry)?;
    let asked = process.now();
    let hand = arguments.key.as_deref().map(|key| Hand::open(key, arguments, &entry)).transpose()?;
    // Who types a passphrase is not measured.
    let clock = &process.without(process.now().saturating_sub(asked));
    let options = options(arguments, &entry);
    let prepared = prepare(&entry, &options)?;
    let held = measure::hold(&prepared, &options, clock)?;
    run::summarise(&held.result);
    if held.result.session.stop_reason != "completed" {
        return run::conclude(&held);
    }
    let agreement = between(&entry.result, &held.result);
    let filed = match hand {
        Some(hand) => Some(hand.file(&entry, &held).with_context(|| unfiled(&held, &agreement))?),
        None => None,
    };
    report(arguments.json, &held, &agreement, filed.as_ref());
    if let Some(filed) = &filed {
        print_proposal(&board(&entry.folder)?, &filed.folder);
    }
    Ok(if agreement.verdict == Verdict::Agrees { Exit::Success } else { Exit::CheckFailed })
}

/// The verdict is not to be lost with the file.
fn unfiled(held: &Held, agreement: &Agreement) -> String {
    format!(
        "the verdict is: {}; yet the session in {} could not be filed",
        agreement.verdict.words(),
        held.folder.display()
    )
}

/// The entry, once it is in order and something that can be repeated.
fn original(folder: &Path) -> Result<Entry> {
    let entry = check_entry(folder, &signers_for(folder, None)?, clock::calendar())?;
    let result = &entry.result;
    if result.reproduces.is_some() {
        bail!("this session repeats another entry; reproduce that one");
    }
    if result.session.stop_at_target {
        bail!(
            "the entry's runs ended at their first crossing, so its final accuracies are unknown; there is nothing to agree with"
        );
    }
    if result.session.stop_reason != "completed" {
        bail!("the entry's session ended early: {}; there is nothing to agree with", show(&result.session.stop_reason));
    }
    if result.session.runs < 2 {
        bail!("the entry has a single run, which nothing can agree with; two are the least");
    }
    Ok(entry)
}

/// What the entry says of the session, and the command line of this machine.
fn options(arguments: &Reproduce, entry: &Entry) -> SessionOptions {
    let own_data = !entry.result.dataset.published;
    SessionOptions {
        runs: Some(entry.result.session.runs),
        calibrate: false,
        no_calibrate: false,
        deterministic: entry.result.session.deterministic,
        resume: arguments.resume,
        host: arguments.host.clone(),
        own: OwnDataset { manifest: own_data.then(|| entry.folder.join(MANIFEST_FILE)) },
    }
}

/// The same recipe on the same data, beside the same reference if there was one.
fn prepare(entry: &Entry, options: &SessionOptions) -> Result<Prepared> {
    let resolved = resolve(entry, options)?;
    let calibrates = if entry.result.reference.is_some() { Calibrates::Always } else { Calibrates::Never };
    let purpose = Purpose { stop_at_target: false, calibrates, reproduces: Some(entry.result_sha256) };
    let prepared = measure::prepare(resolved, options, purpose)?;
    let (found, stated) = (prepared.content_sha256(), entry.result.dataset.content_sha256);
    if found != stated {
        bail!(
            "the data set has content digest {found}, that of the entry has {stated}: the sessions would not be trained on the same data; is another decoder at work than `{}`?",
            entry.result.dataset.decoder.as_ref().map_or("none", |decoder| decoder.as_str())
        );
    }
    warn_of_another_class(entry, &prepared);
    Ok(prepared)
}

fn resolve(entry: &Entry, options: &SessionOptions) -> Result<Resolved> {
    let path = entry.folder.join(VARIANT_FILE);
    let bytes = measure::read_variant(&path)?;
    let resolved = measure::resolve(bytes, &show(&path.to_string_lossy()), options.own.manifest.as_deref())?;
    let (found, stated) = (variant::digest(&resolved.recipe), entry.result.variant.recipe_sha256);
    if found != stated {
        bail!("the variant resolves to the recipe {found}, the entry was trained with {stated}");
    }
    Ok(resolved)
}

/// Times on unlike hardware say nothing without a reference; that is better known before hours of training.
fn warn_of_another_class(entry: &Entry, prepared: &Prepared) {
    let theirs = entry.result.machine.class(&entry.result.session.device);
    let ours = ["cpu", "cuda"].map(|device| prepared.machine().class(device));
    if entry.result.reference.is_none() && !ours.contains(&theirs) {
        let line = format!(
            "the entry was held on {theirs} without a reference beside it, so its times cannot be confirmed on this machine; its accuracy can be refuted"
        );
        labelled(Label::Warning, &line);
    }
}

/// Whoever signs the repetition.
struct Hand {
    signer: Signer,
    signers: AllowedSigners,
    namespace: &'static str,
}

/// A repetition that lies with the entry.
struct Filed {
    folder: PathBuf,
    trust: Trust,
}

impl Hand {
    /// Opens the key, refuses one that is not independent, and lists it on the entry's board.
    fn open(key: &Path, arguments: &Reproduce, entry: &Entry) -> Result<Self> {
        let Some(theirs) = entry.trust.signer() else {
            bail!("the entry is unsigned, so no row can be raised; leave out --key to learn whether it agrees");
        };
        let signer = Signer::open(&KeyChoice::File(key.to_owned()), &mut submit::ask_passphrase)?;
        if signer.fingerprint() == theirs.fingerprint {
            bail!(
                "the entry is signed with this very key, so a repetition would not be independent; use another person's"
            );
        }
        let listed = signers_for(&entry.folder, None)?;
        let (namespace, known_as) = standing(&listed, &signer);
        if known_as.as_deref().or(arguments.principal.as_deref()) == Some(&theirs.principal) {
            bail!("the entry is signed by {}, too, so a repetition would not be independent", theirs.principal);
        }
        check_writable(&entry.folder)?;
        let signers = submit::enrol(&board(&entry.folder)?, arguments.principal.as_deref(), &signer, namespace)?;
        Ok(Self { signer, signers, namespace })
    }

    /// Signs the session and moves it into the entry's folder; then checks the entry with it.
    fn file(&self, entry: &Entry, held: &Held) -> Result<Filed> {
        let signature = self.signer.sign(self.namespace, held.result_text.as_bytes())?;
        write_atomic(&held.folder.join(SIGNATURE_FILE), signature.as_bytes())?;
        check_entry(&held.folder, &self.signers, clock::calendar())?;
        let session = &held.result.session;
        let day = session.started_at.get(..10).unwrap_or("undated");
        let below = entry.folder.join(REPRODUCTIONS_FOLDER);
        std::fs::create_dir_all(&below)?;
        let folder = below.join(format!("{day}-{}", session.nonce.get(..8).unwrap_or(&session.nonce)));
        submit::publish(held, &track_folder(&entry.folder)?, &folder)?;
        let checked = check_entry(&entry.folder, &self.signers, clock::calendar())?;
        Ok(Filed { folder, trust: checked.trust })
    }
}

/// In which namespace a key may sign here, and for whom; one that is not listed will be, as a submitter's.
fn standing(listed: &AllowedSigners, signer: &Signer) -> (&'static str, Option<String>) {
    for namespace in [RESULT_NAMESPACE, RERUN_NAMESPACE] {
        if let Ok(name) = listed.find(signer.public_key(), namespace, clock::calendar()) {
            return (namespace, Some(name.to_owned()));
        }
    }
    (RESULT_NAMESPACE, None)
}

/// The folder that holds the entries of a track.
fn track_folder(entry: &Path) -> Result<PathBuf> {
    let entry = std::fs::canonicalize(entry)?;
    Ok(entry.parent().context("an entry lies in the folder of its track")?.to_owned())
}

/// The folder of the board that an entry lies in.
fn board(entry: &Path) -> Result<PathBuf> {
    let track = track_folder(entry)?;
    Ok(track.parent().context("an entry lies two folders below its board")?.to_owned())
}

/// A folder that turns out to be read-only after hours of training would be a pity.
fn check_writable(entry: &Path) -> Result<()> {
    for folder in [entry.to_owned(), track_folder(entry)?] {
        tempfile::Builder::new()
            .prefix(".filing-")
            .tempdir_in(&folder)
            .with_context(|| format!("the repetition could not be filed: {} cannot be written to", folder.display()))?;
    }
    Ok(())
}

/// The verdict and its reasons to whoever asked; the rest to the person at the terminal.
fn report(as_json: bool, held: &Held, agreement: &Agreement, filed: Option<&Filed>) {
    let folder = filed.map_or(&held.folder, |filed| &filed.folder);
    if as_json {
        answer(&verdict(folder, agreement, filed).to_string());
    } else {
        answer(agreement.verdict.words());
        agreement.reasons.iter().for_each(|reason| answer(&format!("  {reason}")));
    }
    match filed {
        Some(filed) => {
            note(&format!("filed, signed, in {}", folder.display()));
            note(&format!("the entry is now: {}; `hlb-bench leaderboard` shows it", filed.trust.words()));
        }
        None => note(&format!("kept, unsigned, in {}", folder.display())),
    }
}

fn verdict(folder: &Path, agreement: &Agreement, filed: Option<&Filed>) -> serde_json::Value {
    json!({
        "verdict": agreement.verdict.words(),
        "reasons": agreement.reasons,
        "p_same_accuracy": agreement.p_same_accuracy,
        "time_ratio": agreement.time_ratio,
        "calibrated": agreement.calibrated,
        "session": folder.display().to_string(),
        "signed": filed.is_some(),
        "entry_trust": filed.map(|filed| filed.trust.words()),
    })
}
