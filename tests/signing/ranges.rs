//! Values that no machine and no session has, and GPUs without a lower bound: signed and well formed, and refused or unranked.

use std::fs;
use std::path::Path;

use hlb_core::artifact::sha256_hex;
use hlb_core::units::DeviceKind;
use hlb_machine::Machine;
use hlb_result::{LOG_FILE, RESULT_FILE};

use crate::support::fixture::{Fixture, Hand, Spec, gpu_machine, gpu_sample};

/// Why the only entry is rejected, or why it is not ranked; empty where it is.
fn verdict(fixture: &Fixture) -> String {
    let board = fixture.board();
    let rejected = board.rejected.iter().map(|rejected| rejected.reason.clone());
    let rows = board.tracks.iter().flat_map(|track| &track.rows);
    rejected.chain(rows.flat_map(|row| row.unranked_because.clone())).collect::<Vec<_>>().join("; ")
}

fn on_gpu(name: &str) -> Spec {
    let mut spec = Spec { device: DeviceKind::Cuda, machine: gpu_machine(), ..Spec::named("gpu") };
    spec.sample.gpus = vec![gpu_sample()];
    spec.machine.gpus[0].name = Some(name.to_owned());
    spec
}

/// What becomes of an entry from a changed machine.
fn with_machine(mut spec: Spec, change: impl FnOnce(&mut Machine)) -> String {
    let fixture = Fixture::new();
    change(&mut spec.machine);
    fixture.file(&spec);
    verdict(&fixture)
}

#[test]
fn an_impossible_machine_is_rejected_by_the_key_that_is_wrong() {
    type Change = fn(&mut Machine);
    let changes: [(&str, Change); 8] = [
        ("machine.host.logical_cpus", |machine| machine.host.logical_cpus = u32::MAX),
        ("machine.host.logical_cpus", |machine| machine.host.logical_cpus = 0),
        ("machine.host.physical_cores", |machine| machine.host.physical_cores = Some(3)),
        ("machine.host.memory_bytes", |machine| machine.host.memory_bytes = Some(1)),
        ("machine.host.cpu", |machine| machine.host.cpu = Some("x".repeat(15_000))),
        ("machine.gpus[0].memory_bytes", |machine| machine.gpus[0].memory_bytes = Some(1)),
        ("machine.gpus[0].name", |machine| machine.gpus[0].name = Some("NVIDIA H200 ".to_owned())),
        ("machine.trained_gpu", |machine| machine.trained_gpu = Some(7)),
    ];
    for (key, change) in changes {
        let said = with_machine(on_gpu("NVIDIA H200"), change);
        assert!(said.contains(&format!("`{key}`")), "{key}: {said}");
    }
    assert_eq!(with_machine(on_gpu("NVIDIA H200"), |_| {}), "");
}

#[test]
fn nothing_that_is_stated_switches_the_lower_bound_of_a_listed_gpu_off() {
    type Change = fn(&mut Machine);
    let changes: [Change; 5] = [
        |_| {},
        |machine| machine.gpus[0].memory_bytes = Some(10 << 30),
        |machine| machine.gpus[0].memory_bytes = None,
        |machine| machine.trained_gpu = None,
        |machine| machine.gpus[0].name = Some("nvidia h200".to_owned()),
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let fast = Spec { runs: Spec::runs(10, 2.5e-6, 16), ..on_gpu("NVIDIA H200") };
        let said = with_machine(fast, change);
        assert!(said.contains("which is impossible"), "{number}: {said}");
    }
}

#[test]
fn without_a_known_gpu_a_row_is_not_ranked() {
    let changes: [fn(&mut Machine); 2] = [|machine| machine.trained_gpu = None, |machine| machine.gpus[0].name = None];
    for change in changes {
        assert_eq!(with_machine(on_gpu("NVIDIA H200"), change), "it is unknown which GPU trained");
    }
}

#[test]
fn a_gpu_that_is_not_in_the_table_says_so() {
    for (name, warns) in [("NVIDIA H200", false), ("NVIDIA H900", true)] {
        let fixture = Fixture::new();
        fixture.file(&on_gpu(name));
        assert_eq!(verdict(&fixture), "");
        let row = &fixture.board().tracks[0].rows[0];
        let labels: Vec<_> = row.warnings.iter().map(hlb_result::Warning::label).collect();
        assert_eq!(labels.contains(&"no lower bound"), warns, "{name}: {labels:?}");
    }
}

