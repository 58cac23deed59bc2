//! What the control groups of this process allow it, in version 1 and 2 of the kernel's interface.
//!
//! A limit holds for all groups below it, so the tightest from one's own group up to the root is the one that counts. Names
//! of groups tell whose machine this is: they go into no reason and no record.

use crate::hardware::kernel::{Kernel, words};

/// Mount of the groups, from the root.
const MOUNT: &str = "sys/fs/cgroup";

/// Limits from here on are none: version 1 says 2^63 less a page.
const NO_LIMIT: u64 = 1 << 60;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    One,
    Two,
}

/// One group.
#[derive(Debug, Clone)]
struct Group {
    version: Version,
    folder: String,
}

/// The groups that limit this process most.
#[derive(Debug)]
pub(super) struct ControlGroups {
    memory: Result<Group, String>,
    cpu: Result<Group, String>,
}

impl ControlGroups {
    /// Finds them. A limit that is set later on another group is not seen.
    pub(super) fn open(kernel: &Kernel) -> Self {
        Self {
            memory: tightest(kernel, "memory", memory_limit).map_err(|none| none.unwrap_or_else(no_memory_limit)),
            cpu: tightest(kernel, "cpu", cpu_limit).map_err(|none| none.unwrap_or_else(no_cpu_limit)),
        }
    }

    /// Memory that may be used, in bytes.
    pub(super) fn memory_limit(&self, kernel: &Kernel) -> Result<u64, String> {
        memory_limit(kernel, self.memory.as_ref().map_err(String::clone)?)?.ok_or_else(no_memory_limit)
    }

    /// Memory of that limit in use, in bytes, with the pages of files that can be had back.
    pub(super) fn memory_used(&self, kernel: &Kernel) -> Result<u64, String> {
        let group = self.memory.as_ref().map_err(String::clone)?;
        let name = match group.version {
            Version::One => "memory.usage_in_bytes",
            Version::Two => "memory.current",
        };
        number(&file(kernel, group, name)?, name)
    }

    /// Processors that may be used, in thousandths of one.
    pub(super) fn cpu_limit(&self, kernel: &Kernel) -> Result<u64, String> {
        cpu_limit(kernel, self.cpu.as_ref().map_err(String::clone)?)?.ok_or_else(no_cpu_limit)
    }

    /// Microseconds for which the processes of the group were stopped because it had used up its share.
    pub(super) fn cpu_limited(&self, kernel: &Kernel) -> Result<u64, String> {
        let group = self.cpu.as_ref().map_err(String::clone)?;
        let (key, units) = match group.version {
            Version::One => ("throttled_time", 1000),
            Version::Two => ("throttled_usec", 1),
        };
        let text = file(kernel, group, "cpu.stat")?;
        let value = text.lines().find_map(|line| line.strip_prefix(key)?.trim().parse::<u64>().ok());
        value.map(|value| value / units).ok_or_else(|| format!("cpu.stat has no {key}"))
    }
}

fn no_memory_limit() -> String {
    "the control group sets no memory limit".to_owned()
}

fn no_cpu_limit() -> String {
    "the control group sets no limit on processors".to_owned()
}

fn file(kernel: &Kernel, group: &Group, name: &str) -> Result<String, String> {
    let text = kernel.read(&format!("{}/{name}", group.folder));
    text.map_err(|error| format!("{name} of the control group: {}", words(&error)))
}

fn number(text: &str, name: &str) -> Result<u64, String> {
    text.trim().parse().map_err(|_| format!("{name} of the control group holds no number"))
}

fn memory_limit(kernel: &Kernel, group: &Group) -> Result<Option<u64>, String> {
    let name = match group.version {
        Version::One => "memory.limit_in_bytes",
        Version::Two => "memory.max",
    };
    let text = file(kernel, group, name)?;
    if text.trim() == "max" {
        return Ok(None);
    }
    Ok(Some(number(&text, name)?).filter(|limit| *limit < NO_LIMIT))
}

