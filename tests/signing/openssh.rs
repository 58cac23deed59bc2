//! Signatures against the real `ssh-keygen`: what it accepts of ours, what we accept of its, and
//! every input on which it and the `ssh-key` crate were found to disagree.

mod changes;
mod forge;
mod stock;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use chrono::{DateTime, TimeZone, Utc};
use hlb_core::hint::Hint as _;
use hlb_result::signing::{
    AllowedSigners, ArmorError, GitError, KeyChoice, PublicKey, RERUN_NAMESPACE, RESULT_NAMESPACE, SignError,
    SignatureError, Signer, ToolError, Tools, WhyNot, Zeroizing, armor, fingerprint, is_security_key, keygen, line_for,
    verify, verify_any_signer,
};

use forge::Forged;
use stock::{Agent, Question, Stock, git_settings};

const MESSAGE: &[u8] = b"schema: 1\nrules: \"1.0\"\nruns: 10\n";
const ED25519: &[&str] = &["-t", "ed25519"];
const P256: &[&str] = &["-t", "ecdsa", "-b", "256"];

/// The asker of a test in which nobody may be asked.
fn nobody(path: &Path) -> io::Result<Zeroizing<String>> {
    panic!("asked for the passphrase of {}", path.display());
}

fn open(tools: &Tools, key: &Path) -> Result<Signer, SignError> {
    Signer::open_with(tools, &KeyChoice::File(key.into()), &mut nobody)
}

/// An environment without an agent, whatever the machine has.
fn no_agent() -> Tools {
    Tools::default().with_env("SSH_AUTH_SOCK", "")
}

fn judge(signature: &str) -> Result<PublicKey, SignatureError> {
    verify_any_signer(MESSAGE, signature.as_bytes(), RESULT_NAMESPACE)
}

fn layout(signature: &str) -> ArmorError {
    match judge(signature) {
        Err(SignatureError::Armor(error)) => error,
        other => panic!("{other:?}"),
    }
}

fn stock_verifies(stock: &Stock, key: &str, signature: &str) -> bool {
    stock.verifies(&Question {
        principal: "alice@github",
        signers: &format!("alice@github namespaces=\"{RESULT_NAMESPACE}\" {key}\n"),
        signature,
        namespace: RESULT_NAMESPACE,
        message: MESSAGE,
        time: None,
    })
}

/// Both sides accept what `signer` signs.
fn assert_good_everywhere(stock: &Stock, signer: &Signer, kind: &str) {
    let signature = signer.sign(RESULT_NAMESPACE, MESSAGE).expect("signs");
    let ours = judge(&signature).expect("good");
    assert_eq!(ours.algorithm().as_str(), kind);
    assert_eq!(fingerprint(&ours), fingerprint(signer.public_key()));
    let line = line_for(signer.public_key(), "alice@github", &[RESULT_NAMESPACE]).expect("in order");
    assert!(stock.verifies(&Question {
        principal: "alice@github",
        signers: &format!("{line}\n"),
        signature: &signature,
        namespace: RESULT_NAMESPACE,
        message: MESSAGE,
        time: None,
    }));
}

// What we sign, the stock tool accepts; and the other way round.

#[test]
fn keys_of_our_making_sign_for_the_stock_tool() {
    let Some(stock) = Stock::find("keys_of_our_making", &["ssh-keygen"]) else {
        return;
    };
    let key = stock.path("ours");
    let public = keygen(&key, "alice", None).expect("made");
    let signer = open(&no_agent(), &key).expect("a plain key");
    assert_eq!(signer.public_key(), &public);
    assert_good_everywhere(&stock, &signer, "ssh-ed25519");
    let theirs = stock::sign(&key, RESULT_NAMESPACE, MESSAGE);
    let ours = signer.sign(RESULT_NAMESPACE, MESSAGE).expect("signs");
    assert_eq!(ours, theirs, "the same key gives the same bytes");
}

