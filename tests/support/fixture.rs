//! Entries as a session would have left them: made up figures, real files, real signatures.
//!
//! ```ignore
//! let fixture = Fixture::new();
//! let folder = fixture.file(&Spec::named("steady"));
//! let board = fixture.board();
//! ```

#![expect(clippy::disallowed_methods, reason = "a test may write what nobody relies on")]

use std::collections::BTreeMap;
use std::fs;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::thread;

use chrono::{DateTime, Utc};
use hlb_board::{Board, SIGNERS_FILE, Workers, read_signers};
use hlb_core::artifact::{Sha256Hex, sha256_hex};
use hlb_core::clock::{self, PhaseSeconds};
use hlb_core::rules::{RULES_VERSION, TWO_CLOCKS_SINCE};
use hlb_core::seed;
use hlb_core::text::SafeText;
use hlb_core::units::{Accuracy, DeviceKind, NumberFormat, Target};
use hlb_core::yaml;
use hlb_data::Manifest;
use hlb_data::task::Task;
use hlb_data::track::{self, Track};
use hlb_machine::price::Price;
use hlb_machine::{Gpu, GpuSample, Host, HostSample, Machine, Sample};
use hlb_protocol::run_log::{
    Announced, Arm, Epoch, Event, LOG_SCHEMA, LogLine, Outcome, RunLog, RunStart, RunStop, SessionStart, SessionStop,
    Shortcut, TrainerStart, TrainingLength, WarmupRun,
};
use hlb_recipe::Recipe;
use hlb_recipe::variant::{self, Variant};
use hlb_result::signing::{
    self, ANNOUNCEMENT_NAMESPACE, KeyChoice, RERUN_NAMESPACE, RESULT_NAMESPACE, Signer, line_for,
};
use hlb_result::{
    ANNOUNCEMENT_FILE, ANNOUNCEMENT_SCHEMA, ANNOUNCEMENT_SIGNATURE_FILE, ANNOUNCEMENTS_FOLDER, Announcement, Basis,
    DatasetFacts, HarnessFacts, LOG_FILE, LibtorchFacts, LogFacts, Promise, RECIPE_FILE, REPRODUCTIONS_FOLDER,
    RESULT_FILE, RESULT_SCHEMA, RUNNERS_FILE, ReferenceFacts, ResultFile, SIGNATURE_FILE, SessionFacts, VARIANT_FILE,
    VariantFacts, derive,
};

/// Whose signature an entry carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hand {
    Submitter,
    Runner,
    Nobody,
}

/// One made-up run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SpecRun {
    /// Timed seconds of each epoch.
    pub(crate) epoch_seconds: f64,
    /// Correct images of the last evaluation, counted from the track's target.
    pub(crate) over_target: i32,
    /// The run ends as diverged after this many epochs.
    pub(crate) diverges_after: Option<u32>,
}

/// Day of a session unless it says another: after the first day of the rules, and not in the future.
const DAY: &str = "2026-11-26";

/// What an entry should say. Change what the test is about; the rest is a good, ranked entry.
#[derive(Clone, Debug)]
pub(crate) struct Spec {
    pub(crate) name: String,
    pub(crate) track: String,
    pub(crate) authors: Vec<String>,
    pub(crate) description: String,
    /// YAML of the keys that differ from the reference, with its line feeds.
    pub(crate) changes: String,
    pub(crate) runs: Vec<SpecRun>,
    pub(crate) started_at: String,
    pub(crate) price: Option<Price>,
    pub(crate) machine: Machine,
    /// Seconds of each epoch of the reference's runs, alternating with the variant's; `None` for a session without.
    pub(crate) reference_epoch_seconds: Option<f64>,
    /// What the sensors say, every second; by default nothing but that the system's clock is right.
    pub(crate) sample: Sample,
    /// SHA-256 of the result that this session reproduces.
    pub(crate) reproduces: Option<Sha256Hex>,
    pub(crate) device: DeviceKind,
    /// What the warmup run held against the plain way to compute a step.
    pub(crate) shortcuts: Vec<Shortcut>,
    pub(crate) hand: Hand,
    /// The announcement that it answers.
    pub(crate) announced: Option<Announced>,
    /// Name of the entry's folder below its track.
    pub(crate) folder: String,
}

