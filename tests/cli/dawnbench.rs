//! `hlb-bench import dawnbench`: every kind of dirt in real entries is read and named, and what cannot be read is named too.

use std::path::Path;

use hlb_board::external::{self, ExternalResult, ExternalResults};
use hlb_interop::dawnbench::Kind;

use crate::support::context::{Answer, Context};

const JSON: &str = r#"{
    "version": "v1.0", "author": "Ada Lovelace", "authorEmail": "ada@example.org", "framework": "PyTorch 0.4.0",
    "codeURL": "https://github.com/ada/engine/tree/d31ad8d393dd75147b65f261dbf78670a97e48a8", "model": "ResNet 9",
    "hardware": "V100 (AWS p3.2xlarge)", "costPerHour": 3.06, "timestamp": "2018-11-06", "misc": {"batchSize": 512}
}
"#;
const TSV: &str = "epoch\thours\ttop1Accuracy\n1\t0.01\t50.00\n2\t0.02\t94.00\n3\t0.03\t94.10\n";
const NAME: &str = "ada_resnet9_1v100-ec2_pytorch";

/// A checkout with one entry.
fn checkout(name: &str, json: impl AsRef<[u8]>, tsv: impl AsRef<[u8]>) -> Context {
    let context = Context::new();
    add(&context, "CIFAR10", name, json, tsv);
    context
}

fn add(context: &Context, task: &str, name: &str, json: impl AsRef<[u8]>, tsv: impl AsRef<[u8]>) {
    context.write(&format!("entries/{task}/train/{name}.json"), json);
    context.write(&format!("entries/{task}/train/{name}.tsv"), tsv);
}

fn import(context: &Context, more: &[&str]) -> Answer {
    context.run([&["import", "dawnbench", "entries"], more].concat())
}

fn board(answer: &Answer) -> ExternalResults {
    assert_eq!(answer.code, Some(0), "{}", answer.stderr);
    external::parse(&answer.stdout, "standard output").unwrap()
}

fn only_row(context: &Context) -> ExternalResult {
    let answer = import(context, &[]);
    let mut rows = board(&answer).rows;
    assert_eq!(rows.len(), 1, "{}", answer.stdout);
    rows.remove(0)
}

fn notes(row: &ExternalResult) -> Vec<&str> {
    row.irregularities.iter().map(AsRef::as_ref).collect()
}

/// The entry is read as if it were clean, and what is odd is named: this kind and nothing else.
fn is_named(kind: Kind, name: &str, json: impl AsRef<[u8]>, tsv: impl AsRef<[u8]>) -> ExternalResult {
    let context = checkout(name, json, tsv);
    let row = only_row(&context);
    let found = notes(&row);
    assert!(found.len() == 1 && found[0].starts_with(&kind.to_string()), "{kind:?}: {found:?}");
    let summary = import(&context, &[]).stderr;
    assert!(summary.contains(&format!("1 x {kind}")), "{summary}");
    assert_eq!(row.seconds, Some(72.0), "{kind:?}");
    row
}

fn tsv_is_named(kind: Kind, tsv: impl AsRef<[u8]>) -> ExternalResult {
    is_named(kind, NAME, JSON, tsv)
}

fn json_is_named(kind: Kind, from: &str, to: &str) -> ExternalResult {
    assert!(JSON.contains(from), "{from}");
    is_named(kind, NAME, JSON.replacen(from, to, 1), TSV)
}

/// The one entry cannot be read: it is named with the reason, nothing comes out, and the exit code says so.
fn is_refused(json: impl AsRef<[u8]>, tsv: impl AsRef<[u8]>, why: &str) {
    let context = checkout(NAME, json, tsv);
    let answer = import(&context, &[]);
    assert_eq!((answer.code, answer.stdout.as_str()), (Some(1), ""), "{}", answer.stderr);
    let place = format!("CIFAR10/train/{NAME}.json");
    assert!(answer.stderr.contains(&place) && answer.stderr.contains(why), "{why}: {}", answer.stderr);
}

