//! What the control groups of this process allow it, in version 2 of the kernel's interface. The limits of a
//! controller in version 1, which supported systems no longer mount, are unknown.
//!
//! A limit applies to all groups below it, so the lowest one from the own group up to the root counts.
//! Names of groups may identify the owner of the machine, so they appear in no reason and no record.

use crate::kernel::{Kernel, words};

/// Mount of the groups, from the root.
const MOUNT: &str = "sys/fs/cgroup";

/// The folders of the groups that limit this process most, or why there are none.
#[derive(Debug)]
pub(super) struct ControlGroups {
    memory: Result<String, String>,
    cpu: Result<String, String>,
}

impl ControlGroups {
    /// Finds them. A limit that is set later on another group is not seen.
    pub(super) fn open(kernel: &Kernel) -> Self {
        Self {
            memory: tightest(kernel, "memory", memory_limit).and_then(|group| group.ok_or_else(no_memory_limit)),
            cpu: tightest(kernel, "cpu", cpu_limit).and_then(|group| group.ok_or_else(no_cpu_limit)),
        }
    }

    /// Memory that may be used, in bytes.
    pub(super) fn memory_limit(&self, kernel: &Kernel) -> Result<u64, String> {
        memory_limit(kernel, self.memory.as_ref().map_err(String::clone)?)?.ok_or_else(no_memory_limit)
    }

    /// Memory of that limit in use, in bytes, with file pages that can be reclaimed.
    pub(super) fn memory_used(&self, kernel: &Kernel) -> Result<u64, String> {
        let name = "memory.current";
        number(&file(kernel, self.memory.as_ref().map_err(String::clone)?, name)?, name)
    }

    /// Processors that may be used, in thousandths of one.
    pub(super) fn cpu_limit(&self, kernel: &Kernel) -> Result<u64, String> {
        cpu_limit(kernel, self.cpu.as_ref().map_err(String::clone)?)?.ok_or_else(no_cpu_limit)
    }

    /// Microseconds for which the processes of the group were stopped because it had used up its share.
    pub(super) fn cpu_limited(&self, kernel: &Kernel) -> Result<u64, String> {
        let text = file(kernel, self.cpu.as_ref().map_err(String::clone)?, "cpu.stat")?;
        let value = text.lines().find_map(|line| line.strip_prefix("throttled_usec")?.trim().parse().ok());
        value.ok_or_else(|| "cpu.stat has no throttled_usec".to_owned())
    }
}

fn no_memory_limit() -> String {
    "the control group sets no memory limit".to_owned()
}

fn no_cpu_limit() -> String {
    "the control group sets no limit on processors".to_owned()
}

fn file(kernel: &Kernel, group: &str, name: &str) -> Result<String, String> {
    let text = kernel.read(&format!("{group}/{name}"));
    text.map_err(|error| format!("{name} of the control group: {}", words(&error)))
}

fn number(text: &str, name: &str) -> Result<u64, String> {
    text.trim().parse().map_err(|_| format!("{name} of the control group holds no number"))
}

fn memory_limit(kernel: &Kernel, group: &str) -> Result<Option<u64>, String> {
    let text = file(kernel, group, "memory.max")?;
    if text.trim() == "max" { Ok(None) } else { number(&text, "memory.max").map(Some) }
}

fn cpu_limit(kernel: &Kernel, group: &str) -> Result<Option<u64>, String> {
    let text = file(kernel, group, "cpu.max")?;
    let (quota, period) = text.trim().split_once(' ').ok_or("the control group's share of processors has no period")?;
    if quota == "max" {
        return Ok(None);
    }
    let (quota, period) = (number(quota, "quota")?, number(period, "period")?.max(1));
    Ok(Some(quota.saturating_mul(1000) / period))
}

/// A reading of a group's limit.
type Reading = fn(&Kernel, &str) -> Result<Option<u64>, String>;

/// The group with the least limit, one's own first; `None` where no group has one.
fn tightest(kernel: &Kernel, controller: &str, limit: Reading) -> Result<Option<String>, String> {
    let groups = groups(kernel, controller)?;
    let limits = groups.into_iter().filter_map(|group| Some((limit(kernel, &group).ok()??, group)));
    Ok(limits.min_by_key(|(limit, _)| *limit).map(|(_, group)| group))
}