#[test]
fn encrypted_keys_of_both_makings_sign_after_the_passphrase() {
    let Some(stock) = Stock::find("encrypted_keys", &["ssh-keygen"]) else {
        return;
    };
    let ours = stock.path("ours");
    keygen(&ours, "", Some("open sesame")).expect("made");
    let theirs = stock.key("theirs", ED25519, "open sesame");
    for key in [ours, theirs] {
        let choice = KeyChoice::File(key.clone());
        let mut asked = 0;
        let signer = Signer::open_with(&no_agent(), &choice, &mut |path: &Path| {
            assert_eq!(path, key);
            asked += 1;
            let answer = if asked == 1 { "wrong" } else { "open sesame" };
            Ok(Zeroizing::new(answer.to_owned()))
        })
        .expect("opened at the second attempt");
        assert_eq!(asked, 2);
        assert_good_everywhere(&stock, &signer, "ssh-ed25519");
    }
}

#[test]
fn a_wrong_passphrase_ends_after_three_attempts_and_an_empty_one_at_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let key = folder.path().join("key");
    keygen(&key, "", Some("open sesame")).expect("made");
    let choice = KeyChoice::File(key.clone());

    let mut asked = 0;
    let mut answer = |text: &str| {
        asked = 0;
        let error = Signer::open(&choice, &mut |_: &Path| {
            asked += 1;
            Ok(Zeroizing::new(text.to_owned()))
        })
        .expect_err("not the passphrase");
        (error, asked)
    };
    let (error, attempts) = answer("wrong");
    assert!(matches!(error, SignError::WrongPassphrase { path } if path == key));
    assert_eq!(attempts, 3);
    let (error, attempts) = answer("");
    assert!(matches!(error, SignError::NoPassphrase { path } if path == key));
    assert_eq!(attempts, 1);

    let error = Signer::open(&choice, &mut |_: &Path| Err(io::Error::other("no terminal"))).expect_err("nobody to ask");
    assert!(matches!(error, SignError::Ask { path, .. } if path == key));
}

#[test]
fn a_p256_file_signs_through_the_stock_tool() {
    let Some(stock) = Stock::find("a_p256_file", &["ssh-keygen"]) else {
        return;
    };
    let key = stock.key("p256", P256, "");
    let signer = open(&no_agent(), &key).expect("a P-256 key");
    assert_good_everywhere(&stock, &signer, "ecdsa-sha2-nistp256");
    // The older format is one that only the stock tool reads.
    let old = stock.key("old", &["-t", "ecdsa", "-b", "256", "-m", "PEM"], "");
    let signer = open(&no_agent(), &old).expect("a P-256 key");
    assert_good_everywhere(&stock, &signer, "ecdsa-sha2-nistp256");
}

#[test]
fn keys_in_an_agent_sign_through_the_stock_tool() {
    let programs = ["ssh-keygen", "ssh-agent", "ssh-add"];
    let Some(stock) = Stock::find("keys_in_an_agent", &programs) else {
        return;
    };
    let agent = Agent::start(&stock);
    for (name, kind, expected) in [("ed25519", ED25519, "ssh-ed25519"), ("p256", P256, "ecdsa-sha2-nistp256")] {
        let key = stock.key(name, kind, "");
        agent.add(&key);
        fs::remove_file(&key).expect("removable");
        let public = stock.path(&format!("{name}.pub"));
        let signer = open(&agent.tools(), &public).expect("a public key");
        assert_good_everywhere(&stock, &signer, expected);

        let without = open(&no_agent(), &public).expect("a public key");
        let error = without.sign(RESULT_NAMESPACE, MESSAGE).expect_err("no private half");
        assert!(matches!(&error, SignError::Tool(ToolError::Failed { .. })), "{error:?}");
        assert!(error.hint().is_some_and(|hint| hint.contains("ssh-add")));
    }
}

#[test]
fn a_public_file_leads_to_the_agent_first_and_then_to_the_private_half_beside_it() {
    let programs = ["ssh-keygen", "ssh-agent", "ssh-add"];
    let Some(stock) = Stock::find("a_public_file_leads", &programs) else {
        return;
    };
    let agent = Agent::start(&stock);
    let key = stock.key("key", ED25519, "");
    let public = stock.path("key.pub");
    agent.add(&key);
    // Encrypted from here on: the user of the file has to ask.
    fs::remove_file(&key).expect("removable");
    fs::rename(stock.key("other", ED25519, "secret"), &key).expect("renamed");
    let signer = open(&agent.tools(), &public).expect("nobody is asked");
    assert_good_everywhere(&stock, &signer, "ssh-ed25519");

    let beside = stock.key("beside", ED25519, "secret");
    let choice = KeyChoice::File(stock.path("beside.pub"));
    let signer = Signer::open_with(&agent.tools(), &choice, &mut |path: &Path| {
        assert_eq!(path, beside);
        Ok(Zeroizing::new("secret".to_owned()))
    })
    .expect("opened");
    assert_good_everywhere(&stock, &signer, "ssh-ed25519");
}