/// Replaces a text of the log, and of the result if it has it too, and signs all of it again: what a forger can do.
fn forge(fixture: &Fixture, folder: &Path, (from, to): (&str, &str), in_result: (&str, &str)) {
    let (log, result) = (folder.join(LOG_FILE), folder.join(RESULT_FILE));
    let before = fs::read_to_string(&log).unwrap();
    let after = before.replace(from, to);
    let text = fs::read_to_string(&result).unwrap();
    let changed = text
        .replace(&sha256_hex(before.as_bytes()).to_string(), &sha256_hex(after.as_bytes()).to_string())
        .replace(&format!("bytes: {}\n", before.len()), &format!("bytes: {}\n", after.len()))
        .replace(in_result.0, in_result.1);
    assert!(before != after || from.is_empty(), "`{from}` is not in the log");
    assert!(changed.contains(in_result.1), "`{}` is not in the result", in_result.0);
    fs::write(log, after).unwrap();
    fs::write(result, changed).unwrap();
    fixture.sign(folder, Hand::Submitter);
}

#[test]
fn words_and_numbers_that_no_session_has_are_rejected() {
    let same = ("threads: 2", "threads: 2");
    let digest = |text: &[u8]| sha256_hex(text).to_string();
    let (program, trainer, zeros) = (digest(b"program"), digest(b"trainer"), "0".repeat(64));
    let cases = [
        (("\"device\":\"cpu\"", "\"device\":\"quantum\""), ("device: \"cpu\"", "device: \"quantum\"")),
        (("\"precision\":\"fp32\"", "\"precision\":\"fp4\""), ("precision: \"fp32\"", "precision: \"fp4\"")),
        (("\"threads\":2", "\"threads\":0"), ("threads: 2", "threads: 0")),
        (("\"threads\":2", "\"threads\":4000000000"), ("threads: 2", "threads: 4000000000")),
        (("2.11.0", "<img src=x>"), ("version: \"2.11.0\"", "version: \"<img src=x>\"")),
        (("\"loss\":", "\"loss\":-"), same),
        (("\"loss\":2.", "\"loss\":20000002."), same),
        (("\"dataset_seconds\":0.4", "\"dataset_seconds\":1e9"), same),
        (("\"seconds\":1.8", "\"seconds\":1e9"), same),
        (("\"event\":\"session_stop\"", "\"event\":\"session_stop\",\"x\":[0]"), same),
        (("\"event\":\"session_start\"", "\"event\":\"session_start\",\"x\":[0]"), same),
        (("\"event\":\"epoch\"", "\"event\":\"epoch\",\"x\":{}"), same),
        ((&program, &zeros), (&program, &zeros)),
        ((&program, &trainer), (&program, &trainer)),
        (("", ""), ("version: \"0.1.0\"", "version: \"99.0\"")),
        (("", ""), ("commit: null", "commit: \"<b>\"")),
    ];
    for (log, result) in cases {
        let fixture = Fixture::new();
        let folder = fixture.file(&Spec::named("honest"));
        forge(&fixture, &folder, log, result);
        let board = fixture.board();
        assert_eq!(board.rejected.len(), 1, "{log:?} {result:?}: {}", verdict(&fixture));
    }
}

#[test]
fn a_number_format_that_the_recipe_does_not_train_in_is_rejected() {
    for (spec, honest, others) in
        [(Spec::named("cpu"), "fp32", ["fp16", "bf16"]), (on_gpu("NVIDIA H200"), "fp16", ["fp32", "bf16"])]
    {
        for other in others {
            let fixture = Fixture::new();
            let folder = fixture.file(&spec);
            assert_eq!(verdict(&fixture), "");
            let [from, to] = [honest, other].map(|format| format!("\"precision\":\"{format}\""));
            let stated = [honest, other].map(|format| format!("precision: \"{format}\""));
            forge(&fixture, &folder, (&from, &to), (&stated[0], &stated[1]));
            assert!(verdict(&fixture).contains("`session.precision`"), "{}", verdict(&fixture));
        }
    }
}