#[test]
fn a_clean_entry_is_read_by_the_rules_of_the_board() {
    let row = only_row(&checkout(NAME, JSON, TSV));
    assert_eq!(notes(&row), [""; 0]);
    assert_eq!((row.seconds, row.accuracy_percent, row.usd_per_hour), (Some(72.0), Some(94.0), Some(3.06)));
    assert_eq!(row.max_accuracy_percent, Some(94.1), "of a later row");
    assert!((row.usd.unwrap() - 0.0612).abs() < 1e-12);
    assert_eq!(row.date.unwrap().as_str(), "2018-11-06");
    assert_eq!((row.name.as_str(), row.runs), (NAME, Some(1)));
    let note = row.note.unwrap();
    assert!(note.as_str().contains("ResNet 9") && note.as_str().contains("d31ad8d3"), "{note}");
}

#[test]
fn byte_order_marks_are_stripped() {
    tsv_is_named(Kind::TsvByteOrderMark, format!("\u{feff}{TSV}"));
    json_is_named(Kind::JsonByteOrderMark, "{\n", "\u{feff}{\n");
}

#[test]
fn carriage_returns_are_accepted() {
    tsv_is_named(Kind::TsvCarriageReturns, TSV.replace('\n', "\r\n"));
    is_named(Kind::JsonCarriageReturns, NAME, JSON.replace('\n', "\r\n"), TSV);
}

#[test]
fn a_missing_last_newline_is_accepted() {
    tsv_is_named(Kind::TsvNoLastNewline, TSV.trim_end());
    is_named(Kind::JsonNoLastNewline, NAME, JSON.trim_end(), TSV);
}

#[test]
fn blank_lines_are_skipped() {
    tsv_is_named(Kind::TsvBlankLines, format!("{TSV}\n"));
    json_is_named(Kind::JsonLeadingBlankLine, "{\n", "\n{\n");
}

#[test]
fn columns_are_read_by_name() {
    tsv_is_named(Kind::ColumnOrder, "hours\ttop1Accuracy\tepoch\n0.01\t50\t1\n0.02\t94\t2\n");
    tsv_is_named(Kind::UnknownColumns, "epoch\thours\ttop1Accuracy\ttop5Accuracy\n1\t0.01\t50\t99\n2\t0.02\t94\t99\n");
}

#[test]
fn padded_numbers_are_trimmed() {
    tsv_is_named(Kind::PaddedNumbers, "epoch\thours\ttop1Accuracy\n1\t0.01\t 50\n2\t0.02\t 94\n");
}

#[test]
fn epochs_are_kept_as_they_are_given() {
    tsv_is_named(Kind::EpochsFromZero, "epoch\thours\ttop1Accuracy\n0\t0.01\t50\n1\t0.02\t94\n");
    tsv_is_named(Kind::FractionalEpochs, "epoch\thours\ttop1Accuracy\n1.00096\t0.01\t50\n2.00192\t0.02\t94\n");
    tsv_is_named(Kind::EpochGaps, "epoch\thours\ttop1Accuracy\n1\t0.01\t50\n4\t0.02\t94\n");
    tsv_is_named(Kind::RepeatedEpochs, "epoch\thours\ttop1Accuracy\n1\t0.01\t50\n1\t0.02\t94\n");
    tsv_is_named(Kind::NoSetupCounted, "epoch\thours\ttop1Accuracy\n1\t0\t50\n2\t0.02\t94\n");
}

#[test]
fn a_row_from_before_training_is_told_from_an_epoch() {
    let row = only_row(&checkout(NAME, JSON, "epoch\thours\ttop1Accuracy\n0\t0.001\t9.5\n1\t0.02\t94\n"));
    assert_eq!(notes(&row), [Kind::EpochsFromZero.to_string(), Kind::RowBeforeTraining.to_string()]);
}