#[test]
fn other_kinds_of_key_are_refused_on_both_ways() {
    let Some(stock) = Stock::find("other_kinds", &["ssh-keygen"]) else {
        return;
    };
    for (name, kind, expected) in [
        ("rsa", &["-t", "rsa", "-b", "2048"][..], "rsa"),
        ("p384", &["-t", "ecdsa", "-b", "384"], "nistp384"),
        ("p521", &["-t", "ecdsa", "-b", "521"], "nistp521"),
    ] {
        let key = stock.key(name, kind, "");
        for path in [key.clone(), stock.path(&format!("{name}.pub"))] {
            let error = open(&no_agent(), &path).expect_err("may not sign");
            let SignError::KeyType { source, .. } = &error else {
                panic!("{error:?}");
            };
            assert!(source.to_string().contains(expected), "{source}");
            assert!(error.hint().is_some());
        }
        let signature = stock::sign(&key, RESULT_NAMESPACE, MESSAGE);
        assert!(stock_verifies(&stock, &stock.public(name), &signature));
        let error = layout(&signature);
        let ArmorError::Key(kind) = &error else {
            panic!("{error:?}");
        };
        assert!(kind.to_string().contains(expected), "{kind}");
    }
}

#[test]
fn a_certificate_does_not_sign() {
    let Some(stock) = Stock::find("a_certificate", &["ssh-keygen"]) else {
        return;
    };
    let authority = stock.key("authority", ED25519, "");
    let key = stock.key("key", ED25519, "");
    let mut command = std::process::Command::new("ssh-keygen");
    command.args(["-q", "-I", "id", "-n", "alice@github", "-s"]);
    let made = command.arg(authority).arg(stock.path("key.pub")).status();
    assert!(made.expect("startable").success());
    drop(key);
    let certificate = stock.path("key-cert.pub");
    let signature = stock::sign(&certificate, RESULT_NAMESPACE, MESSAGE);
    let error = layout(&signature);
    assert!(matches!(&error, ArmorError::Key(kind) if kind.to_string().contains("cert-v01")), "{error:?}");
    assert!(open(&no_agent(), &certificate).is_err());
}

// The disagreements, each settled by one rule.

#[test]
fn layouts_on_which_the_tools_differ_are_refused() {
    let good = forge::ed25519(RESULT_NAMESPACE, &[], MESSAGE).armor();
    judge(&good).expect("the starting point is good");
    let one_line = {
        let body: String = good.lines().filter(|line| !line.starts_with('-')).collect();
        format!("-----BEGIN SSH SIGNATURE-----\n{body}\n-----END SSH SIGNATURE-----\n")
    };
    let cases = [
        ("CR LF", good.replace('\n', "\r\n")),
        ("blank line first", format!("\n{good}")),
        ("text after the end", format!("{good}seen by me\n")),
        ("two signatures", format!("{good}{good}")),
        ("one line", one_line.clone()),
        ("indented", good.replacen('\n', "\n  ", 1)),
        ("byte order mark", format!("\u{feff}{good}")),
        ("trailing blank", good.replacen('\n', " \n", 2)),
        ("no final newline", good.trim_end().to_owned()),
    ];
    for (name, text) in cases {
        let error = judge(&text).expect_err(name);
        assert!(matches!(error, SignatureError::Armor(_)), "{name}: {error:?}");
    }
    let normal = armor::normalize(one_line.as_bytes()).expect("an answer");
    assert_eq!(normal, good, "what a tool returned is brought into the layout");
}

