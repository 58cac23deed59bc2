//! Every kind of error that a user can meet without a network and without libtorch, in full.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use hlb_core::artifact::sha256_hex;

use crate::snapshots::{Snapshots, shown};
use crate::support::archive::{cifar, tar_gz};
use crate::support::context::{Context, VARIANT, answer};
use crate::support::fixture::{Fixture, Hand, Spec};
use crate::support::simulated::{MADE, Stage};

/// A name, what is typed, and what is done before.
type Case = (&'static str, &'static str, fn(&Stage));

/// Where [`filed`] files its entry.
const ENTRY: &str = "submissions/shapes/2026-11-26-steady";

const VARIANTS: [Case; 17] = [
    ("variant-unknown-key", "run v.yaml", |stage| variant(stage, "batch_sise: 64\n")),
    ("variant-wrong-type", "run v.yaml", |stage| variant(stage, "epochs: many\n")),
    ("variant-out-of-range", "run v.yaml", |stage| variant(stage, "epochs: 0\n")),
    ("variant-rule-between-keys", "run v.yaml", |stage| variant(stage, "average: null\n")),
    ("variant-key-given-twice", "run v.yaml", |stage| variant(stage, "name: second\n")),
    ("variant-anchor", "run v.yaml", |stage| variant(stage, "loss: &a {label_smoothing: 0.1}\n")),
    ("variant-not-a-number", "run v.yaml", |stage| variant(stage, "loss: {label_smoothing: .nan}\n")),
    ("variant-syntax", "run v.yaml", |stage| variant(stage, "loss: {label_smoothing: 0.1\n")),
    ("variant-tab", "run v.yaml", |stage| variant(stage, "loss:\n\tlabel_smoothing: 0.1\n")),
    ("variant-not-utf-8", "run v.yaml", |stage| write(stage, "v.yaml", b"name: \xff\xfe\n")),
    ("variant-utf-16", "run v.yaml", |stage| write(stage, "v.yaml", b"\xff\xfen\0a\0m\0e\0")),
    ("variant-empty", "run v.yaml", |stage| write(stage, "v.yaml", "")),
    ("variant-too-large", "run v.yaml", |stage| write(stage, "v.yaml", vec![b'a'; 1 << 20])),
    ("variant-name-is-a-path", "run v.yaml", |stage| write(stage, "v.yaml", VARIANT.replace("tiny", "../tiny"))),
    ("variant-unknown-recipe", "run v.yaml", |stage| {
        write(stage, "v.yaml", VARIANT.replace("hlb-shapes", "hlb-shape"));
    }),
    ("variant-absent", "run absent.yaml", nothing),
    ("variant-is-a-folder", "run .", nothing),
];

const SESSIONS: [Case; 17] = [
    ("usage-nothing-asked", "", nothing),
    ("usage-unknown-command", "sumbit v.yaml", nothing),
    ("usage-unknown-flag", "run --rnus 3", nothing),
    ("usage-flags-exclude-each-other", "run v.yaml --track shapes", nothing),
    ("usage-value-out-of-range", "run --runs 0", nothing),
    ("track-unknown", "run --track cifar-9", nothing),
    ("recipe-unknown", "recipe show hlb-nothing", nothing),
    ("device-cuda-not-there", "run v.yaml --manifest made-cifar.yaml --device cuda", small),
    ("device-slow-precision", "run v.yaml --manifest made-cifar.yaml --device cpu", |stage| {
        small(stage);
        write(stage, "v.yaml", format!("{MADE}precision: fp16\n"));
    }),
    ("trainer-fails-at-once", "run v.yaml --manifest made-cifar.yaml", |stage| {
        small(stage);
        let trainer = stage.context.write("trainer", "#!/bin/sh\necho no libtorch >&2\nexit 3\n");
        fs::set_permissions(trainer, fs::Permissions::from_mode(0o755)).unwrap();
    }),
    ("trainer-absent", "run v.yaml --manifest made-cifar.yaml", |stage| {
        small(stage);
        fs::remove_file(stage.context.path("trainer")).unwrap();
    }),
    ("trainer-fails-before-it-begins", "run v.yaml --manifest made-cifar.yaml --runs 1", |stage| {
        small(stage);
        stage.plays("echo out of luck >&2; exit 101", "");
    }),
    ("session-reference-unfit", "run v.yaml --manifest made-cifar.yaml --calibrate", small),
    ("session-nothing-to-resume", "run --resume", nothing),
    ("session-too-long", "run v.yaml --runs 500", |stage| variant(stage, "epochs: 1000\n")),
    ("session-folder-cannot-be-made", "run v.yaml --manifest made-cifar.yaml --sessions v.yaml", small),
    ("session-manifest-absent", "run v.yaml --manifest absent.yaml", |stage| variant(stage, "")),
];