impl Spec {
    /// Ten runs on the track `shapes`, all of which reach, signed by a submitter: the reference itself.
    pub(crate) fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            track: "shapes".to_owned(),
            authors: vec!["Ada Lovelace".to_owned()],
            description: "the reference of the track, unchanged".to_owned(),
            changes: String::new(),
            runs: Self::runs(10, 2.5, 16),
            started_at: format!("{DAY}T09:26:53Z"),
            price: None,
            machine: machine(),
            reference_epoch_seconds: None,
            sample: sample(),
            reproduces: None,
            device: DeviceKind::Cpu,
            shortcuts: Vec::new(),
            hand: Hand::Submitter,
            announced: None,
            folder: format!("{DAY}-{name}"),
        }
    }

    /// The same of another day.
    pub(crate) fn dated(name: &str, day: &str) -> Self {
        Self { started_at: format!("{day}T09:26:53Z"), folder: format!("{day}-{name}"), ..Self::named(name) }
    }

    /// One of many entries, over two tracks and several hardware classes. No other is a copy of it: its name, which its nonce
    /// follows from, and its times are its own.
    pub(crate) fn numbered(index: u32) -> Self {
        let name = format!("entry-{index:05}");
        let day = format!("2026-11-{:02}", 22 + index % 8);
        // A tenth of them has the runs that a ranked row needs.
        let runs = if index.is_multiple_of(10) { 10 } else { 5 };
        let own = 1.0 + 1e-5 * f64::from(index);
        let mut spec = Self {
            track: ["shapes", "fashion-mnist"][index as usize / 2 % 2].to_owned(),
            authors: vec![format!("Author {}", index % 400)],
            description: format!("idea {index}, which the generator made up"),
            started_at: format!("{day}T09:26:53Z"),
            folder: format!("{day}-{name}"),
            hand: if index.is_multiple_of(5) { Hand::Runner } else { Hand::Submitter },
            // Only those need pairs, which double the work.
            reference_epoch_seconds: index.is_multiple_of(10).then_some(2.5),
            price: (!index.is_multiple_of(4)).then(|| price(0.5 + 0.01 * f64::from(index % 100))),
            ..Self::named(&name)
        };
        if index.is_multiple_of(3) {
            spec.changes = format!("loss:\n  label_smoothing: 0.{:03}\n", 100 + index % 200);
        }
        if index.is_multiple_of(2) {
            (spec.machine, spec.device) = (gpu_machine(), DeviceKind::Cuda);
            spec.machine.gpus[0].name = Some(format!("NVIDIA Model {} 80GB", index / 2 % 5));
            spec.sample.gpus = vec![gpu_sample()];
            spec.runs = Self::runs(runs, 1.2 * own, 40);
        } else {
            spec.machine.host.logical_cpus = 2 << (index % 4);
            spec.runs = Self::runs(runs, 2.5 * own, 40);
        }
        spec
    }

    /// Runs that differ a little, around these seconds per epoch and this many images over the target.
    pub(crate) fn runs(count: u32, epoch_seconds: f64, over_target: i32) -> Vec<SpecRun> {
        let run = |index: u32| {
            let wobble = f64::from(index * 7 % 10) - 4.5;
            let images = i32::try_from(index * 3 % 7).expect("small") - 3;
            SpecRun {
                epoch_seconds: epoch_seconds * (1.0 + 0.004 * wobble + 1e-7 * f64::from(index)),
                over_target: over_target + images,
                diverges_after: None,
            }
        };
        (0..count).map(run).collect()
    }
}

/// A quiet machine without a GPU.
pub(crate) fn sample() -> Sample {
    let host = HostSample {
        cpu_percent: Some(98.5),
        other_cpu_percent: Some(0.4),
        frequency_mhz: Some(2600),
        load_1m: Some(1.9),
        memory_available_bytes: Some(6 << 30),
        swap_used_bytes: Some(0),
        memory_limit_bytes: None,
        memory_of_limit_used_bytes: None,
        cpu_limit_millicpus: None,
        cpu_limited_microseconds: None,
        cpu_energy_microjoules: None,
        system_clock_milliseconds: 0,
        own_cpu_milliseconds: None,
        library_clock_seconds: None,
    };
    let why = ("host.cpu_energy_microjoules".to_owned(), "the processor counts no energy".to_owned());
    Sample { host, gpus: Vec::new(), unknown: BTreeMap::from([why]) }
}