#[test]
fn the_reserved_field_is_empty() {
    let signed_over = forge::ed25519(RESULT_NAMESPACE, b"x", MESSAGE);
    let put_in_later = Forged { reserved: b"x".to_vec(), ..forge::ed25519(RESULT_NAMESPACE, &[], MESSAGE) };
    for forged in [signed_over, put_in_later] {
        let error = layout(&forged.armor()).to_string();
        assert_eq!(error, "signature has 1 bytes in its reserved field, which must be empty");
    }
}

#[test]
fn the_format_version_is_one() {
    let good = forge::ed25519(RESULT_NAMESPACE, &[], MESSAGE);
    let zero = Forged { version: 0, ..good.clone() };
    let error = |forged: &Forged| layout(&forged.armor()).to_string();
    assert_eq!(error(&zero), "signature is of format version 0, only version 1 is read");
    let two = Forged { version: 2, ..good };
    assert_eq!(error(&two), "signature is of format version 2, only version 1 is read");
}

#[test]
fn nothing_is_left_over_and_the_hash_is_a_good_one() {
    let good = forge::ed25519(RESULT_NAMESPACE, &[], MESSAGE);
    let longer = Forged { left_over: vec![0], ..good.clone() };
    let sha1 = Forged { hash: "sha1", ..good.clone() };
    let mut padded = good;
    padded.signature.push(0);
    for forged in [longer, sha1, padded] {
        let error = layout(&forged.armor());
        assert!(matches!(error, ArmorError::Content { .. }), "{error:?}");
    }
}

#[test]
fn another_hash_than_the_signed_one_does_not_match() {
    let forged = Forged { hash: "sha256", ..forge::ed25519(RESULT_NAMESPACE, &[], MESSAGE) };
    let error = judge(&forged.armor()).expect_err("signed over sha512");
    assert!(matches!(error, SignatureError::Mismatch { .. }), "{error:?}");
}

#[test]
fn namespaces_are_compared_exactly() {
    let good = forge::ed25519(RESULT_NAMESPACE, &[], MESSAGE);
    for other in [RERUN_NAMESPACE, "Result.v1@hlb-bench", "git"] {
        let signed = forge::ed25519(other, &[], MESSAGE);
        let error = judge(&signed.armor()).expect_err("another purpose");
        assert!(matches!(error, SignatureError::Namespace { .. }), "{error:?}");
        let renamed = Forged { namespace: other.to_owned(), ..good.clone() };
        let error = verify_any_signer(MESSAGE, renamed.armor().as_bytes(), other).expect_err("renamed after signing");
        assert!(matches!(error, SignatureError::Mismatch { .. }), "{error:?}");
    }
    let empty = forge::ed25519("", &[], MESSAGE);
    assert!(matches!(layout(&empty.armor()), ArmorError::Content { .. }));
}

#[test]
fn a_message_is_never_normalized() {
    let good = forge::ed25519(RESULT_NAMESPACE, &[], MESSAGE).armor();
    let text = std::str::from_utf8(MESSAGE).expect("ASCII");
    for changed in [text.replace('\n', "\r\n"), text.trim_end().to_owned()] {
        let error = verify_any_signer(changed.as_bytes(), good.as_bytes(), RESULT_NAMESPACE).expect_err("other bytes");
        assert!(matches!(error, SignatureError::Mismatch { .. }), "{error:?}");
    }
}

#[test]
fn a_token_must_have_been_touched() {
    let stock = Stock::find("a_token (stock tool's part)", &["ssh-keygen"]);
    for make in [forge::token_ed25519, forge::token_p256] {
        for (flags, touched) in [(0b1, true), (0b101, true), (0, false), (0b100, false)] {
            let forged = make(RESULT_NAMESPACE, flags, MESSAGE);
            let signature = forged.armor();
            if let Some(stock) = &stock {
                let good = stock_verifies(stock, &forged.key_line(), &signature);
                assert!(good, "the stock tool only notes the flags");
            }
            match judge(&signature) {
                Ok(signer) => assert!(touched && is_security_key(&signer.algorithm())),
                Err(SignatureError::NotTouched { .. }) => assert!(!touched),
                Err(error) => panic!("{error:?}"),
            }
        }
        let mut forged = make(RESULT_NAMESPACE, 0, MESSAGE);
        let flags = forged.signature.len() - 5;
        forged.signature[flags] = 1;
        let error = judge(&forged.armor()).expect_err("the flags are signed");
        assert!(matches!(error, SignatureError::Mismatch { .. }), "{error:?}");
    }
}