#[test]
fn the_order_of_the_file_decides() {
    tsv_is_named(Kind::HoursGoBack, "epoch\thours\ttop1Accuracy\n1\t0.03\t50\n2\t0.02\t94\n3\t0.04\t94\n");
}

#[test]
fn accuracies_are_compared_as_they_are_written() {
    let under = "epoch\thours\ttop1Accuracy\n1\t0.01\t93.9999999999999999999999\n2\t0.02\t94.0\n";
    tsv_is_named(Kind::FloatTails, under);
    tsv_is_named(Kind::FloatTails, "epoch\thours\ttop1Accuracy\n1\t0.01\t12.839999999999998\n2\t0.02\t94.0\n");
    let row = only_row(&checkout(NAME, JSON, "epoch\thours\ttop1Accuracy\n1\t0.01\t93.99999\n2\t0.02\t94\n"));
    assert_eq!((row.seconds, notes(&row)), (Some(72.0), Vec::new()));
}

#[test]
fn a_curve_that_falls_back_is_named_and_its_first_hit_counts() {
    let back = "epoch\thours\ttop1Accuracy\n1\t0.02\t94.0\n2\t0.03\t93.0\n3\t0.04\t94.5\n";
    let row = tsv_is_named(Kind::FallsBack, back);
    assert!(notes(&row)[0].ends_with("in 1 of 2 later rows"), "{:?}", row.irregularities);
    let ends = "epoch\thours\ttop1Accuracy\n1\t0.02\t94.0\n2\t0.03\t93.5\n";
    let row = only_row(&checkout(NAME, JSON, ends));
    let said = notes(&row);
    assert_eq!(
        said,
        [
            "falls back under the target after it was met: in 1 of 1 later rows",
            "the final accuracy is under the target: 93.5 %"
        ]
    );
}

#[test]
fn an_unknown_price_leaves_the_cost_unknown() {
    let unknown = [
        (Kind::PriceNull, "\"costPerHour\": null,"),
        (Kind::PriceAbsent, ""),
        (Kind::PriceUnusable, "\"costPerHour\": -3.06,"),
        (Kind::PriceUnusable, "\"costPerHour\": 0,"),
        (Kind::PriceUnusable, "\"costPerHour\": \"3.06\","),
        (Kind::PriceUnusable, "\"costPerHour\": 1e300,"),
    ];
    for (kind, price) in unknown {
        let row = json_is_named(kind, "\"costPerHour\": 3.06,", price);
        assert_eq!((row.usd, row.usd_per_hour), (None, None), "{price}");
    }
}

#[test]
fn one_machine_at_two_prices_is_named() {
    let context = checkout(NAME, JSON, TSV);
    add(&context, "CIFAR10", "bob_resnet9_1v100-ec2_pytorch", JSON.replace("3.06", "0.9"), TSV);
    let board = board(&import(&context, &[]));
    assert_eq!(notes(&board.rows[0]), [format!("{}: 0.9 in bob_resnet9_1v100-ec2_pytorch", Kind::TwoPrices)]);
    assert_eq!(notes(&board.rows[1]), [format!("{}: 3.06 in {NAME}", Kind::TwoPrices)]);
}

#[test]
fn misc_may_be_anything() {
    let misc = "{\"batchSize\": 512}";
    json_is_named(Kind::MiscIsText, misc, "\"batch size 512\"");
    json_is_named(Kind::MiscIsOther, misc, "[512]");
    let row = json_is_named(Kind::OtherSpellings, misc, "{\"Cuda version\": \"9.0\", \"cudaVersion\": \"9.0\"}");
    assert!(notes(&row)[0].contains("Cuda version") && notes(&row)[0].contains("cudaVersion"), "{row:?}");
    let said = "{\"notes\": \"runtimeWithoutCheckpointing 23.94 minutes\"}";
    let row = json_is_named(Kind::UntimedExtras, misc, said);
    assert!(notes(&row)[0].contains("23.94 minutes"), "{row:?}");
    for fine in ["{}", "null"] {
        assert_eq!(notes(&only_row(&checkout(NAME, JSON.replace(misc, fine), TSV))), [""; 0]);
    }
}