/// A GPU at work.
pub(crate) fn gpu_sample() -> GpuSample {
    GpuSample {
        sm_clock_mhz: Some(1755),
        memory_clock_mhz: Some(2619),
        power_milliwatts: Some(412_000),
        temperature_celsius: Some(58),
        utilization_percent: Some(97),
        memory_used_bytes: Some(4 << 30),
        energy_millijoules: Some(0),
        throttle_reasons: Some(Vec::new()),
        other_processes: Some(0),
    }
}

/// A machine with two cores and no GPU.
pub(crate) fn machine() -> Machine {
    let reason = |key: &str, why: &str| (key.to_owned(), why.to_owned());
    Machine {
        host: Host {
            cpu: Some("Intel(R) Xeon(R) Processor @ 2.60GHz".to_owned()),
            architecture: "x86_64".to_owned(),
            logical_cpus: 2,
            physical_cores: Some(2),
            cpu_limit_millicpus: None,
            memory_bytes: Some(8 << 30),
            memory_limit_bytes: None,
            operating_system: Some("Linux (Debian GNU/Linux 12)".to_owned()),
            kernel: Some("6.1.0".to_owned()),
            virtual_machine: Some(true),
            unknown: BTreeMap::from([reason("memory_limit_bytes", "the control group sets no memory limit")]),
        },
        driver_version: None,
        cuda_driver_version: None,
        nvml_version: None,
        gpus: Vec::new(),
        trained_gpu: None,
        instance: None,
        unknown: ["gpus", "driver_version", "cuda_driver_version", "nvml_version"]
            .map(|key| reason(key, "NVML is not available"))
            .into(),
    }
}

/// The same with one GPU, some of whose sensors cannot be read.
pub(crate) fn gpu_machine() -> Machine {
    let gpu = Gpu {
        name: Some("NVIDIA H100 80GB HBM3".to_owned()),
        device_tag: Some("5f2a9c017be4".to_owned()),
        compute_capability: Some("9.0".to_owned()),
        memory_bytes: Some(85_520_809_984),
        memory_used_bytes: Some(517_996_544),
        power_limit_milliwatts: Some(700_000),
        default_power_limit_milliwatts: Some(700_000),
        power_milliwatts: Some(69_000),
        max_sm_clock_mhz: Some(1980),
        sm_clock_mhz: Some(345),
        memory_clock_mhz: Some(2619),
        temperature_celsius: Some(31),
        ecc_enabled: Some(true),
        mig_enabled: Some(false),
        other_processes: None,
        unknown: BTreeMap::from([("other_processes".to_owned(), "the driver does not say".to_owned())]),
    };
    Machine {
        driver_version: Some("580.65.06".to_owned()),
        cuda_driver_version: Some("13.0".to_owned()),
        nvml_version: Some("13.580.65".to_owned()),
        gpus: vec![gpu],
        trained_gpu: Some(0),
        unknown: BTreeMap::new(),
        ..machine()
    }
}

/// A price for tests.
pub(crate) fn price(usd_per_hour: f64) -> Price {
    let source = SafeText::try_from("https://example.org/prices, on demand".to_owned()).expect("plain");
    Price::own(usd_per_hour, source, "2026-11-23").expect("in range")
}

/// A folder of submissions with two listed keys.
pub(crate) struct Fixture {
    folder: PathBuf,
    /// Removes the folder in the end.
    _temporary: Option<tempfile::TempDir>,
    submitter: Signer,
    runner: Signer,
}

impl Fixture {
    /// An empty folder of submissions; `ada@example` may submit and `runner@example` may run again.
    pub(crate) fn new() -> Self {
        let temporary = tempfile::tempdir().expect("a folder");
        let fixture = Self::at(temporary.path());
        Self { _temporary: Some(temporary), ..fixture }
    }

    /// The same in a folder that stays.
    pub(crate) fn at(folder: &Path) -> Self {
        let submitter = new_key(folder, "submitter");
        let runner = new_key(folder, "runner");
        let lines = [("ada@example", RESULT_NAMESPACE, &submitter), ("runner@example", RERUN_NAMESPACE, &runner)]
            .map(|(name, space, key)| line_for(key.public_key(), name, &[space]).expect("a good line") + "\n");
        let submissions = folder.join("submissions");
        fs::create_dir(&submissions).expect("a folder");
        fs::write(submissions.join(SIGNERS_FILE), lines.concat()).expect("writable");
        fs::write(submissions.join(RUNNERS_FILE), "runners:\n- runner@example\n").expect("writable");
        Self { folder: folder.to_owned(), _temporary: None, submitter, runner }
    }

