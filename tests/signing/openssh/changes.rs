//! Ours against the stock tool, one changed byte at a time: whatever ours accepts, the stock tool accepts.
//!
//! Ours judges every change; the stock tool only those that ours accepts, some hundred for each list. In a release build
//! every byte of Ed25519 takes every other value, is left out, and has some put before it. Otherwise, and for other kinds
//! of key, whose arithmetic is slow in a test, every byte takes two other values, with its
//! lowest bit flipped and with one of the eight in turn.

use std::collections::BTreeSet;

use chrono::{TimeZone as _, Utc};
use hlb_result::signing::{AllowedSigners, RESULT_NAMESPACE, fingerprint, verify};

use super::forge;
use super::stock::{self, Question, Stock};
use super::{ED25519, MESSAGE, P256, no_agent, open};

/// A kind of key, with a signature by it over the message.
struct Case {
    kind: &'static str,
    key: String,
    signature: String,
}

fn cases(stock: &Stock) -> Vec<Case> {
    let of_stock = |kind, arguments| {
        let path = stock.key(kind, arguments, "");
        Case { kind, key: stock.public(kind), signature: stock::sign(&path, RESULT_NAMESPACE, MESSAGE) }
    };
    let of_token = |kind, forged: forge::Forged| Case { kind, key: forged.key_line(), signature: forged.armor() };
    vec![
        of_stock("ed25519", ED25519),
        of_stock("p256", P256),
        of_token("token-ed25519", forge::token_ed25519(RESULT_NAMESPACE, 1, MESSAGE)),
        of_token("token-p256", forge::token_p256(RESULT_NAMESPACE, 1, MESSAGE)),
    ]
}

/// Whether all changes of it are judged in less than a minute.
fn is_cheap(kind: &str) -> bool {
    kind == "ed25519" && !cfg!(debug_assertions)
}

/// The texts that one change of a byte makes of this one.
fn changes(text: &str, every: bool) -> BTreeSet<Vec<u8>> {
    let bytes = text.as_bytes();
    let mut found = BTreeSet::new();
    for at in 0..bytes.len() {
        let flipped: Vec<u8> = [0, at % 8].map(|bit| bytes[at] ^ (1 << bit)).to_vec();
        let put = |byte: u8| [&bytes[..at], &[byte], &bytes[at + 1..]].concat();
        found.extend(if every {
            (0..=255).map(put).collect::<Vec<_>>()
        } else {
            flipped.into_iter().map(put).collect()
        });
        if every {
            found.insert([&bytes[..at], &bytes[at + 1..]].concat());
            found.extend(b"aA0=,\" \t\r\n#".iter().map(|byte| [&bytes[..at], &[*byte], &bytes[at..]].concat()));
        }
    }
    found.remove(bytes);
    found
}

/// For whom ours accepts a signature, whoever it is.
fn ours(signers: &str, signature: &[u8]) -> Option<String> {
    let list = AllowedSigners::parse(signers, "allowed_signers").ok()?;
    let at = Utc.with_ymd_and_hms(2026, 3, 1, 0, 0, 0).unwrap();
    Some(verify(MESSAGE, signature, RESULT_NAMESPACE, &list, at).ok()?.principal)
}

fn theirs(stock: &Stock, principal: &str, signers: &str, signature: &str) -> bool {
    let time = Some("20260301000000Z");
    stock.verifies(&Question { principal, signers, signature, namespace: RESULT_NAMESPACE, message: MESSAGE, time })
}

fn list(key: &str) -> String {
    format!(
        "alice@github namespaces=\"{RESULT_NAMESPACE}\",valid-after=\"20260101Z\",valid-before=\"20270101Z\" {key} x\n"
    )
}

#[test]
fn a_list_with_a_changed_byte_counts_only_where_the_stock_tool_reads_it_alike() {
    let Some(stock) = Stock::find("a_list_with_a_changed_byte", &["ssh-keygen"]) else {
        return;
    };
    for Case { kind, key, signature } in cases(&stock) {
        let good = list(&key);
        assert_eq!(ours(&good, signature.as_bytes()).as_deref(), Some("alice@github"), "{kind}");
        let mut accepted = 0;
        for changed in changes(&good, is_cheap(kind)) {
            let Ok(text) = String::from_utf8(changed) else { continue };
            let Some(principal) = ours(&text, signature.as_bytes()) else { continue };
            accepted += 1;
            assert!(theirs(&stock, &principal, &text, &signature), "{kind}: only ours accepts {text:?}");
            // Any other spelling of the key would be another fingerprint; before it there may be other blanks.
            let spelled = key.split(' ').nth(1).expect("two words");
            assert!(text.contains(spelled), "{kind}: {text:?}");
        }
        assert!(accepted > 3, "{kind}: names and comments may change, {accepted} did");
    }
}

#[test]
fn a_signature_with_a_changed_byte_is_nobody_s() {
    let Some(stock) = Stock::find("a_signature_with_a_changed_byte", &["ssh-keygen"]) else {
        return;
    };
    for Case { kind, key, signature } in cases(&stock) {
        let good = list(&key);
        assert!(theirs(&stock, "alice@github", &good, &signature), "{kind}");
        for changed in changes(&signature, is_cheap(kind)) {
            assert_eq!(ours(&good, &changed), None, "{kind}: {}", String::from_utf8_lossy(&changed));
        }
    }
}

#[test]
fn a_key_file_with_a_changed_byte_is_read_only_where_the_stock_tool_reads_it_alike() {
    let Some(stock) = Stock::find("a_key_file_with_a_changed_byte", &["ssh-keygen"]) else {
        return;
    };
    let path = stock.path("changed.pub");
    for Case { kind, key, .. } in cases(&stock) {
        let good = format!("{key} x\n");
        // Where ours reads nothing it asks the stock tool, so that each change costs a process.
        let every = if kind == "ed25519" { 1 } else { 7 };
        for changed in changes(&good, false).into_iter().step_by(every) {
            stock.write("changed.pub", &changed);
            let Ok(signer) = open(&no_agent(), &path) else { continue };
            let text = String::from_utf8_lossy(&changed);
            assert_eq!(Some(fingerprint(signer.public_key())), stock::fingerprint(&path), "{kind}: {text:?}");
        }
    }
}