#[test]
fn keys_outside_the_format_are_named() {
    let row = json_is_named(Kind::UnknownKeys, "\"misc\"", "\"optimizer\": \"SGD\", \"evalBatchSize\": 1024, \"misc\"");
    assert!(notes(&row)[0].ends_with("optimizer, evalBatchSize"), "{row:?}");
    json_is_named(Kind::MissingKeys, "\"model\": \"ResNet 9\",", "");
    json_is_named(Kind::NotText, "\"ResNet 9\"", "9");
    json_is_named(Kind::FormatVersion, "v1.0", "2.0");
}

#[test]
fn full_width_signs_are_kept() {
    let row = json_is_named(Kind::FullWidth, "ResNet 9", "ResNet 9， wide");
    assert!(row.note.unwrap().as_str().starts_with("ResNet 9， wide"));
}

#[test]
fn no_e_mail_address_comes_out() {
    json_is_named(Kind::SeveralEmails, "ada@example.org", "ada@example.org, bob@example.org; eve@example.org");
    let row = json_is_named(Kind::EmailsDropped, "Ada Lovelace", "Ada Lovelace <ada@example.org>");
    assert_eq!(row.authors.unwrap().as_str(), "Ada Lovelace");
    // A handle is no address.
    let context = checkout(NAME, JSON.replace("Ada Lovelace", "ada@KakaoBrain"), TSV);
    let answer = import(&context, &[]);
    assert!(answer.stdout.contains("ada@KakaoBrain") && !answer.stdout.contains("example.org"), "{}", answer.stdout);
}

#[test]
fn code_that_is_not_pinned_is_named() {
    let pinned = "https://github.com/ada/engine/tree/d31ad8d393dd75147b65f261dbf78670a97e48a8";
    json_is_named(Kind::CodeUnpinned, pinned, "https://github.com/ada/engine");
    json_is_named(Kind::CodePinnedByTag, pinned, "https://github.com/ada/engine/tree/v1.2");
    json_is_named(Kind::CodeAbsent, pinned, " ");
    let context =
        checkout(NAME, JSON.replace(pinned, "https://github.com/ada/engine\", \"commitHash\": \"d31ad8d"), TSV);
    assert_eq!(notes(&only_row(&context)), [format!("{}: commitHash", Kind::UnknownKeys)]);
}

#[test]
fn days_in_another_form_are_put_into_ours_or_left_out() {
    let row = json_is_named(Kind::DateForm, "2018-11-06", "2018-11-6");
    assert_eq!(row.date.unwrap().as_str(), "2018-11-06");
    assert_eq!(json_is_named(Kind::DateForm, "2018-11-06", "November 2018").date, None);
}

#[test]
fn the_content_is_believed_and_not_the_name() {
    is_named(Kind::NameParts, "basenet", JSON, TSV);
    let other = is_named(
        Kind::NameContradicts,
        "ada_resnet9_8v100_pytorch",
        JSON.replace("V100 (AWS p3.2xlarge)", "4 * V100"),
        TSV,
    );
    assert_eq!(other.hardware.unwrap().as_str(), "4 * V100");
    is_named(
        Kind::NameContradicts,
        "ada_resnet9_1v100_tensorflow18",
        JSON.replace("PyTorch 0.4.0", "TensorFlow 1.13.1"),
        TSV,
    );
}