    /// The folder of submissions.
    pub(crate) fn submissions(&self) -> PathBuf {
        self.folder.join("submissions")
    }

    /// A path outside the submissions that is free.
    pub(crate) fn sibling(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The moment at which boards of this fixture are read.
    pub(crate) fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_811_536_000, 0).expect("in range")
    }

    /// Files an entry; returns its folder.
    pub(crate) fn file(&self, spec: &Spec) -> PathBuf {
        self.file_at(self.submissions().join(&spec.track).join(&spec.folder), spec)
    }

    /// Files so many entries.
    pub(crate) fn file_many(&self, count: u32) {
        let workers = thread::available_parallelism().map_or(1, NonZero::get);
        thread::scope(|scope| {
            for worker in 0..workers {
                scope.spawn(move || {
                    for index in (0..count).skip(worker).step_by(workers) {
                        self.file(&Spec::numbered(index));
                    }
                });
            }
        });
    }

    /// Files a session that reproduces the entry in `original`, in a folder of this name; returns that.
    pub(crate) fn file_reproduction(&self, original: &Path, name: &str, spec: &Spec) -> PathBuf {
        let result = fs::read(original.join(RESULT_FILE)).expect("readable");
        // Another session than the original's: its nonce and times follow from the name of its folder.
        let again = Spec { reproduces: Some(sha256_hex(&result)), folder: name.to_owned(), ..spec.clone() };
        self.file_at(original.join(REPRODUCTIONS_FOLDER).join(name), &again)
    }

    fn file_at(&self, folder: PathBuf, spec: &Spec) -> PathBuf {
        let made = Made::new(spec);
        fs::create_dir_all(&folder).expect("a folder");
        let result = yaml::emit(&made.result(spec)).expect("emitted");
        for (name, text) in [
            (VARIANT_FILE, &made.variant_text),
            (RECIPE_FILE, &variant::canonical(&made.recipe)),
            (LOG_FILE, &made.log_text),
            (RESULT_FILE, &result),
        ] {
            fs::write(folder.join(name), text).expect("writable");
        }
        self.sign(&folder, spec.hand);
        folder
    }

    /// Files the announcement of a session of the submitter; what its entry states if the commit of these digits took it in.
    pub(crate) fn announce(&self, spec: &Spec, commit: &str) -> Announced {
        let made = Made::new(spec);
        let announcement = Announcement {
            schema: ANNOUNCEMENT_SCHEMA.to_owned(),
            track: spec.track.parse().expect("an id"),
            name: made.variant.header.name.clone(),
            authors: made.variant.header.authors.clone(),
            promise: Promise {
                variant_sha256: sha256_hex(made.variant_text.as_bytes()),
                recipe_sha256: variant::digest(&made.recipe),
                runs: made.start.runs,
                principal: "ada@example".to_owned().try_into().expect("plain"),
            },
            day: DAY.to_owned().try_into().expect("plain"),
        };
        let text = yaml::emit(&announcement).expect("emitted");
        let folder =
            self.submissions().join(&spec.track).join(ANNOUNCEMENTS_FOLDER).join(format!("{DAY}-{}", spec.name));
        fs::create_dir_all(&folder).expect("a folder");
        let signature = self.submitter.sign(ANNOUNCEMENT_NAMESPACE, text.as_bytes()).expect("signed");
        fs::write(folder.join(ANNOUNCEMENT_FILE), &text).expect("writable");
        fs::write(folder.join(ANNOUNCEMENT_SIGNATURE_FILE), signature).expect("writable");
        Announced { announcement_sha256: sha256_hex(text.as_bytes()), commit: commit.parse().expect("a commit") }
    }

    /// Signs the result in an entry's folder, whatever it says now.
    pub(crate) fn sign(&self, folder: &Path, hand: Hand) {
        let bytes = fs::read(folder.join(RESULT_FILE)).expect("readable");
        let signature = match hand {
            Hand::Submitter => self.submitter.sign(RESULT_NAMESPACE, &bytes),
            Hand::Runner => self.runner.sign(RERUN_NAMESPACE, &bytes),
            Hand::Nobody => return,
        };
        fs::write(folder.join(SIGNATURE_FILE), signature.expect("signed")).expect("writable");
    }

    /// The board as it stands.
    pub(crate) fn board(&self) -> Board {
        let signers = read_signers(&self.submissions().join(SIGNERS_FILE)).expect("a good list");
        hlb_board::read(&self.submissions(), &signers, Self::now(), Workers::all()).expect("readable")
    }
}