const PRICES: [Case; 5] = [
    ("price-unknown", "run --price aws/nothing", nothing),
    ("price-near", "run --price aws/p3", nothing),
    ("price-out-of-range", "run --price-per-hour 0 --price-source here", nothing),
    ("price-bad-row", "run --prices prices.yaml --price own/one@here", |stage| {
        write(
            stage,
            "prices.yaml",
            "prices:\n- {provider: own, instance: one, region: here, usd_per_hour: -1, date: null, source: me}\n",
        );
    }),
    ("price-bad-day", "run --prices prices.yaml --price own/one@here", |stage| {
        write(
            stage,
            "prices.yaml",
            "prices:\n- {provider: own, instance: one, region: here, gpus: null, usd_per_hour: 1, date: 1 March, source: me}\n",
        );
    }),
];

const DATA: [Case; 13] = [
    ("data-unknown", "data verify nothing", nothing),
    ("data-missing-file", "data verify fashion-mnist --data .", nothing),
    ("data-wrong-header", "data verify fashion-mnist --data .", |stage| forged(stage, 0x802)),
    ("data-wrong-digest", "data verify fashion-mnist --data .", |stage| forged(stage, 0x803)),
    ("data-not-fetched", "data verify --manifest made-cifar.yaml", |stage| drop(made(stage, "", ""))),
    ("data-manifest-absent", "data fetch --manifest absent.yaml", nothing),
    ("data-manifest-wrong", "data fetch --manifest made-cifar.yaml --from cifar-10-binary.tar.gz", |stage| {
        made(stage, "evaluation: 60", "evaluation: 61");
    }),
    ("fetch-archive-absent", "data fetch cifar-10-binary --from absent.tar.gz", nothing),
    ("fetch-archive-wrong-digest", "data fetch --manifest made-cifar.yaml --from cifar-10-binary.tar.gz", |stage| {
        let path = made(stage, "", "");
        let mut bytes = fs::read(&path).unwrap();
        bytes[100] ^= 1;
        write(stage, "cifar-10-binary.tar.gz", bytes);
    }),
    ("fetch-archive-unconfirmed", "data fetch --manifest made-cifar.yaml --from cifar-10-binary.tar.gz", |stage| {
        made(stage, "confirmed: true", "confirmed: false");
    }),
    ("fetch-archive-member-twice", "data fetch --manifest made-cifar.yaml --from cifar-10-binary.tar.gz", |stage| {
        let member = || ("cifar-10-batches-bin/data_batch_1.bin".to_owned(), vec![1]);
        packed(stage, &tar_gz(&[member(), member()]));
    }),
    ("fetch-archive-cut-off", "data fetch --manifest made-cifar.yaml --from cifar-10-binary.tar.gz", |stage| {
        let whole = cifar(60).bytes;
        packed(stage, &whole[..whole.len() / 2]);
    }),
    ("fetch-nothing-listens", "data fetch cifar-10-binary --from http://127.0.0.1:1/cifar-10-binary.tar.gz", nothing),
];

const ENTRIES: [Case; 18] = [
    ("verify-absent", "verify absent", nothing),
    ("verify-nothing-there", "verify .", nothing),
    ("verify-log-changed", "verify", |stage| drop(edited(stage, "session.jsonl", "\"correct\":", "\"correct\": "))),
    ("verify-result-changed", "verify", |stage| drop(edited(stage, "result.yaml", "Ada Lovelace", "Ada"))),
    ("verify-figure-changed", "verify", |stage| {
        let fixture = edited(stage, "result.yaml", "runs: 10", "runs: 11");
        fixture.sign(&stage.context.path(ENTRY), Hand::Submitter);
    }),
    ("verify-signature-broken", "verify", |stage| {
        filed(stage);
        write(stage, &format!("{ENTRY}/result.yaml.sig"), "-----BEGIN SSH SIGNATURE-----\nnone\n");
    }),
    ("verify-signer-unknown", "verify", |stage| {
        filed(stage);
        write(stage, "submissions/allowed_signers", "");
    }),
    ("verify-signers-broken", "verify", |stage| {
        filed(stage);
        write(stage, "submissions/allowed_signers", "ada@example ssh-ed25519\n");
    }),
    ("verify-signers-is-a-folder", "verify --signers submissions", filed_only),
    ("verify-stranger", "verify", |stage| {
        filed(stage);
        write(stage, &format!("{ENTRY}/notes.txt"), "hello");
    }),
    (
        "compare-with-itself",
        "compare submissions/shapes/2026-11-26-steady submissions/shapes/2026-11-26-steady",
        filed_only,
    ),
    (
        "compare-other-track",
        "compare submissions/shapes/2026-11-26-steady submissions/fashion-mnist/2026-11-26-other",
        |stage| {
            let other = Spec { track: "fashion-mnist".to_owned(), ..Spec::named("other") };
            filed(stage).file(&other);
        },
    ),
    ("compare-absent", "compare absent other", nothing),
    ("power-nothing-measured", "power --track shapes", nothing),
    ("power-gain-without-percent", "power --track shapes --gain 2", nothing),
    ("power-one-run", "power --track shapes --entry submissions/shapes/2026-11-26-steady", single),
    ("power-mean-not-over", "power --track cifar10 --mean 94", nothing),
    ("reproduce-one-run", "reproduce submissions/shapes/2026-11-26-steady", single),
];