#[test]
fn what_cannot_be_read_is_named_with_the_reason() {
    let head = "epoch\thours\ttop1Accuracy\n";
    is_refused("{", TSV, "the JSON cannot be read");
    is_refused("[]", TSV, "a JSON object");
    is_refused(JSON.replace("\"misc\"", "\"model\""), TSV, "the key `model` is there twice");
    is_refused(b"{\"author\": \"\xff\"}", TSV, "the JSON is not UTF-8");
    is_refused("[".repeat(10_000), TSV, "the JSON cannot be read");
    is_refused(format!("{{\"a\": \"{}\"}}", "x".repeat(70_000)), TSV, "over the limit of 65536 bytes");
    is_refused(JSON, vec![b'\n'; (1 << 20) + 1], "over the limit of 1048576 bytes");
    is_refused(JSON, b"\xff\xfe", "the TSV is not UTF-8");
    is_refused(JSON, "", "the TSV has no rows");
    is_refused(JSON, head, "the TSV has no rows");
    is_refused(JSON, "1\t0.01\t94\n", "the TSV has no column `epoch`");
    is_refused(JSON, "epoch\thours\taccuracy\n1\t0.01\t94\n", "the TSV has no column `top1Accuracy`");
    is_refused(JSON, "epoch\thours\thours\ttop1Accuracy\n1\t1\t1\t94\n", "the TSV has two columns `hours`");
    is_refused(JSON, format!("{head}1\t\t0.01\t94\n"), "line 2 of the TSV has 4 cells, not 3");
    is_refused(JSON, format!("{head}1\tone\t94\n"), "line 2 of the TSV: `hours` is `one`");
    is_refused(JSON, format!("{head}1\t-0.01\t94\n"), "`hours` is `-0.01`");
    is_refused(JSON, format!("{head}1\tNaN\t94\n"), "`hours` is `NaN`");
    is_refused(JSON, format!("{head}1\t0.01\t940\n"), "`top1Accuracy` is over 100 percent");
    is_refused(JSON, format!("{head}1\t0.01\t0.94\n"), "which looks like a scale of 0 to 1");
    is_refused(JSON, format!("{head}1\t0.01\t93.99999\n"), "the TSV never reaches 94 %; its best accuracy is 93.99999");
    is_refused(JSON, format!("{head}1\t0\t94\n"), "0 hours");
}

#[test]
fn the_others_come_out_beside_what_cannot_be_read() {
    let context = checkout(NAME, JSON, TSV);
    add(&context, "CIFAR10", "broken", "{", TSV);
    context.write("entries/CIFAR10/train/orphan.tsv", TSV);
    context.write("entries/CIFAR10/train/alone.json", JSON);
    context.write("entries/ImageNet/train/other.json", JSON);
    let answer = import(&context, &["--out", "board.yaml"]);
    assert_eq!((answer.code, answer.stdout.trim()), (Some(1), "board.yaml"));
    let text = std::fs::read_to_string(context.path("board.yaml")).unwrap();
    assert_eq!(external::parse(&text, "board.yaml").unwrap().rows.len(), 1);
    let said = [
        "1 of 4 entries of CIFAR10 could be read",
        "CIFAR10/train/broken.json: the JSON cannot be read",
        "CIFAR10/train/orphan.tsv: there is no JSON file of the same name",
        "CIFAR10/train/alone.json: cannot read",
        "--task: ImageNet",
    ];
    for line in said {
        assert!(answer.stderr.contains(line), "{line}: {}", answer.stderr);
    }
}

#[test]
fn a_link_is_not_followed_and_hidden_signs_are_shown() {
    let context = checkout(NAME, JSON.replace("Ada Lovelace", "Ada\\u202e\\u001b[31m"), TSV);
    let secret = context.write("secret.json", JSON);
    let train = context.path("entries/CIFAR10/train");
    std::os::unix::fs::symlink(secret, train.join("link.json")).unwrap();
    std::fs::write(train.join("link.tsv"), TSV).unwrap();
    std::fs::write(train.join("red\u{1b}[31m.json"), "{").unwrap();
    let answer = import(&context, &[]);
    assert_eq!(answer.code, Some(1));
    assert!(answer.stderr.contains("link.json: ") && answer.stderr.contains("is a symbolic link"), "{}", answer.stderr);
    let hidden = |text: &str| text.contains(['\u{1b}', '\u{202e}']);
    assert!(!hidden(&answer.stdout) && !hidden(&answer.stderr), "{}{}", answer.stdout, answer.stderr);
    assert_eq!(
        external::parse(&answer.stdout, "board").unwrap().rows[0].authors.as_ref().unwrap().as_str(),
        "Ada\\u{202e}\\u{1b}[31m"
    );
}

