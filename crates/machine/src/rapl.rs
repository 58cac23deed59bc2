//! Energy of the processors' packages, from the counters that the kernel shows under `powercap` (RAPL).
//!
//! Only packages are added up: they include their parts, and the platform's zone (`psys`) includes them again.
//! Source: the kernel's `Documentation/power/powercap/powercap.rst`. Since 2020 most systems let only root read.

use crate::kernel::Kernel;

/// Folder of the counters, from the root.
const FOLDER: &str = "sys/class/powercap";

/// One package.
#[derive(Debug)]
struct Package {
    folder: String,
    /// Last reading in microjoules.
    last: Option<u64>,
    /// Microjoules since the first reading.
    total: u64,
}

/// The packages' counters.
#[derive(Debug)]
pub(super) struct Rapl(Result<Vec<Package>, String>);

impl Rapl {
    /// Finds the packages and starts to count.
    pub(super) fn open(kernel: &Kernel) -> Self {
        let mut rapl = Self(packages(kernel));
        // Counting starts here; a counter that cannot be read is reported with the first sample.
        let _ = rapl.sample(kernel);
        rapl
    }

    /// Microjoules of all packages since [`Rapl::open`].
    pub(super) fn sample(&mut self, kernel: &Kernel) -> Result<u64, String> {
        let packages = self.0.as_mut().map_err(|reason| reason.clone())?;
        // All are read even if one fails, so that no counter overflows twice between two readings.
        let totals: Vec<Result<u64, String>> = packages.iter_mut().map(|package| package.read(kernel)).collect();
        totals.into_iter().sum()
    }
}

impl Package {
    fn read(&mut self, kernel: &Kernel) -> Result<u64, String> {
        let now = kernel.number(&format!("{FOLDER}/{}/energy_uj", self.folder))?;
        let last = self.last.unwrap_or(now);
        let used = if now >= last {
            now - last
        } else {
            // It overflowed: it starts at 0 again after its largest value.
            let range = kernel.number(&format!("{FOLDER}/{}/max_energy_range_uj", self.folder))?;
            now + range.checked_sub(last).ok_or("the energy counter went over its own range")?
        };
        self.last = Some(now);
        self.total += used;
        Ok(self.total)
    }
}

fn packages(kernel: &Kernel) -> Result<Vec<Package>, String> {
    let names = kernel.names(FOLDER)?;
    let found: Vec<Package> = names
        .into_iter()
        .filter(|name| name.strip_prefix("intel-rapl:").is_some_and(|rest| !rest.contains(':')))
        .filter(|name| is_package(kernel, name))
        .map(|folder| Package { folder, last: None, total: 0 })
        .collect();
    if found.is_empty() { Err(format!("/{FOLDER} lists no package of the processor")) } else { Ok(found) }
}

fn is_package(kernel: &Kernel, folder: &str) -> bool {
    kernel.text(&format!("{FOLDER}/{folder}/name")).is_ok_and(|name| name.starts_with("package-"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::MadeKernel;

    fn made() -> MadeKernel {
        MadeKernel::new(&[
            ("sys/class/powercap/intel-rapl:0/name", "package-0\n"),
            ("sys/class/powercap/intel-rapl:0/energy_uj", "900\n"),
            ("sys/class/powercap/intel-rapl:0/max_energy_range_uj", "1000\n"),
            ("sys/class/powercap/intel-rapl:0:0/name", "package-0\n"),
            ("sys/class/powercap/intel-rapl:0:0/energy_uj", "77\n"),
            ("sys/class/powercap/intel-rapl:1/name", "package-1\n"),
            ("sys/class/powercap/intel-rapl:1/energy_uj", "5\n"),
            ("sys/class/powercap/intel-rapl:2/name", "psys\n"),
            ("sys/class/powercap/intel-rapl:2/energy_uj", "5000\n"),
            ("sys/class/powercap/intel-rapl-mmio:0/name", "package-0\n"),
            ("sys/class/powercap/intel-rapl-mmio:0/energy_uj", "900\n"),
        ])
    }

    #[test]
    fn packages_are_added_up_and_may_run_over() {
        let made = made();
        let mut rapl = Rapl::open(&made.kernel);
        assert_eq!(rapl.sample(&made.kernel), Ok(0));
        made.set("sys/class/powercap/intel-rapl:0/energy_uj", "950\n");
        made.set("sys/class/powercap/intel-rapl:1/energy_uj", "6\n");
        assert_eq!(rapl.sample(&made.kernel), Ok(51));
        made.set("sys/class/powercap/intel-rapl:0/energy_uj", "30\n");
        assert_eq!(rapl.sample(&made.kernel), Ok(131));
    }

    #[test]
    fn a_counter_that_falls_silent_loses_nothing() {
        let made = made();
        let mut rapl = Rapl::open(&made.kernel);
        made.remove("sys/class/powercap/intel-rapl:1/energy_uj");
        made.set("sys/class/powercap/intel-rapl:0/energy_uj", "910\n");
        assert!(rapl.sample(&made.kernel).unwrap_err().contains("intel-rapl:1/energy_uj"));
        made.set("sys/class/powercap/intel-rapl:1/energy_uj", "25\n");
        assert_eq!(rapl.sample(&made.kernel), Ok(30));
    }

    #[test]
    fn without_packages_energy_is_unknown() {
        let none = MadeKernel::new(&[]);
        assert!(Rapl::open(&none.kernel).sample(&none.kernel).unwrap_err().contains("powercap"));
        let other = MadeKernel::new(&[("sys/class/powercap/dtpm/name", "x")]);
        assert!(Rapl::open(&other.kernel).sample(&other.kernel).unwrap_err().contains("lists no package"));
    }
}