/// The group of this process and all above it. Where a container does not see its own path, its group is the mount
/// itself.
fn groups(kernel: &Kernel, controller: &str) -> Result<Vec<String>, String> {
    let membership = kernel.text("proc/self/cgroup")?;
    // `4:cpu,cpuacct:/group` in version 1, `0::/group` in version 2.
    let lines = || membership.lines().filter_map(|line| line.split_once(':')?.1.split_once(':'));
    if lines().any(|(controllers, _)| controllers.split(',').any(|name| name == controller)) {
        return Err(format!("`{controller}` is in a control group of version 1, which is not read"));
    }
    let path = lines().find_map(|(controllers, path)| controllers.is_empty().then_some(path));
    path.map(ancestry).ok_or_else(|| format!("this process is in no control group for `{controller}`"))
}

fn ancestry(path: &str) -> Vec<String> {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    // A path that leads outside what a container sees cannot be read there.
    let deepest = if parts.contains(&"..") { 0 } else { parts.len() };
    (0..=deepest).rev().map(|depth| [&[MOUNT], &parts[..depth]].concat().join("/")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::MadeKernel;

    #[test]
    fn the_tightest_limit_of_version_2_counts() {
        let made = MadeKernel::new(&[
            ("proc/self/cgroup", "0::/pod/box\n"),
            ("sys/fs/cgroup/pod/box/memory.max", "max\n"),
            ("sys/fs/cgroup/pod/box/memory.current", "1\n"),
            ("sys/fs/cgroup/pod/memory.max", "4096\n"),
            ("sys/fs/cgroup/pod/memory.current", "2048\n"),
            ("sys/fs/cgroup/pod/box/cpu.max", "150000 100000\n"),
            ("sys/fs/cgroup/pod/cpu.max", "400000 100000\n"),
            ("sys/fs/cgroup/pod/box/cpu.stat", "usage_usec 9\nthrottled_usec 77\n"),
        ]);
        let groups = ControlGroups::open(&made.kernel);
        assert_eq!(groups.memory_limit(&made.kernel), Ok(4096));
        assert_eq!(groups.memory_used(&made.kernel), Ok(2048));
        assert_eq!(groups.cpu_limit(&made.kernel), Ok(1500));
        assert_eq!(groups.cpu_limited(&made.kernel), Ok(77));
    }

    #[test]
    fn limits_of_version_1_are_unknown_with_the_reason() {
        let made = MadeKernel::new(&[
            ("proc/self/cgroup", "9:memory:/docker/77\n4:cpu,cpuacct:/docker/77\n0::/docker/77\n"),
            ("sys/fs/cgroup/memory/memory.limit_in_bytes", "1000\n"),
        ]);
        let groups = ControlGroups::open(&made.kernel);
        let reason = "`memory` is in a control group of version 1, which is not read";
        assert_eq!(groups.memory_limit(&made.kernel).unwrap_err(), reason);
        assert_eq!(groups.memory_used(&made.kernel).unwrap_err(), reason);
        assert!(groups.cpu_limit(&made.kernel).unwrap_err().starts_with("`cpu` is in a control group of version 1"));
        assert!(groups.cpu_limited(&made.kernel).is_err());
    }

    #[test]
    fn no_limit_is_unknown_with_a_reason() {
        let made = MadeKernel::new(&[
            ("proc/self/cgroup", "0::/\n"),
            ("sys/fs/cgroup/memory.max", "max\n"),
            ("sys/fs/cgroup/cpu.max", "max 100000\n"),
        ]);
        let groups = ControlGroups::open(&made.kernel);
        assert!(groups.memory_limit(&made.kernel).unwrap_err().contains("no memory limit"));
        assert!(groups.cpu_limit(&made.kernel).unwrap_err().contains("no limit on processors"));
        assert!(groups.cpu_limited(&made.kernel).is_err());
        let none = MadeKernel::new(&[]);
        assert!(
            ControlGroups::open(&none.kernel).memory_limit(&none.kernel).unwrap_err().contains("/proc/self/cgroup")
        );
    }

    #[test]
    fn names_of_groups_go_into_no_reason() {
        let made = MadeKernel::new(&[
            ("proc/self/cgroup", "0::/ada.slice\n"),
            ("sys/fs/cgroup/ada.slice/memory.max", "4096\n"),
        ]);
        let reason = ControlGroups::open(&made.kernel).memory_used(&made.kernel).unwrap_err();
        assert!(reason.contains("memory.current") && !reason.contains("ada"), "{reason}");
    }

    #[test]
    fn a_path_that_climbs_is_not_followed() {
        assert_eq!(ancestry("/../../x"), [MOUNT]);
    }
}