fn new_key(folder: &Path, name: &str) -> Signer {
    let path = folder.join(name);
    signing::keygen(&path, name, None).expect("a key");
    Signer::open(&KeyChoice::File(path), &mut |_| unreachable!("it has no passphrase")).expect("opens")
}

/// What follows from a spec.
struct Made {
    track: Track,
    variant: Variant,
    variant_text: String,
    recipe: Recipe,
    start: SessionStart,
    log_text: String,
}

impl Made {
    fn new(spec: &Spec) -> Self {
        let track = track::by_id(&spec.track).expect("a shipped track");
        let task = Task::published(track.clone());
        let variant_text = variant_text(spec, &track);
        let variant = Variant::parse(variant_text.as_bytes(), "variant.yaml").expect("a good variant");
        let recipe = variant.resolve(task.terms()).expect("a good recipe");
        let start = start(spec, &track, &recipe, task.shapes.train);
        let log_text = log_text(spec, &start, task.shapes.evaluation);
        Self { track, variant, variant_text, recipe, start, log_text }
    }

    fn result(&self, spec: &Spec) -> ResultFile {
        let log = RunLog::parse(self.log_text.as_bytes()).expect("a good log");
        let manifest = hlb_data::by_id(&self.track.dataset).expect("a shipped data set");
        let trainer = log.trainer.clone().expect("it began");
        let header = self.variant.header.clone();
        ResultFile {
            schema: RESULT_SCHEMA.to_owned(),
            rules_version: RULES_VERSION.to_owned(),
            track: spec.track.parse().expect("an id"),
            target: self.track.target,
            variant: VariantFacts {
                name: header.name,
                authors: header.authors,
                description: header.description,
                extends: header.extends,
                variant_sha256: sha256_hex(self.variant_text.as_bytes()),
                recipe_sha256: variant::digest(&self.recipe),
                base_recipe_sha256: variant::digest(&self.variant.base().expect("shipped")),
            },
            session: SessionFacts {
                nonce: self.start.nonce.clone(),
                announced: self.start.announced.clone(),
                started_at: self.start.started_at.clone(),
                runs: self.start.runs,
                stop_at_target: false,
                stop_reason: "completed".to_owned(),
                deterministic: false,
                device: trainer.device,
                threads: trainer.threads,
                precision: trainer.precision,
                matmul_tera: None,
                shortcuts: spec.shortcuts.clone(),
            },
            reference: log.start.reference.map(|length| ReferenceFacts {
                name: self.track.reference.clone(),
                recipe_sha256: length.recipe_sha256,
            }),
            reproduces: spec.reproduces,
            log: LogFacts { sha256: sha256_hex(self.log_text.as_bytes()), bytes: self.log_text.len() as u64 },
            dataset: DatasetFacts {
                id: manifest.id.clone(),
                published: true,
                manifest_sha256: manifest.digest(),
                resize: None,
                decoder: None,
                decoded_without: Vec::new(),
                content_sha256: content(&manifest),
                duplicates: manifest.content(None).map(|known| known.duplicates).unwrap_or_default(),
            },
            harness: HarnessFacts {
                version: "0.1.0".parse().expect("a version"),
                commit: None,
                program_sha256: sha256_hex(b"program"),
                trainer_sha256: sha256_hex(b"trainer"),
            },
            libtorch: LibtorchFacts { version: trainer.libtorch_version, cpu_library_sha256: None, cuda: None },
            machine: spec.machine.clone(),
            derived: derive(Basis {
                log: &log,
                machine: &spec.machine,
                recipe: &self.recipe,
                shapes: Task::published(self.track.clone()).shapes,
                price: spec.price.as_ref(),
            }),
            price: spec.price.clone(),
        }
    }
}

/// Texts are quoted as JSON, which is YAML too.
fn variant_text(spec: &Spec, track: &Track) -> String {
    format!(
        "name: {}\nauthors: {}\ndescription: {}\nextends: {}\n{}",
        spec.name,
        serde_json::json!(spec.authors),
        serde_json::json!(spec.description),
        track.reference,
        spec.changes
    )
}

