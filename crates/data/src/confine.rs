//! What this process may still do: read some files, compute, and write to what is open already.
//!
//! Landlock takes the file system, seccomp all system calls but those of reading, memory and threads: so no network, no
//! other program, no other process, and nothing that changes a file. Neither can be undone, and threads that are started
//! later inherit both.

use std::collections::BTreeMap;
use std::path::Path;

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, PathBeneath, Ruleset, RulesetAttr as _, RulesetCreatedAttr as _,
    RulesetError, RulesetStatus, Scope,
};
use seccompiler::SeccompCmpArgLen::{Dword, Qword};
use seccompiler::SeccompCmpOp::{Eq, MaskedEq};
use seccompiler::{BpfProgram, SeccompAction, SeccompCondition, SeccompFilter, SeccompRule};
use serde::{Deserialize, Serialize};

use hlb_core::bounded;

/// What stands between a decoder and the rest of the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Guard {
    /// A process without a key and without the environment.
    OwnProcess,
    /// No file but those of the data set, by the kernel's Landlock.
    Landlock,
    /// No network, program or change of a file, by the kernel's seccomp.
    Seccomp,
}

impl Guard {
    /// All of them.
    pub(crate) fn all() -> Vec<Self> {
        vec![Self::OwnProcess, Self::Landlock, Self::Seccomp]
    }

    /// The names of guards, for a message; `None` if there are none.
    pub fn list(guards: &[Self]) -> Option<String> {
        let name = |guard: &Self| match guard {
            Self::OwnProcess => "a process of its own",
            Self::Landlock => "Landlock",
            Self::Seccomp => "seccomp",
        };
        Some(guards.iter().map(name).collect::<Vec<_>>().join(" and ")).filter(|text| !text.is_empty())
    }
}

/// Gives up everything but reading these files; the guards that this kernel does not have.
pub(crate) fn confine<P: AsRef<Path>>(readable: impl Iterator<Item = P>) -> Vec<Guard> {
    let landlocked = landlock(readable).unwrap_or(false);
    let filtered = seccomp().is_ok();
    let missing = [(landlocked, Guard::Landlock), (filtered, Guard::Seccomp)];
    missing.into_iter().filter_map(|(there, guard)| (!there).then_some(guard)).collect()
}

/// Takes the file system as far as this kernel knows how to; false where it does not at all.
fn landlock<P: AsRef<Path>>(readable: impl Iterator<Item = P>) -> Result<bool, RulesetError> {
    let abi = ABI::V6;
    let ruleset = Ruleset::default()
        .handle_access(AccessFs::from_all(abi))?
        .handle_access(AccessNet::from_all(abi))?
        .scope(Scope::from_all(abi))?
        .create()?;
    // What is no file is not allowed, since a folder would stand for all that it holds: reading it says so.
    let files = readable.filter_map(|path| bounded::open_named(path.as_ref()).ok());
    let rules = files.map(|file| Ok::<_, RulesetError>(PathBeneath::new(file, AccessFs::ReadFile)));
    let status = ruleset.add_rules(rules)?.restrict_self()?;
    Ok(status.ruleset != RulesetStatus::NotEnforced)
}

/// Refuses all other system calls as if the kernel did not have them, which libraries are prepared for.
fn seccomp() -> Result<(), seccompiler::Error> {
    let refused = SeccompAction::Errno(libc::ENOSYS.unsigned_abs());
    let arch = std::env::consts::ARCH.try_into()?;
    let filter = SeccompFilter::new(allowed()?, refused, SeccompAction::Allow, arch)?;
    seccompiler::apply_filter_all_threads(&BpfProgram::try_from(filter)?)
}

/// System calls that a decoder may make with any arguments.
const FREE: &[i64] = &[
    // Reading and answering.
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_pread64,
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_close,
    libc::SYS_fstat,
    libc::SYS_newfstatat,
    libc::SYS_statx,
    libc::SYS_lseek,
    libc::SYS_ppoll,
    // Memory.
    libc::SYS_brk,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_madvise,
    // Threads, signals of one's own, and the end.
    libc::SYS_futex,
    libc::SYS_set_robust_list,
    libc::SYS_rseq,
    libc::SYS_gettid,
    libc::SYS_getpid,
    libc::SYS_sched_yield,
    libc::SYS_sched_getaffinity,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_restart_syscall,
    libc::SYS_sigaltstack,
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_getrandom,
    libc::SYS_exit,
    libc::SYS_exit_group,
];

