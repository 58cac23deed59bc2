//! Every command, good and bad: exit code, what is said, what is left on disk.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::support::archive::imagenette;
use crate::support::context::{Context, VARIANT};
use crate::support::trainer::real_trainer;

#[test]
fn the_version_is_there_at_once() {
    let context = Context::new();
    context.run(["--version"]);
    let fastest = (0..5).map(|_| {
        let begin = Instant::now();
        assert_eq!(context.run(["--version"]).code, Some(0));
        begin.elapsed()
    });
    let fastest = fastest.min().unwrap();
    assert!(fastest < Duration::from_millis(20), "{fastest:?}");
}

#[test]
fn no_argument_is_a_question_for_help() {
    let answer = Context::new().run([""; 0]);
    assert_eq!(answer.code, Some(2));
    assert!(answer.stderr.contains("submit") && answer.stderr.contains("leaderboard"), "{}", answer.stderr);
}

#[test]
fn a_bad_variant_gets_one_clear_error_and_leaves_nothing() {
    let cases = [
        ("batch_sise: 64\n", "v.yaml:5:1: unknown field `batch_sise`"),
        ("epochs: many\n", "v.yaml:5:9: invalid type: string \"many\""),
        ("epochs: 0\n", "v.yaml:5:9: `epochs`: is 0, has to be above 0 and at most 1000"),
        (
            "optimizer:\n  weights:\n    lr: 11.0\n",
            "v.yaml:7:9: `optimizer.weights.lr`: is 11, has to be above 0 and at most 10",
        ),
        ("average: null\n", "v.yaml:5:10: `evaluate.weights` and `average`: averaged weights are to be evaluated"),
        ("norm: {ghost_batches: 3}\n", "`norm.ghost_batches` and `batch_size`: the batch does not divide"),
        (
            "augment: {crop: 64}\n",
            "`augment.crop` and `augment.pad`: the crop is larger than the padded image, 36 pixels",
        ),
        (
            "average: {epochs: 1, every_steps: 100}\n",
            "`average.every_steps` and `average.epochs`: the average would never be updated",
        ),
        ("stem: {kind: wool}\n", "unknown variant `wool`, expected `whiten` or `conv`"),
        ("track: cifar10\n", "`track` comes with the recipe"),
        ("name: second\n", "v.yaml:5:1: "),
        ("loss: {label_smoothing: .nan}\n", "v.yaml:5:25: "),
        ("loss: &a {label_smoothing: 0.1}\n", "v.yaml:5:7: "),
    ];
    for (changes, expected) in cases {
        let context = Context::new();
        context.write("v.yaml", format!("{VARIANT}{changes}"));
        for command in ["run", "submit"] {
            let answer = context.run([command, "v.yaml"]);
            assert_eq!(answer.code, Some(2), "{changes}: {}", answer.stderr);
            assert!(
                answer.stderr.starts_with("error: ") && answer.stderr.contains(expected),
                "{changes}: {}",
                answer.stderr
            );
            assert_eq!(answer.stdout, "");
            assert_eq!(context.files(), ["v.yaml"]);
        }
    }
}

#[test]
fn headers_are_checked_too() {
    let cases = [
        (VARIANT.replace("tiny", "../../etc/passwd"), "is not an id"),
        (VARIANT.replace("tiny", "\"a\\e[31m\""), "v.yaml:1:"),
        (VARIANT.replace("hlb-shapes", "hlb-nothing"), "there is no recipe `hlb-nothing`"),
        (VARIANT.replace("[Ada Lovelace]", "[]"), "`authors` lists 0 names"),
        (VARIANT.replace("authors: [Ada Lovelace]\n", ""), "missing field `authors`"),
        (String::new(), "v.yaml"),
    ];
    for (text, expected) in cases {
        let context = Context::new();
        context.write("v.yaml", &text);
        let answer = context.run(["run", "v.yaml"]);
        assert_eq!(answer.code, Some(2), "{text}");
        assert!(answer.stderr.contains(expected), "{text}: {}", answer.stderr);
        assert!(!answer.stderr.contains('\u{1b}'), "an escape reached the terminal: {:?}", answer.stderr);
    }
}

