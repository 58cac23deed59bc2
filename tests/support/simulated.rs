//! A trainer that plays whole sessions in milliseconds: a shell script that speaks the wire format. Every run of the job in
//! its order, both recipes, with seconds that really pass; nothing is claimed about training.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use hlb_result::{LOG_FILE, RESULT_FILE};

use crate::support::archive::cifar;
use crate::support::context::{Answer, Context, VARIANT, answer};
use crate::support::trainer::real_trainer;

/// What it does. `@HOOK@` is run after each epoch, with `$arm`, `$run` and `$epoch` set, and `@BEFORE@` before the data is read;
/// it may set `$count` to the name of a file for the number of bytes read. `$pids` has a line for each process under its name.
const SCRIPT: &str = r#"#!/bin/bash
LC_ALL=C
if [ "$1" = --describe ]; then
  echo '{"libtorch_file":null,"libtorch_version":"0","cuda":false,"cuda_problem":null}'; exit
fi
if [ "$1" = --examine ]; then
  echo '{"device":"cpu","precision":"fp32","matmul_tera":0.1,"copy_gigabytes":9,"launch_microseconds":2,"relative_error":0,"repeats":true}'; exit
fi
pids=@ROOT@/${0##*/}.pids
echo $$ >> "$pids"
exec 3<&0
read -r job <&3
@BEFORE@
arrays=${job##*\"arrays\":}
[[ $arrays =~ \"train\":([0-9]+),\"evaluation\":([0-9]+),\"height\":([0-9]+) ]]
images=${BASH_REMATCH[1]} total=${BASH_REMATCH[2]} side=${BASH_REMATCH[3]}
if [ -n "$count" ]; then
  bytes=$(( (images + total) * (side * side * 3 + 1) ))
  head -c $bytes <&3 | wc -c > "$count"
  [ "$(cat "$count")" = $bytes ] || exit 3
fi
# Reads what is left, and takes this process along when hlb-bench is gone.
{ cat <&3; kill -9 -$$; } >/dev/null 2>&1 &
exec 4<> <(:)
# No processor trains an epoch of the built-in track in less.
lasts=0.004; [ $images -gt 1000 ] && lasts=0.06
nap() { read -rt "$1" <&4; }
length_of() {
  [[ $1 =~ \"epochs\":([0-9]+) ]]; epochs=${BASH_REMATCH[1]}
  [[ $1 =~ \"batch_size\":([0-9]+) ]]; steps=$((images / BASH_REMATCH[1]))
}
seconds() { printf -v text '%d.%06d%s' $(($1 / 1000000)) $(($1 % 1000000)) "$mark"; }
[[ $job =~ \"threads\":([0-9]+),\"arrays\" ]]
echo '{"event":"trainer_start","device":"cpu","threads":'${BASH_REMATCH[1]}',"precision":"fp32","libtorch_version":"0"}'
reference=
if [[ $job == *'"reference":{'* ]]; then
  reference=${job#*'"reference":{'}
  nap 0.003; echo '{"event":"warmup_run","arm":"reference","seconds":0.003}'
fi
nap 0.003; echo '{"event":"warmup_run","arm":"variant","seconds":0.003}'
rest=$job
while [[ $rest =~ \{\"arm\":\"(variant|reference)\",\"run\":([0-9]+),\"seed\":\"([0-9a-f]+)\"\} ]]; do
  arm=${BASH_REMATCH[1]} run=${BASH_REMATCH[2]} seed=${BASH_REMATCH[3]}
  rest=${rest#*"${BASH_REMATCH[0]}"}
  if [ $arm = variant ]; then length_of "$job"; else length_of "$reference"; fi
  # Digits that make the times of each run its own.
  printf -v mark '%02d%d%06d' $run ${#arm} $((RANDOM * 30 + RANDOM % 30))
  echo '{"event":"run_start","arm":"'$arm'","run":'$run',"seed":"'$seed'"}'
  began=${EPOCHREALTIME/./} train=0 evaluate=0
  for ((epoch = 1; epoch <= epochs; epoch++)); do
    before=${EPOCHREALTIME/./}; nap $lasts; after=${EPOCHREALTIME/./}; train=$((train + after - before))
    nap 0.002; before=${EPOCHREALTIME/./}; evaluate=$((evaluate + before - after))
    seconds $train; trained=$text; seconds $evaluate; evaluated=$text
    correct=$((total / 2)); [ $epoch = $epochs ] && correct=$total
    echo '{"event":"epoch","run":'$run',"epoch":'$epoch',"step":'$((epoch * steps))',"loss":1.5'$mark$epoch',"accuracy":{"correct":'$correct',"total":'$total'},"train_seconds":'$trained',"evaluate_seconds":'$evaluated'}'
    @HOOK@
  done
  wall=$((${EPOCHREALTIME/./} - began)); seconds $((wall - train - evaluate)); logged=$text; seconds $wall
  echo '{"event":"run_stop","run":'$run',"outcome":"reached","reason":null,"phases":{"setup_seconds":0.0,"train_seconds":'$trained',"evaluate_seconds":'$evaluated',"log_seconds":'$logged'},"wall_seconds":'$text'}'
done
"#;

/// Two epochs of a narrow network on some hundred made images.
pub(crate) const MADE: &str = "name: made\nauthors: [Ada Lovelace]\ndescription: on made data\nextends: hlb-cifar10\n\
    epochs: 2\nbatch_size: 64\nstem: {images: 64, width: 8}\nblocks: {widths: [8, 16]}\naverage: null\n";

/// Two epochs of a narrow airbench94 on as many images, whose whitening bias is frozen after the first.
const TRAINED: &str = "name: made\nauthors: [Ada Lovelace]\ndescription: on made data\nextends: airbench94\n\
    epochs: 2\nbatch_size: 64\nstem: {images: 64}\nblocks: {widths: [8, 16]}\naverage: null\n\
    evaluate: {weights: trained, mirror: false, multi_crop: false}\n\
    freeze: [{parameters: whitening_bias, after_epochs: 1.0}]\n";

/// A folder in which sessions are run with the simulated trainer.
pub(crate) struct Stage {
    pub(crate) context: Context,
    /// Arguments that say what is trained, on which data.
    pub(crate) subject: Vec<String>,
    trainer: PathBuf,
}

impl Stage {
    /// A variant on a small made data set: the program starts at once.
    pub(crate) fn small() -> Self {
        let context = Context::new();
        let made = cifar(60);
        made.write(&context);
        let manifest = format!("{}.yaml", made.id);
        let fetched = context.run(["data", "fetch", "--manifest", &manifest, "--from", made.file]);
        assert_eq!(fetched.code, Some(0), "{}", fetched.stderr);
        context.write("v.yaml", MADE);
        Self::with(context, &["v.yaml", "--manifest", &manifest])
    }

    /// A variant of one epoch on the built-in track.
    pub(crate) fn shapes() -> Self {
        let context = Context::new();
        context.write("v.yaml", format!("{VARIANT}epochs: 1\nbatch_size: 512\nblocks: {{widths: [8, 8]}}\naverage: null\nevaluate: {{weights: trained, mirror: false}}\n"));
        Self::with(context, &["v.yaml"])
    }

    /// Whatever else these arguments name.
    pub(crate) fn with(context: Context, subject: &[&str]) -> Self {
        let trainer = context.path("trainer");
        let stage = Self { context, subject: subject.iter().map(ToString::to_string).collect(), trainer };
        stage.plays("", "");
        stage
    }

    /// The same with the trainer that trains.
    pub(crate) fn real() -> Option<Self> {
        Some(Self { trainer: real_trainer()?, ..Self::shapes() })
    }

    /// A variant of airbench94 on the small made data set, with the trainer that trains.
    pub(crate) fn small_real() -> Option<Self> {
        let stage = Self { trainer: real_trainer()?, ..Self::small() };
        stage.context.write("v.yaml", TRAINED);
        Some(stage)
    }

    /// Has the trainer do these things too, in the language of the shell.
    pub(crate) fn plays(&self, before: &str, hook: &str) {
        let root = self.context.root().to_str().unwrap();
        self.plays_script(&SCRIPT.replace("@BEFORE@", before).replace("@HOOK@", hook).replace("@ROOT@", root));
    }

    /// Has another script be the trainer.
    pub(crate) fn plays_script(&self, script: &str) {
        // A new file each time: a script that runs must not change.
        let path = self.context.path("trainer");
        let _ = std::fs::remove_file(&path);
        self.context.write("trainer", script);
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// The program, with the environment of the test, about to run a session in the folder `sessions`.
    pub(crate) fn command(&self, verb: &str, sessions: &str, more: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hlb-bench"));
        self.environment(&mut command, sessions);
        command.arg(verb).args(&self.subject).args(["--sessions", sessions]).args(more);
        command
    }

    /// The same environment, for whatever starts the program.
    pub(crate) fn environment(&self, command: &mut Command, sessions: &str) {
        command.current_dir(self.context.root()).env("HLB_BENCH_TRAINER", self.trainer_of(sessions));
        for name in ["HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"] {
            command.env(name, self.context.path("home"));
        }
        command.env_remove("HLB_BENCH_DATA").env_remove("SSH_AUTH_SOCK").env("GIT_CONFIG_NOSYSTEM", "1");
        // On a machine with a GPU, too, tests measure the CPU.
        command.env("HLB_BENCH_DEVICE", "cpu").env("HLB_BENCH_NVML", "/nowhere/nvml.so");
    }

    /// The simulated trainer under the name of a folder of sessions, by which it knows where its process is listed.
    fn trainer_of(&self, sessions: &str) -> PathBuf {
        let written = self.context.path("trainer");
        if self.trainer != written {
            return self.trainer.clone();
        }
        let named = self.context.path("home/trainers").join(sessions);
        std::fs::create_dir_all(named.parent().unwrap()).unwrap();
        let _ = std::fs::remove_file(&named);
        // A test may have removed it.
        let _ = std::fs::hard_link(written, &named);
        named
    }

    /// The program that trains here.
    pub(crate) fn trainer(&self) -> &Path {
        &self.trainer
    }

    pub(crate) fn run(&self, verb: &str, sessions: &str, more: &[&str]) -> Answer {
        answer(&self.command(verb, sessions, more).output().unwrap())
    }

    pub(crate) fn spawn(&self, verb: &str, sessions: &str, more: &[&str]) -> Child {
        self.command(verb, sessions, more)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    }

    /// The folder of the only session in `sessions`; `None` before it has one.
    pub(crate) fn folder(&self, sessions: &str) -> Option<PathBuf> {
        let below = |folder: &Path| std::fs::read_dir(folder).into_iter().flatten().map(|item| item.unwrap().path());
        let mut found: Vec<PathBuf> =
            below(&self.context.path(sessions)).flat_map(|track| below(&track).collect::<Vec<_>>()).collect();
        assert!(found.len() < 2, "{found:?}");
        found.pop()
    }

    /// The bytes of the only run log in `sessions`, as far as there are any.
    pub(crate) fn log(&self, sessions: &str) -> Vec<u8> {
        self.folder(sessions).and_then(|folder| std::fs::read(folder.join(LOG_FILE)).ok()).unwrap_or_default()
    }

    /// The text of the only result in `sessions`.
    pub(crate) fn result(&self, sessions: &str) -> Option<String> {
        std::fs::read_to_string(self.folder(sessions)?.join(RESULT_FILE)).ok()
    }

    /// Waits until the run log holds a text.
    pub(crate) fn wait_for(&self, sessions: &str, text: &str) {
        wait_until(text, || String::from_utf8_lossy(&self.log(sessions)).contains(text));
    }

    /// Waits until no trainer of these sessions is left.
    pub(crate) fn wait_for_trainers(&self, sessions: &str) {
        let pids = std::fs::read_to_string(self.context.path(&format!("{sessions}.pids"))).unwrap_or_default();
        for pid in pids.lines() {
            wait_until("the trainer to end", || !alive(pid));
        }
    }
}

/// Whether a process is there; a zombie is dead, it waits for the process that inherits it.
pub(crate) fn alive(pid: &str) -> bool {
    let state = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
    !state.is_empty() && !state.contains(") Z ")
}

/// Waits for a condition, with a bound; what is waited for is another process.
pub(crate) fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_mins(2);
    while Instant::now() < deadline {
        if condition() {
            return;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    panic!("waited for {what} in vain");
}