#[test]
fn a_nonce_that_is_no_nonce_and_a_session_of_years_are_rejected() {
    let fixture = Fixture::new();
    let spec = Spec::named("honest");
    let nonce = sha256_hex(spec.folder.as_bytes()).to_string()[..32].to_owned();
    for other in ["", "x", "<script>"] {
        let folder = fixture.file(&spec);
        forge(&fixture, &folder, (&nonce, other), (&nonce, other));
        assert_eq!(fixture.board().rejected.len(), 1, "{other}");
    }
    let folder = fixture.file(&spec);
    let last = "\"event\":\"session_stop\"";
    let log = fs::read_to_string(folder.join(LOG_FILE)).unwrap();
    let line = log.lines().find(|line| line.contains(last)).unwrap();
    let later = format!("{{\"at_seconds\":315360000.0,{last},\"reason\":\"completed\"}}");
    forge(&fixture, &folder, (line, &later), ("threads: 2", "threads: 2"));
    assert!(verdict(&fixture).contains("the session lasts more than 60 days"), "{}", verdict(&fixture));
}

#[test]
fn one_loss_in_every_epoch_is_rejected() {
    let fixture = Fixture::new();
    let folder = fixture.file(&Spec::named("honest"));
    let log = fs::read_to_string(folder.join(LOG_FILE)).unwrap();
    let mut flat = String::new();
    for line in log.lines() {
        let value = line.split_once("\"loss\":").and_then(|(_, rest)| rest.split_once(','));
        let same = value.map_or_else(|| line.to_owned(), |(loss, _)| line.replace(loss, "1.5"));
        flat += &(same + "\n");
    }
    forge(&fixture, &folder, (&log, &flat), ("threads: 2", "threads: 2"));
    assert!(verdict(&fixture).contains("`loss` is `1.5`"), "{}", verdict(&fixture));
}

/// The shapes that cost a gigabyte: all are refused at once, by the line.
#[test]
fn a_log_of_hostile_lines_is_refused_by_its_first_line_that_is_not_one() {
    const SIZE: usize = 5 << 20;
    let telemetry = |inside: &str| {
        format!("{{\"at_seconds\":0.0,\"event\":\"telemetry\",\"host\":{{\"system_clock_milliseconds\":0}},{inside}}}")
    };
    let many = |item: &str| item.repeat(SIZE / item.len());
    let keys: String = (0..400_000).map(|number| format!(",\"k{number}\":1")).collect::<Vec<_>>().concat();
    let lines = [
        format!("{{\"at_seconds\":0.0,\"event\":\"session_stop\",\"x\":[{}0],\"reason\":\"x\"}}", many("0,")),
        format!("{{\"at_seconds\":0.0,\"event\":\"unknown\",\"x\":[{}[]]}}", many("[],")),
        format!("{{\"at_seconds\":0.0,\"event\":\"unknown\",\"x\":[{}{{}}]}}", many("{},")),
        format!("{{\"at_seconds\":0.0,\"event\":\"session_stop\"{keys}}}"),
        telemetry(&format!("\"gpus\":[],\"unknown\":{{{}\"a\":\"\"}}", many("\"a\":\"\","))),
        telemetry(&format!("\"gpus\":[{}{{}}]", many("{},"))),
        telemetry(&format!("\"gpus\":[{{\"throttle_reasons\":[{}\"other\"]}}]", many("\"other\","))),
        many("{\"at_seconds\":0.0,\"event\":\"telemetry\",\"host\":{\"system_clock_milliseconds\":0},\"gpus\":[]}\n"),
        "[".repeat(SIZE),
        format!("\"{}\"", "x".repeat(SIZE)),
    ];
    for hostile in lines {
        let fixture = Fixture::new();
        let folder = fixture.file(&Spec::named("honest"));
        let log = fs::read_to_string(folder.join(LOG_FILE)).unwrap();
        let (first, _) = log.split_once('\n').unwrap();
        forge(&fixture, &folder, (&log, &format!("{first}\n{hostile}\n")), ("threads: 2", "threads: 2"));
        let said = verdict(&fixture);
        assert!(said.starts_with("`session.jsonl`: line "), "{}: {said}", &hostile[..100]);
    }
}