const KEYS: [Case; 9] = [
    ("key-none", "submit v.yaml", |stage| variant(stage, "")),
    ("key-absent", "submit v.yaml --key absent", |stage| variant(stage, "")),
    ("key-open-to-others", "submit v.yaml --key key", |stage| {
        with_key(stage);
        fs::set_permissions(stage.context.path("key"), fs::Permissions::from_mode(0o644)).unwrap();
    }),
    ("key-not-listed", "submit v.yaml --key key", with_key),
    ("key-bad-principal", "submit v.yaml --key key --principal Not,A*Name", with_key),
    ("key-exists", "keygen key", with_key),
    ("key-nowhere-to-write", "keygen absent/key", nothing),
    ("reproduce-with-the-same-key", "reproduce submissions/shapes/2026-11-26-steady --key submitter", filed_only),
    ("board-cannot-be-made", "submit v.yaml --key key --principal ada@github --submissions v.yaml", with_key),
];

const SITES: [Case; 14] = [
    ("site-foreign-folder", "leaderboard --out site", |stage| {
        filed(stage);
        write(stage, "site/mine.txt", "mine");
    }),
    ("site-no-submissions", "leaderboard --out site", nothing),
    ("site-not-built-yet", "leaderboard --out site --check", filed_only),
    ("site-rejected-entry", "leaderboard --out site", |stage| {
        drop(edited(stage, "result.yaml", "Ada Lovelace", "Ada"));
    }),
    ("site-retracts-nothing", "leaderboard --out site", |stage| {
        filed(stage);
        write(
            stage,
            "submissions/withdrawn.yaml",
            "withdrawn:\n- {entry: shapes/other, verdict: refuted, date: \"2026-11-27\", reason: wrong}\n",
        );
    }),
    ("site-bad-address", "leaderboard --out site --base-url example.org", nothing),
    ("study-unknown-track", "study s.yaml --track shapes", |stage| study(stage, "[cifar10]", "[fashion-mnist]")),
    ("study-no-reference", "study s.yaml --dry-run", |stage| study(stage, "reference: base", "reference: none")),
    ("study-bad-variant", "study s.yaml --dry-run", |stage| study(stage, "epochs: 2", "epochs: 0")),
    ("study-no-records", "study s.yaml --report-only --out out", |stage| study(stage, "", "")),
    ("import-not-dawnbench", "import dawnbench .", nothing),
    ("import-unknown-task", "import dawnbench . --task CIFAR100", nothing),
    ("export-run-of-all-runs", "export csv submissions/shapes/2026-11-26-steady --run 1", filed_only),
    ("export-no-such-run", "export mllog submissions/shapes/2026-11-26-steady --run 11", filed_only),
];

#[test]
fn every_kind_of_error_says_what_is_wrong_and_what_to_do() {
    let mut snapshots = Snapshots::of("errors");
    let cases = [&VARIANTS[..], &SESSIONS, &PRICES, &DATA, &ENTRIES, &KEYS, &SITES].concat();
    for (name, typed, prepare) in cases {
        let stage = Stage::with(Context::new(), &[]);
        prepare(&stage);
        let mut command = stage.context.command();
        command.env("HLB_BENCH_TRAINER", stage.context.path("trainer")).env("COLUMNS", "100");
        command.env("GIT_CONFIG_GLOBAL", "/dev/null");
        for proxy in ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"] {
            command.env_remove(proxy);
        }
        let answer = answer(&command.args(typed.split_whitespace()).output().unwrap());
        assert!(matches!(answer.code, Some(1 | 2)), "{name}: {:?}", answer.code);
        snapshots.check(name, &shown(&format!("hlb-bench {typed}"), &answer), &stage.context);
    }
    missing_trainer(&mut snapshots);
    snapshots.finish();
}