#[test]
fn the_kind_inside_the_signature_is_the_key_s_own() {
    let mut forged = forge::ed25519(RESULT_NAMESPACE, &[], MESSAGE);
    let token = forge::token_ed25519(RESULT_NAMESPACE, 1, MESSAGE);
    forged.signature.clone_from(&token.signature);
    let error = layout(&forged.armor());
    assert!(matches!(error, ArmorError::Content { .. }), "{error:?}");
}

#[test]
fn flipping_any_byte_of_message_or_signature_is_noticed() {
    for forged in [
        forge::ed25519(RESULT_NAMESPACE, &[], MESSAGE),
        forge::token_ed25519(RESULT_NAMESPACE, 1, MESSAGE),
        forge::token_p256(RESULT_NAMESPACE, 1, MESSAGE),
    ] {
        let signature = forged.armor();
        judge(&signature).expect("the starting point is good");
        for message in flips(MESSAGE) {
            verify_any_signer(&message, signature.as_bytes(), RESULT_NAMESPACE).expect_err("another message");
        }
        for armored in flips(signature.as_bytes()) {
            let text = String::from_utf8_lossy(&armored);
            let verdict = verify_any_signer(MESSAGE, &armored, RESULT_NAMESPACE);
            assert!(verdict.is_err(), "{text}from\n{signature}");
        }
    }
}

/// The bytes with one bit of one byte flipped, each bit of the eight in turn along the bytes; the
/// lowest of each byte too, which alone may turn one letter of base64 into the next.
fn flips(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    (0..bytes.len()).flat_map(move |at| {
        [1, 1 << (at % 8)].into_iter().map(move |bit| {
            let mut flipped = bytes.to_vec();
            flipped[at] ^= bit;
            flipped
        })
    })
}

// Who may sign: the same answer as the stock tool's.

#[test]
fn allowed_signers_mean_the_same_to_both() {
    let Some(stock) = Stock::find("allowed_signers_mean", &["ssh-keygen"]) else {
        return;
    };
    let key = stock.key("alice", ED25519, "");
    let signature = stock::sign(&key, RESULT_NAMESPACE, MESSAGE);
    let public = stock.public("alice");
    let result = format!("namespaces=\"{RESULT_NAMESPACE}\"");
    let cases = [
        (result.clone(), "20260301000000Z", None),
        (format!("{result},valid-after=\"20260301Z\""), "20260301000000Z", None),
        (format!("{result},valid-after=\"20260301Z\""), "20260228235959Z", Some("early")),
        (format!("{result},valid-before=\"20260301Z\""), "20260301000000Z", None),
        (format!("{result},valid-before=\"20260301Z\""), "20260301000001Z", Some("late")),
        (format!("{result},Valid-Before=\"202603011200Z\""), "20260301120001Z", Some("late")),
        (format!("namespaces=\"git,{RESULT_NAMESPACE}\""), "20260301000000Z", None),
        (format!("namespaces=\"{RERUN_NAMESPACE}\""), "20260301000000Z", Some("other")),
    ];
    for (options, time, expected) in cases {
        let signers = format!("alice@github {options} {public}\n");
        let theirs = stock.verifies(&Question {
            principal: "alice@github",
            signers: &signers,
            signature: &signature,
            namespace: RESULT_NAMESPACE,
            message: MESSAGE,
            time: Some(time),
        });
        let ours = verdict(&signers, &signature, time);
        assert_eq!(ours.err(), expected, "{options} at {time}");
        assert_eq!(theirs, expected.is_none(), "{options} at {time}");
    }
}

/// Our verdict at a time, the reason as one word.
fn verdict(signers: &str, signature: &str, time: &str) -> Result<(), &'static str> {
    let signers = AllowedSigners::parse(signers, "allowed_signers").expect("in order");
    let at = parse_time(time);
    match verify(MESSAGE, signature.as_bytes(), RESULT_NAMESPACE, &signers, at) {
        Ok(verified) => {
            assert_eq!(verified.principal, "alice@github");
            Ok(())
        }
        Err(SignatureError::NotAllowed { why, .. }) => Err(match why {
            WhyNot::UnknownKey => "unknown",
            WhyNot::OtherNamespace { .. } => "other",
            WhyNot::Expired { .. } => "late",
            WhyNot::NotYetValid { .. } => "early",
            WhyNot::NotARunner { .. } => "no runner",
        }),
        Err(error) => panic!("{error:?}"),
    }
}