fn cpu_limit(kernel: &Kernel, group: &Group) -> Result<Option<u64>, String> {
    let text = match group.version {
        Version::One => {
            let quota = file(kernel, group, "cpu.cfs_quota_us")?;
            format!("{} {}", quota.trim(), file(kernel, group, "cpu.cfs_period_us")?)
        }
        Version::Two => file(kernel, group, "cpu.max")?,
    };
    let (quota, period) = text.trim().split_once(' ').ok_or("the control group's share of processors has no period")?;
    if quota == "max" || quota == "-1" {
        return Ok(None);
    }
    let (quota, period) = (number(quota, "quota")?, number(period, "period")?.max(1));
    Ok(Some(quota.saturating_mul(1000) / period))
}

/// A reading of a group's limit.
type Reading = fn(&Kernel, &Group) -> Result<Option<u64>, String>;

/// The group with the least limit, one's own first; the error is `None` where there is none.
fn tightest(kernel: &Kernel, controller: &str, limit: Reading) -> Result<Group, Option<String>> {
    let groups = groups(kernel, controller)?;
    let limits = groups.into_iter().filter_map(|group| Some((limit(kernel, &group).ok()??, group)));
    limits.min_by_key(|(limit, _)| *limit).map(|(_, group)| group).ok_or(None)
}

/// The group of this process and all above it. Where a container does not see its own path, its group is the mount itself.
fn groups(kernel: &Kernel, controller: &str) -> Result<Vec<Group>, String> {
    let membership = kernel.text("proc/self/cgroup")?;
    let lines: Vec<[&str; 3]> = membership.lines().filter_map(split_line).collect();
    let one = lines.iter().find(|[_, controllers, _]| controllers.split(',').any(|name| name == controller));
    if let Some([_, controllers, path]) = one {
        let mounts = [format!("{MOUNT}/{controllers}"), format!("{MOUNT}/{controller}")];
        let mount = mounts.iter().find(|mount| kernel.names(mount).is_ok()).unwrap_or(&mounts[1]);
        return Ok(ancestry(Version::One, mount, path));
    }
    let two = lines.iter().find(|[_, controllers, _]| controllers.is_empty());
    let [_, _, path] = two.ok_or_else(|| format!("this process is in no control group for `{controller}`"))?;
    Ok(ancestry(Version::Two, MOUNT, path))
}

/// `4:cpu,cpuacct:/group` or `0::/group`.
fn split_line(line: &str) -> Option<[&str; 3]> {
    let mut parts = line.splitn(3, ':');
    Some([parts.next()?, parts.next()?, parts.next()?])
}

fn ancestry(version: Version, mount: &str, path: &str) -> Vec<Group> {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    // A path that climbs out of what a container sees is of no use there.
    let deepest = if parts.contains(&"..") { 0 } else { parts.len() };
    let folder = |depth: usize| [&[mount], &parts[..depth]].concat().join("/");
    (0..=deepest).rev().map(|depth| Group { version, folder: folder(depth) }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hardware::kernel::MadeKernel;

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
    fn version_1_is_read_from_the_mount_where_a_container_sees_no_more() {
        let made = MadeKernel::new(&[
            ("proc/self/cgroup", "9:memory:/docker/77\n4:cpu,cpuacct:/docker/77\n0::/docker/77\n"),
            ("sys/fs/cgroup/memory/memory.limit_in_bytes", "1000\n"),
            ("sys/fs/cgroup/memory/memory.usage_in_bytes", "10\n"),
            ("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "50000\n"),
            ("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n"),
            ("sys/fs/cgroup/cpu,cpuacct/cpu.stat", "nr_throttled 1\nthrottled_time 5999\n"),
        ]);
        let groups = ControlGroups::open(&made.kernel);
        assert_eq!(groups.memory_limit(&made.kernel), Ok(1000));
        assert_eq!(groups.memory_used(&made.kernel), Ok(10));
        assert_eq!(groups.cpu_limit(&made.kernel), Ok(500));
        assert_eq!(groups.cpu_limited(&made.kernel), Ok(5));
    }

    #[test]
    fn no_limit_is_unknown_with_a_reason() {
        let made = MadeKernel::new(&[
            ("proc/self/cgroup", "2:cpu:/\n1:memory:/\n"),
            ("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"),
            ("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n"),
            ("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n"),
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
        let folders: Vec<String> =
            ancestry(Version::Two, MOUNT, "/../../x").into_iter().map(|group| group.folder).collect();
        assert_eq!(folders, [MOUNT]);
    }
}