#[test]
fn imagenet_has_its_own_column_and_target() {
    let context = Context::new();
    let tsv = "epoch\thours\ttop5Accuracy\n1\t1\t92.99\n2\t2\t93.0\n";
    add(&context, "ImageNet", NAME, JSON, tsv);
    let board = board(&import(&context, &["--task", "ImageNet"]));
    assert_eq!(
        (board.id.as_str(), board.target_percent, board.rows[0].seconds),
        ("dawnbench-imagenet", Some(93.0), Some(7200.0))
    );
    assert_eq!(board.track, None);
}

#[test]
fn what_is_no_checkout_could_not_be_done() {
    let context = Context::new();
    let answer = context.run(["import", "dawnbench", "nowhere"]);
    assert_eq!(answer.code, Some(2));
    assert!(answer.stderr.contains("nowhere/CIFAR10/train") && answer.stderr.contains("hint: "), "{}", answer.stderr);
    let answer = context.run(["import", "dawnbench", ".", "--task", "SQuAD"]);
    assert!(
        answer.code == Some(2) && answer.stderr.contains("there is no task `SQuAD`; there are `CIFAR10`, `ImageNet`"),
        "{}",
        answer.stderr
    );
}

/// Seven published entries, where they lie next to the project.
#[test]
fn published_entries_give_their_published_times() {
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/dawnbench/sample");
    if !sample.is_dir() {
        println!("skipped published_entries_give_their_published_times: no {}", sample.display());
        return;
    }
    let board = board(&Context::new().run([Path::new("import"), Path::new("dawnbench"), &sample]));
    let rounded: Vec<_> =
        board.rows.iter().map(|row| (row.name.as_str(), format!("{:.2}", row.seconds.unwrap()))).collect();
    let published = [
        ("apple_resnet9_8v100_pytorch", "9.43"),
        ("davidcpage_resnet9_1v100-ec2_pytorch", "74.04"),
        ("lambda_BaiduNet9_lambda_cloud_single_pytorch", "101.85"),
        ("fastai_pytorch", "173.96"),
        ("basenet", "340.63"),
        ("KRes34_1GTX1080Ti_pytorch", "2136.18"),
        ("dawn_resnet164_nb_1k80-gc_pytorch", "34671.54"),
    ];
    assert_eq!(rounded, published.map(|(name, seconds)| (name, seconds.to_owned())));
    let shipped = external::shipped().into_iter().find(|shipped| shipped.id == board.id).unwrap();
    for row in &board.rows {
        let Some(ours) = shipped.rows.iter().find(|ours| ours.name == row.name) else { continue };
        let near = |a: Option<f64>, b: Option<f64>, by: f64| a.zip(b).map_or(a == b, |(a, b)| (a - b).abs() <= by);
        assert!(near(ours.seconds, row.seconds, 0.005) && near(ours.usd, row.usd, 5e-5), "{}", row.name);
        assert!(near(ours.max_accuracy_percent, row.max_accuracy_percent, 0.005), "{}", row.name);
        assert_eq!(
            (&ours.irregularities, &ours.date, ours.usd_per_hour),
            (&row.irregularities, &row.date, row.usd_per_hour)
        );
    }
    let fallen = board.rows.iter().find(|row| row.name.as_str().starts_with("KRes34")).unwrap();
    assert!(notes(fallen).iter().any(|note| note.ends_with("in 44 of 145 later rows")), "{:?}", fallen.irregularities);
}