#[test]
fn a_hostile_variant_is_settled_within_half_a_second() {
    let bomb =
        "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: [*b,*b,*b,*b,*b,*b,*b,*b,*b]\n".repeat(30);
    let cases: [(&str, Vec<u8>); 4] = [
        ("bomb", bomb.into_bytes()),
        ("nested", "{a: ".repeat(16_000).into_bytes()),
        ("not utf-8", vec![b'n', b':', 0xff, 0xfe]),
        ("hundred megabytes", vec![b'a'; 100_000_000]),
    ];
    for (name, bytes) in cases {
        let context = Context::new();
        context.write("v.yaml", bytes);
        let begin = Instant::now();
        let answer = context.run(["submit", "v.yaml"]);
        let taken = begin.elapsed();
        assert_eq!(answer.code, Some(2), "{name}");
        assert_eq!(answer.stderr.matches("error: ").count(), 1, "{name}: {}", answer.stderr);
        assert!(taken < Duration::from_millis(500), "{name}: {taken:?}");
        assert_eq!(context.files(), ["v.yaml"], "{name}");
    }
}

#[test]
fn missing_things_are_named_with_what_to_do() {
    let context = Context::new();
    context.write("v.yaml", VARIANT);
    let said = |arguments: &[&str]| {
        let answer = context.run(arguments);
        assert_eq!(answer.code, Some(2), "{arguments:?}: {}", answer.stderr);
        answer.stderr
    };
    assert!(said(&["run", "absent.yaml"]).contains("absent.yaml"));
    assert!(said(&["submit", "v.yaml"]).contains("hlb-bench keygen"), "no key: {}", said(&["submit", "v.yaml"]));
    assert!(said(&["submit", "v.yaml", "--key", "absent"]).contains("absent"));
    assert!(said(&["run", "--track", "cifar-9"]).contains("there are `shapes`, `fashion-mnist`"));
    assert!(said(&["run", "--price", "aws/nothing"]).contains("no price `aws/nothing`"));
    assert!(said(&["data", "verify", "nothing"]).contains("`fashion-mnist`"));
    assert!(said(&["verify", "absent"]).contains("absent"));
    assert!(said(&["run", "--track", "fashion-mnist", "--data", "home"]).contains("train-images-idx3-ubyte"));
}

#[test]
fn a_device_that_is_not_there_is_refused_before_anything_is_written() {
    let Some(trainer) = real_trainer() else { return };
    let context = Context::new();
    let run = |arguments: &[&str]| {
        let mut command = context.command();
        command.env("HLB_BENCH_TRAINER", &trainer);
        crate::support::context::answer(&command.arg("run").args(arguments).output().unwrap())
    };
    context.write("v.yaml", format!("{VARIANT}precision: fp16\n"));
    let half = run(&["v.yaml", "--device", "cpu"]);
    assert_eq!(half.code, Some(2), "{}", half.stderr);
    assert!(half.stderr.contains("fp16 is not for the CPU"), "{}", half.stderr);
    if !std::path::Path::new("/dev/nvidiactl").exists() {
        let cuda = run(&["--device", "cuda"]);
        assert_eq!(cuda.code, Some(2));
        for said in ["libtorch finds no NVIDIA driver", "`--device cpu` measures the CPU"] {
            assert!(cuda.stderr.contains(said), "{}", cuda.stderr);
        }
    }
    assert_eq!(context.files(), ["v.yaml"]);
}

/// On a processor that multiplies them, which Linux says, 16-bit numbers train; on another they are refused at once.
#[test]
fn a_cpu_trains_in_bf16_if_it_can() {
    let Some(trainer) = real_trainer() else { return };
    let context = Context::new();
    context.write(
        "v.yaml",
        format!("{VARIANT}precision: bf16\nepochs: 1\naverage: null\nevaluate: {{weights: trained}}\n"),
    );
    let mut command = context.command();
    command.env("HLB_BENCH_TRAINER", &trainer).args(["run", "v.yaml", "--device", "cpu", "--runs", "1", "--json"]);
    let answer = crate::support::context::answer(&command.output().unwrap());
    let flags = std::fs::read_to_string("/proc/cpuinfo").unwrap();
    if flags.split_whitespace().any(|flag| ["avx512_bf16", "bf16"].contains(&flag)) {
        // One epoch does not reach the target.
        assert_eq!(answer.code, Some(1), "{}", answer.stderr);
        let result: serde_json::Value = serde_json::from_str(&answer.stdout).unwrap();
        assert_eq!(result["session"]["precision"], "bf16");
        assert_eq!(result["session"]["shortcuts"], serde_json::json!([{"name": "fused_stages"}]));
        assert_eq!(result["derived"]["runs"][0]["final_accuracy"]["total"], 2000);
    } else {
        assert_eq!(answer.code, Some(2));
        assert!(answer.stderr.contains("this CPU does not multiply bf16"), "{}", answer.stderr);
        assert_eq!(context.files(), ["v.yaml"]);
    }
}