/// The published digest of a data set, or a made-up one where nobody published any.
fn content(manifest: &Manifest) -> Sha256Hex {
    manifest.content(None).map_or_else(|| sha256_hex(b"content"), |known| known.sha256)
}

fn start(spec: &Spec, track: &Track, recipe: &Recipe, train_images: u32) -> SessionStart {
    let length_of = |recipe: &Recipe| TrainingLength::new(variant::digest(recipe), recipe.length(train_images));
    let reference = variant::shipped(&track.reference).expect("shipped");
    SessionStart {
        schema: LOG_SCHEMA.to_owned(),
        rules_version: RULES_VERSION.to_owned(),
        track: spec.track.clone(),
        target: track.target,
        recipe: length_of(recipe),
        reference: spec.reference_epoch_seconds.map(|_| length_of(&reference)),
        content_sha256: content(&hlb_data::by_id(&track.dataset).expect("shipped")),
        program_sha256: sha256_hex(b"program"),
        trainer_sha256: sha256_hex(b"trainer"),
        nonce: spec.announced.as_ref().map_or_else(
            || sha256_hex(spec.folder.as_bytes()).to_string()[..32].parse().expect("a nonce"),
            Announced::nonce,
        ),
        runs: u32::try_from(spec.runs.len()).expect("few"),
        stop_at_target: false,
        deterministic: false,
        reproduces: spec.reproduces,
        started_at: spec.started_at.clone(),
        dataset_seconds: 0.4,
        environment: None,
        announced: spec.announced.clone(),
    }
}

fn log_text(spec: &Spec, start: &SessionStart, evaluation: u32) -> String {
    let two_clocks = spec.started_at.as_str() >= TWO_CLOCKS_SINCE;
    let started_at_milliseconds = clock::parse(&spec.started_at).map_or(0, |start| start.timestamp_millis());
    let sample = spec.sample.clone();
    let mut log = LogText { at: 0.0, started_at_milliseconds, sampled: 0, sample, text: String::new(), two_clocks };
    log.write(0.0, Event::SessionStart(start.clone()));
    let cuda = spec.device == DeviceKind::Cuda;
    log.line(
        1.2,
        Event::TrainerStart(TrainerStart {
            device: spec.device,
            threads: 2,
            precision: if cuda { NumberFormat::Fp16 } else { NumberFormat::Fp32 },
            libtorch_version: "2.11.0".parse().expect("a version"),
            matmul_tera: None,
        }),
    );
    log.line(1.8, Event::WarmupRun(WarmupRun { arm: Arm::Variant, seconds: 1.8, shortcuts: spec.shortcuts.clone() }));
    // No two sessions take the same nanoseconds; nothing that is shown changes by so little.
    let own = 1.0
        + 1e-9
            * f64::from(
                sha256_hex(spec.folder.as_bytes()).to_string().as_bytes()[..6]
                    .iter()
                    .fold(7_u32, |sum, byte| sum * 5 + u32::from(*byte))
                    % 9973,
            );
    for (number, run) in (1..).zip(&spec.runs) {
        let run = &SpecRun { epoch_seconds: run.epoch_seconds * own, ..*run };
        if let Some(epoch_seconds) = spec.reference_epoch_seconds {
            // As uneven as the runs of the variant, each in its own way.
            let wobble = 1.0 + 0.003 * f64::from((number * 3) % 10);
            let beside = SpecRun { epoch_seconds: epoch_seconds * wobble * own, over_target: 16, diverges_after: None };
            log.run(Arm::Reference, number, &beside, start, evaluation);
        }
        log.run(Arm::Variant, number, run, start, evaluation);
    }
    log.line(2.01, Event::SessionStop(SessionStop { reason: "completed".to_owned() }));
    log.text
}

struct LogText {
    at: f64,
    started_at_milliseconds: i64,
    /// Samples taken so far, one a second.
    sampled: u32,
    sample: Sample,
    text: String,
    /// Whether the log is of a day from which on it has the C library's clock.
    two_clocks: bool,
}

impl LogText {
    fn line(&mut self, after: f64, event: Event) {
        self.at += after;
        while f64::from(self.sampled) <= self.at {
            self.take_sample();
        }
        self.write(self.at, event);
    }

    fn write(&mut self, at_seconds: f64, mut event: Event) {
        let library = Some(at_seconds).filter(|_| self.two_clocks);
        match &mut event {
            Event::Telemetry(sample) => sample.host.library_clock_seconds = library,
            Event::RunStop(stop) => stop.library_clock_seconds = library,
            _ => {}
        }
        let line = LogLine { at_seconds, event };
        self.text.push_str(&serde_json::to_string(&line).expect("plain"));
        self.text.push('\n');
    }