fn parse_time(text: &str) -> DateTime<Utc> {
    let time = chrono::NaiveDateTime::parse_from_str(text, "%Y%m%d%H%M%SZ");
    Utc.from_utc_datetime(&time.expect("a time"))
}

#[test]
fn lines_that_the_stock_tool_refuses_are_refused_by_us() {
    let Some(stock) = Stock::find("lines_refused", &["ssh-keygen"]) else {
        return;
    };
    let key = stock.key("alice", ED25519, "");
    let signature = stock::sign(&key, RESULT_NAMESPACE, MESSAGE);
    let public = stock.public("alice");
    let good = format!("namespaces=\"{RESULT_NAMESPACE}\"");
    for options in [
        format!("{good},{good}"),
        format!("{good},unknown"),
        format!("{good},valid-after=20250101Z"),
        format!("{good},valid-after=\"20260101Z\",valid-before=\"20250101Z\""),
        format!("{good}, valid-after=\"20250101Z\""),
        "namespaces=\"".to_owned(),
    ] {
        let signers = format!("alice@github {options} {public}\n");
        assert!(
            !stock.verifies(&Question {
                principal: "alice@github",
                signers: &signers,
                signature: &signature,
                namespace: RESULT_NAMESPACE,
                message: MESSAGE,
                time: Some("20260301000000Z"),
            }),
            "{options}"
        );
        assert!(AllowedSigners::parse(&signers, "x").is_err(), "{options}");
    }
}

// Key files.

#[cfg(unix)]
#[test]
fn a_private_key_open_to_others_is_not_used() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("a folder");
    let key = folder.path().join("key");
    keygen(&key, "", None).expect("made");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o640)).expect("ours");
    let error = open(&no_agent(), &key).expect_err("the group may read it");
    let text = error.to_string();
    assert!(text.ends_with("is open to others: its mode is 0640"), "{text}");
    assert!(error.hint().is_some_and(|hint| hint.starts_with("run `chmod 600 ")));
}

#[test]
fn a_file_that_is_no_key_is_named() {
    let Some(stock) = Stock::find("a_file_that_is_no_key", &["ssh-keygen"]) else {
        return;
    };
    let missing = open(&no_agent(), &stock.path("missing")).expect_err("not there");
    assert!(matches!(missing, SignError::Read { .. }), "{missing:?}");
    assert!(missing.hint().is_some_and(|hint| hint.contains("keygen")));
    for content in [&b""[..], b"not a key", b"\xff\xfe\x00", b"ssh-ed25519 AAAA"] {
        let path = stock.write("text", content);
        let error = open(&no_agent(), &path).expect_err("no key");
        assert!(matches!(error, SignError::NotAKey { .. }), "{error:?}");
    }
}

#[test]
fn a_signer_shows_no_secret() {
    let folder = tempfile::tempdir().expect("a folder");
    let key = folder.path().join("key");
    keygen(&key, "", None).expect("made");
    let signer = open(&no_agent(), &key).expect("a plain key");
    let shown = format!("{signer:?}");
    assert_eq!(shown, format!("Signer {{ fingerprint: {:?}, .. }}", fingerprint(signer.public_key())));
}

// The key that git signs with.

fn git_default(tools: &Tools) -> Result<Signer, SignError> {
    Signer::open_with(tools, &KeyChoice::GitDefault, &mut nobody)
}