#[test]
fn a_key_that_is_not_listed_is_told_how_to_be() {
    let context = Context::new();
    context.write("v.yaml", VARIANT);
    assert_eq!(context.run(["keygen", "key"]).code, Some(0));
    let answer = context.run(["submit", "v.yaml", "--key", "key"]);
    assert_eq!(answer.code, Some(2));
    assert!(answer.stderr.contains("--principal") && answer.stderr.contains("SHA256:"), "{}", answer.stderr);
}

#[test]
fn a_key_is_never_overwritten() {
    let context = Context::new();
    assert_eq!(context.run(["keygen", "key"]).code, Some(0));
    let before = std::fs::read(context.path("key")).unwrap();
    let answer = context.run(["keygen", "key"]);
    assert_eq!(answer.code, Some(2));
    assert!(answer.stderr.contains("key"), "{}", answer.stderr);
    assert_eq!(std::fs::read(context.path("key")).unwrap(), before);
}

#[test]
fn data_sets_are_listed_and_the_built_in_one_is_right() {
    let context = Context::new();
    let listed = context.run(["data", "list"]);
    assert!(listed.stdout.contains("shapes") && listed.stdout.contains("built in"), "{}", listed.stdout);
    let verified = context.run(["data", "verify", "shapes"]);
    assert_eq!((verified.code, verified.stdout.contains("verified, built in")), (Some(0), true), "{}", verified.stderr);
}

#[test]
fn hardware_says_what_is_unknown_and_why() {
    let answer = Context::new().run(["hardware", "--json"]);
    assert_eq!(answer.code, Some(0), "{}", answer.stderr);
    let shown: serde_json::Value = serde_json::from_str(&answer.stdout).unwrap();
    let machine = &shown["machine"];
    if machine["driver_version"].is_null() {
        assert!(machine["unknown"]["gpus"].as_str().is_some_and(|reason| !reason.is_empty()), "{machine:#}");
    }
    assert!(machine["host"]["logical_cpus"].as_u64().is_some_and(|count| count > 0));
}

#[test]
fn wrong_files_are_listed_between_the_error_and_the_hint() {
    let context = Context::new();
    let (archive, manifest) = imagenette(3, 2).write(&context);
    let fetch = ["data".as_ref(), "fetch".as_ref(), "--manifest".as_ref(), manifest.as_os_str()];
    let fetched = context.run(fetch.into_iter().chain(["--from".as_ref(), archive.as_os_str()]));
    assert_eq!(fetched.code, Some(0), "{}", fetched.stderr);
    for index in 0..3 {
        let file = format!("train/n01440764/n01440764_{index}.JPEG");
        std::fs::remove_file(context.path("home/hlb-bench/made-imagenette/imagenette2-160").join(file)).unwrap();
    }
    // One pipe for both, as on a terminal.
    let mut command = Command::new("sh");
    command.args(["-c", "exec \"$0\" data verify --manifest \"$1\" 2>&1", env!("CARGO_BIN_EXE_hlb-bench")]);
    command.arg(manifest).env("XDG_DATA_HOME", context.path("home")).env_remove("HLB_BENCH_DATA");
    let shown = String::from_utf8(command.output().unwrap().stdout).unwrap();
    let lines: Vec<&str> = shown.lines().collect();
    assert_eq!(lines.len(), 5, "{shown}");
    assert!(lines[0].starts_with("error: ") && lines[4].starts_with("hint: "), "{shown}");
    assert!(lines[1..4].iter().all(|line| line.ends_with(" is missing")), "{shown}");
}

#[test]
fn recipes_are_shown_and_compared() {
    let context = Context::new();
    context.write("v.yaml", format!("{VARIANT}epochs: 3\n"));
    let shown = context.run(["recipe", "show", "v.yaml"]).stdout;
    assert!(shown.contains("epochs: 3\n") && shown.starts_with("track: \"shapes\""), "{shown}");
    let diff = context.run(["recipe", "diff", "hlb-shapes", "v.yaml"]).stdout;
    assert!(diff == "epochs: 7 (hlb-shapes) -> 3 (v.yaml:5:9)\n", "{diff}");
}

#[test]
fn an_empty_board_is_no_error() {
    let context = Context::new();
    std::fs::create_dir(context.path("submissions")).unwrap();
    let answer = context.run(["leaderboard", "--out", "site"]);
    assert_eq!(answer.code, Some(0), "{}", answer.stderr);
    assert!(context.path("site/index.html").is_file());
    let nothing = context.run(["verify"]);
    assert_eq!(
        (nothing.code, nothing.stdout.contains("holds no `result.yaml`")),
        (Some(1), true),
        "{}",
        nothing.stdout
    );
}