/// A program without its trainer next to it.
fn missing_trainer(snapshots: &mut Snapshots) {
    let context = Context::new();
    let program = context.path("hlb-bench");
    fs::copy(env!("CARGO_BIN_EXE_hlb-bench"), &program).unwrap();
    let mut command = std::process::Command::new(&program);
    command.arg("run").current_dir(context.root()).env_remove("HLB_BENCH_TRAINER");
    for name in ["HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"] {
        command.env(name, context.path("home"));
    }
    let answer = answer(&command.output().unwrap());
    snapshots.check("trainer-missing", &shown("hlb-bench run", &answer), &context);
}

fn nothing(_: &Stage) {}

fn write(stage: &Stage, name: &str, bytes: impl AsRef<[u8]>) {
    stage.context.write(name, bytes);
}

fn variant(stage: &Stage, changes: &str) {
    write(stage, "v.yaml", format!("{VARIANT}{changes}"));
}

fn with_key(stage: &Stage) {
    variant(stage, "");
    assert_eq!(stage.context.run(["keygen", "key"]).code, Some(0));
}

/// Files of Fashion-MNIST that all begin with this number.
fn forged(stage: &Stage, magic: u32) {
    let header = |words: &[u32]| words.iter().flat_map(|word| word.to_be_bytes()).collect::<Vec<u8>>();
    for (split, count) in [("train", 60_000_u32), ("t10k", 10_000)] {
        let images = [header(&[magic, count, 28, 28]), vec![7; count as usize * 784]].concat();
        let labels = [header(&[0x801, count]), vec![3; count as usize]].concat();
        write(stage, &format!("{split}-images-idx3-ubyte"), images);
        write(stage, &format!("{split}-labels-idx1-ubyte"), labels);
    }
}

/// A data set of the test's own, and its manifest with one change; the path of the archive.
fn made(stage: &Stage, from: &str, to: &str) -> PathBuf {
    let mut made = cifar(60);
    if !from.is_empty() {
        assert!(made.manifest.contains(from), "{from}");
        made.manifest = made.manifest.replacen(from, to, 1);
    }
    made.write(&stage.context).0
}

/// The same with another archive that its manifest describes.
fn packed(stage: &Stage, bytes: &[u8]) {
    let mut made = cifar(60);
    made.manifest = made.manifest.replace(&sha256_hex(&made.bytes).to_string(), &sha256_hex(bytes).to_string());
    made.manifest = made.manifest.replace(&format!("bytes: {}", made.bytes.len()), &format!("bytes: {}", bytes.len()));
    bytes.clone_into(&mut made.bytes);
    made.write(&stage.context);
}

/// A variant that trains on that data set, which is fetched.
fn small(stage: &Stage) {
    made(stage, "", "");
    write(stage, "v.yaml", MADE);
    let fetched =
        stage.context.run(["data", "fetch", "--manifest", "made-cifar.yaml", "--from", "cifar-10-binary.tar.gz"]);
    assert_eq!(fetched.code, Some(0), "{}", fetched.stderr);
}

/// A board with one good entry.
fn filed(stage: &Stage) -> Fixture {
    let fixture = Fixture::at(stage.context.root());
    fixture.file(&Spec::named("steady"));
    fixture
}

fn filed_only(stage: &Stage) {
    filed(stage);
}

/// A board whose entry has a single run.
fn single(stage: &Stage) {
    Fixture::at(stage.context.root()).file(&Spec { runs: Spec::runs(1, 2.5, 16), ..Spec::named("steady") });
}

/// The same with a change to a file of the entry.
fn edited(stage: &Stage, file: &str, from: &str, to: &str) -> Fixture {
    let fixture = filed(stage);
    let path = format!("{ENTRY}/{file}");
    let text = fs::read_to_string(stage.context.path(&path)).unwrap();
    assert!(text.contains(from), "{from}: {text}");
    write(stage, &path, text.replacen(from, to, 1));
    fixture
}

fn study(stage: &Stage, from: &str, to: &str) {
    let text = "name: two\ntitle: Two things\ndescription: which is better\ntracks: [cifar10]\nruns: 3\nreference: base\n\
        variants:\n- name: base\n  changes: {epochs: 2, average: null}\n- name: other\n  changes: {epochs: 3, average: null}\n";
    assert!(text.contains(from), "{from}");
    write(stage, "s.yaml", text.replacen(from, to, 1));
}