fn ssh_format(key: &str) -> [(&'static str, &str); 3] {
    [("gpg.format", "ssh"), ("user.signingkey", key), ("gpg.ssh.program", "")]
}

fn text(path: PathBuf) -> String {
    path.into_os_string().into_string().expect("UTF-8")
}

#[test]
fn git_s_key_file_is_found() {
    let Some(stock) = Stock::find("git_s_key_file", &["ssh-keygen", "git"]) else {
        return;
    };
    stock.key("key", ED25519, "");
    let home = no_agent().with_env("HOME", stock.path(""));
    for named in [text(stock.path("key")), text(stock.path("key.pub")), "~/key.pub".to_owned()] {
        let tools = git_settings(home.clone(), &ssh_format(&named));
        let signer = git_default(&tools).expect("git's key");
        assert_good_everywhere(&stock, &signer, "ssh-ed25519");
    }
}

#[test]
fn git_s_literal_key_is_used_through_the_agent() {
    let programs = ["ssh-keygen", "ssh-agent", "ssh-add", "git"];
    let Some(stock) = Stock::find("git_s_literal_key", &programs) else {
        return;
    };
    let agent = Agent::start(&stock);
    agent.add(&stock.key("key", ED25519, ""));
    for named in [stock.public("key"), format!("key::{}", stock.public("key"))] {
        let tools = git_settings(agent.tools(), &ssh_format(&named));
        let signer = git_default(&tools).expect("git's key");
        assert_good_everywhere(&stock, &signer, "ssh-ed25519");
    }
}

#[test]
fn without_a_key_of_git_s_the_way_on_is_shown() {
    let Some(stock) = Stock::find("without_a_key_of_git_s", &["git"]) else {
        return;
    };
    let other = git_settings(no_agent(), &[("gpg.format", "openpgp")]);
    let error = git_default(&other).expect_err("not SSH");
    assert!(matches!(&error, SignError::Git(GitError::NotSsh { found }) if found == "`openpgp`"));
    let hint = error.hint().expect("a way on");
    assert!(hint.contains("`hlb-bench keygen`") && hint.contains("`--key`"), "{hint}");

    let unset = git_settings(no_agent(), &ssh_format(""));
    let error = git_default(&unset).expect_err("no key");
    assert!(matches!(error, SignError::Git(GitError::NoKey)), "{error:?}");

    let gone = git_settings(no_agent(), &ssh_format("/nonexistent/key.pub"));
    let error = git_default(&gone).expect_err("no file");
    assert!(matches!(error, SignError::Read { .. }), "{error:?}");
    drop(stock);
}

#[test]
fn git_s_signing_program_is_used_and_not_trusted() {
    let Some(stock) = Stock::find("git_s_signing_program", &["ssh-keygen", "git"]) else {
        return;
    };
    let key = text(stock.key("key", ED25519, ""));
    let other = text(stock.key("other", ED25519, ""));
    let cases = [
        ("wide", "ssh-keygen \"$@\" | tr -d '\\n' | sed 's/-----B/\\n&/; s/URE-----/&\\n/; s/-----E/\\n&/'"),
        ("garbage", "cat > /dev/null; echo signed"),
        ("failing", "cat > /dev/null; echo no touch >&2; exit 3"),
        ("impostor", &format!("exec ssh-keygen -Y sign -n \"$4\" -f {other}")),
        ("elsewhere", &format!("exec ssh-keygen -Y sign -n git -f {key}")),
    ];
    for (name, script) in cases {
        let program = text(stock.program(name, script));
        let settings = [("gpg.format", "ssh"), ("user.signingkey", &key), ("gpg.ssh.program", &program)];
        let signer = git_default(&git_settings(no_agent(), &settings)).expect("git's key");
        let answer = signer.sign(RESULT_NAMESPACE, MESSAGE);
        let fits = match name {
            "wide" => answer.is_ok_and(|text| judge(&text).is_ok()),
            "garbage" => matches!(answer, Err(SignError::Answer(_))),
            "failing" => matches!(
                &answer,
                Err(SignError::Tool(ToolError::Failed { said, .. })) if said == "no touch"
            ),
            "impostor" => matches!(answer, Err(SignError::OtherKey { .. })),
            _ => matches!(answer, Err(SignError::Unverified(SignatureError::Namespace { .. }))),
        };
        assert!(fits, "{name}");
    }
    let missing = [("gpg.format", "ssh"), ("user.signingkey", &key), ("gpg.ssh.program", "/nonexistent/p")];
    let signer = git_default(&git_settings(no_agent(), &missing)).expect("git's key");
    let error = signer.sign(RESULT_NAMESPACE, MESSAGE).expect_err("no program");
    assert!(matches!(error, SignError::Tool(ToolError::Start { .. })), "{error:?}");
}