/// System calls that a decoder needs, with what their arguments have to be.
fn allowed() -> Result<BTreeMap<i64, Vec<SeccompRule>>, seccompiler::BackendError> {
    let bits = |flags: i32| u64::from(flags.unsigned_abs());
    // Any way of opening that writes, makes or truncates has one of these bits.
    let changing = bits(libc::O_ACCMODE | libc::O_CREAT | libc::O_TRUNC | libc::O_PATH);
    let conditional = [
        (libc::SYS_openat, 2, MaskedEq(changing), 0),
        (libc::SYS_mmap, 2, MaskedEq(bits(libc::PROT_EXEC)), 0),
        (libc::SYS_mprotect, 2, MaskedEq(bits(libc::PROT_EXEC)), 0),
        // A thread, not a process.
        (libc::SYS_clone, 0, MaskedEq(bits(libc::CLONE_THREAD)), bits(libc::CLONE_THREAD)),
    ];
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = FREE.iter().map(|call| (*call, Vec::new())).collect();
    for (call, argument, operator, value) in conditional {
        let condition = SeccompCondition::new(argument, Dword, operator, value)?;
        rules.insert(call, vec![SeccompRule::new(vec![condition])?]);
    }
    // Limits may be asked for, not set: the second address is null.
    let asks = SeccompCondition::new(2, Qword, Eq, 0)?;
    rules.insert(libc::SYS_prlimit64, vec![SeccompRule::new(vec![asks])?]);
    Ok(rules)
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::net::{TcpStream, UdpSocket};
    use std::os::unix::fs::symlink;
    use std::os::unix::net::{UnixDatagram, UnixStream};
    use std::process::Command;
    use std::thread;

    use super::*;

    const FOLDER: &str = "HLB_TEST_CONFINED";

    /// What a confined process still got done that it must not, by name.
    fn misdeeds(mine: &Path, other: &Path) -> Vec<&'static str> {
        let file = mine.join("image");
        let done = [
            ("read elsewhere", fs::read(other.join("key")).is_ok()),
            ("read a neighbor", fs::read(mine.join("neighbor")).is_ok()),
            ("read what lies next to the end of a link", fs::read(other.join("neighbor")).is_ok()),
            ("read in a folder", fs::read(other.join("folder/key")).is_ok()),
            ("read /proc", fs::read("/proc/self/environ").is_ok()),
            ("list", fs::read_dir(mine).is_ok_and(|items| items.count() > 0)),
            ("write", File::options().write(true).open(&file).is_ok()),
            ("append", File::options().append(true).open(&file).is_ok()),
            ("make a file", File::create_new(mine.join("new")).is_ok()),
            ("make a folder", fs::create_dir(mine.join("new")).is_ok()),
            ("remove", fs::remove_file(&file).is_ok()),
            ("rename", fs::rename(&file, mine.join("new")).is_ok()),
            ("link", fs::hard_link(&file, mine.join("new")).is_ok()),
            ("link softly", symlink(&file, mine.join("new")).is_ok()),
            ("set the mode", fs::set_permissions(&file, fs::metadata(mine).unwrap().permissions()).is_ok()),
            ("connect", TcpStream::connect("127.0.0.1:1").is_err_and(|error| error.raw_os_error() == Some(111))),
            ("bind", UdpSocket::bind("127.0.0.1:0").is_ok()),
            ("pair", UnixStream::pair().is_ok() || UnixDatagram::pair().is_ok()),
            ("start a program", Command::new("/bin/true").status().is_ok()),
            ("signal", rustix::process::test_kill_process(rustix::process::getpid()).is_ok()),
        ];
        done.into_iter().filter_map(|(what, done)| done.then_some(what)).collect()
    }

    #[test]
    fn a_confined_process_reads_its_files_and_does_nothing_else() {
        if let Some(folder) = std::env::var_os(FOLDER) {
            let folder = Path::new(&folder);
            let (mine, other) = (folder.join("mine"), folder.join("other"));
            let files = ["image", "link", "link to a folder", "missing"].map(|name| mine.join(name));
            let missing = confine(files.iter());
            let read = thread::spawn(move || [fs::read(&files[0]).unwrap(), fs::read(&files[1]).unwrap()].concat());
            println!("SAID {missing:?} {:?} {:?}", read.join().unwrap(), misdeeds(&mine, &other));
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        for file in ["mine/image", "mine/neighbor", "other/key", "other/neighbor", "other/linked", "other/folder/key"] {
            let file = folder.path().join(file);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, [7]).unwrap();
        }
        for (link, end) in [("link", "linked"), ("link to a folder", "folder")] {
            symlink(folder.path().join("other").join(end), folder.path().join("mine").join(link)).unwrap();
        }
        let name = "confine::tests::a_confined_process_reads_its_files_and_does_nothing_else";
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", name, "--nocapture", "--test-threads=1"]).env(FOLDER, folder.path());
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        if said.contains("SAID [Landlock") || said.contains("SAID [Seccomp") {
            println!("skipped: this kernel lacks a guard: {said}");
            return;
        }
        assert!(said.contains("SAID [] [7, 7] []"), "{said}{}", String::from_utf8_lossy(&output.stderr));
        assert!(folder.path().join("mine/image").is_file());
    }
}