    /// Counters grow by what the powers say.
    fn take_sample(&mut self) {
        let mut sample = self.sample.clone();
        sample.host.system_clock_milliseconds = self.started_at_milliseconds + i64::from(self.sampled) * 1000;
        for gpu in &mut sample.gpus {
            let power = u64::from(gpu.power_milliwatts.unwrap_or(0));
            gpu.energy_millijoules = gpu.energy_millijoules.map(|start| start + power * u64::from(self.sampled));
        }
        if self.sampled > 0 {
            sample.unknown.clear();
        }
        let at = f64::from(self.sampled);
        self.sampled += 1;
        self.write(at, Event::Telemetry(sample));
    }

    #[expect(clippy::cast_possible_truncation, reason = "a few images")]
    fn run(&mut self, arm: Arm, number: u32, run: &SpecRun, start: &SessionStart, evaluation: u32) {
        const SETUP: f64 = 0.05;
        // A fifth of a second for an epoch of two and a half.
        let evaluate_seconds = 0.08 * run.epoch_seconds;
        let length = if arm == Arm::Variant { start.recipe } else { start.reference.expect("calibrated") };
        let seed = seed::derive(length.recipe_sha256, start.nonce.as_str(), number);
        self.line(0.01, Event::RunStart(RunStart { arm, run: number, seed }));
        self.at += SETUP;
        let epochs = run.diverges_after.unwrap_or(length.epochs);
        let (mut met, mut trained_seconds) = (false, 0.0);
        for epoch in 1..=epochs {
            let own = |what: &str| own_share(&format!("{seed} {arm} {epoch} {what}"));
            let mut accuracy = accuracy(epoch, length.epochs, run, start.target, evaluation);
            // Early, where it does not matter when the target is met.
            if 2 * epoch <= length.epochs {
                accuracy.correct = accuracy.correct.saturating_add_signed((40.0 * own("accuracy")).round() as i32);
            }
            met |= start.target.is_met_by(accuracy);
            let line = Epoch {
                run: number,
                epoch,
                step: length.length().steps_after(epoch),
                loss: 2.3 / f64::from(epoch) * (1.0 + 0.01 * own("loss")),
                accuracy,
                train_seconds: (f64::from(epoch) + 2e-4 * own("time")) * run.epoch_seconds,
                evaluate_seconds: f64::from(epoch) * evaluate_seconds,
            };
            trained_seconds = line.train_seconds;
            self.line(run.epoch_seconds + evaluate_seconds, Event::Epoch(line));
        }
        let phases = PhaseSeconds {
            setup_seconds: SETUP,
            train_seconds: trained_seconds,
            evaluate_seconds: f64::from(epochs) * evaluate_seconds,
            log_seconds: 0.001,
        };
        let outcome = match run.diverges_after {
            Some(_) => Outcome::Diverged,
            None if met => Outcome::Reached,
            None => Outcome::Missed,
        };
        let wall = SETUP + phases.train_seconds + phases.evaluate_seconds + 0.002;
        let (reason, library_clock_seconds) = (None, None);
        let stop = RunStop { run: number, outcome, reason, phases, wall_seconds: wall, library_clock_seconds };
        self.line(0.002, Event::RunStop(stop));
    }
}

/// A number from -0.5 to 0.5 that follows from a text, as what a run measures follows from its seed.
fn own_share(text: &str) -> f64 {
    let digest = sha256_hex(text.as_bytes()).to_string();
    let digits = u32::from_str_radix(&digest[..8], 16).expect("hexadecimal");
    f64::from(digits) / f64::from(u32::MAX) - 0.5
}

/// A curve that rises fast, then slowly, and ends at `over_target`.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of the evaluation split")]
fn accuracy(epoch: u32, epochs: u32, run: &SpecRun, target: Target, evaluation: u32) -> Accuracy {
    let last = target.share() * f64::from(evaluation) + f64::from(run.over_target);
    let left = f64::from(epochs - epoch) / f64::from(epochs);
    let correct = (last * (1.0 - 0.6 * left.powf(2.3))).round().clamp(0.0, f64::from(evaluation)) as u32;
    Accuracy { correct, total: evaluation }
}
