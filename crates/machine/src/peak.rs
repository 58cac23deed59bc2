//! Peak rates of devices: a table of GPUs by the names that NVIDIA's driver gives them, and a bound for
//! processors.
//!
//! A GPU that is not listed has no peak; a peak is
//! never guessed from a part of a name, since one that is too low would reject a valid run.

use std::sync::LazyLock;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use hlb_core::rules::{CPU_BF16_FLOP_PER_CYCLE, CPU_FLOP_PER_CYCLE, CPU_HERTZ};
use hlb_core::units::NumberFormat;
use hlb_core::yaml;

/// The peak of a GPU in one number format.
#[derive(Debug, Clone, PartialEq)]
pub struct Peak {
    /// Name of the row, for people.
    pub name: String,
    /// Floating-point operations a second at boost clock, dense, with two for a multiplication and its addition.
    pub flop_per_second: f64,
    /// Where the figure is from.
    pub source: String,
}

/// What GPUs can compute at most.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Table {
    /// The GPUs, in any order.
    gpus: Vec<Row>,
}

/// A GPU of `peaks.yaml`; rates in tera-operations a second.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Row {
    /// Name for people.
    name: String,
    /// Product names as the driver gives them, in upper or lower case.
    nvml_names: Vec<String>,
    /// What `prices.yaml` calls it in `gpus`; none where no machine with it has a price.
    #[serde(default)]
    price_models: Vec<String>,
    /// Memory as sold, in units of 10^9 bytes; for people.
    #[cfg_attr(not(test), expect(dead_code, reason = "people tell products apart by it"))]
    memory_gb: u32,
    /// The fastest of half precision and bfloat16; `null` where it has neither.
    fp16_tera: Option<f64>,
    /// Plain single precision.
    fp32_tera: f64,
    /// Single-precision numbers rounded for tensor cores; `null` where it has none.
    tf32_tera: Option<f64>,
    /// Where the figures are from.
    source: String,
}

/// The schema of `peaks.yaml`.
pub fn schema() -> Value {
    schemars::schema_for!(Table).to_value()
}

impl Row {
    fn tera(&self, format: NumberFormat) -> f64 {
        let short = match format {
            NumberFormat::Fp16 | NumberFormat::Bf16 => self.fp16_tera,
            NumberFormat::Tf32 => self.tf32_tera,
            NumberFormat::Fp32 => None,
        };
        short.map_or(self.fp32_tera, |short| short.max(self.fp32_tera))
    }
}

/// All rows of the table. A board asks for them with every entry.
fn table() -> &'static [Row] {
    static TABLE: LazyLock<Table> = LazyLock::new(|| {
        yaml::parse(include_bytes!("../../../peaks.yaml"), "peaks.yaml")
            .expect("the shipped table of peaks is valid; a test reads it")
    });
    &TABLE.gpus
}

/// The rows of products with this name in the driver.
fn rows_of(gpu_name: &str) -> impl Iterator<Item = &'static Row> {
    let named = move |row: &&Row| row.nvml_names.iter().any(|name| name.eq_ignore_ascii_case(gpu_name));
    table().iter().filter(named)
}

/// What the table of prices calls the GPU with this name in the driver; empty where it has no machine with it.
pub(crate) fn price_models(gpu_name: &str) -> Vec<&'static str> {
    rows_of(gpu_name).flat_map(|row| &row.price_models).map(String::as_str).collect()
}

/// What the table of prices calls any of the GPUs.
#[cfg(test)]
pub(crate) fn all_price_models() -> impl Iterator<Item = &'static str> {
    table().iter().flat_map(|row| &row.price_models).map(String::as_str)
}

/// The peak of the GPU with this name in the driver (NVML); `None` for a name that is not in the table.
///
/// Of several products with one name it is the fastest. No format has less than plain single precision.
pub fn peak(gpu_name: &str, format: NumberFormat) -> Option<Peak> {
    let row = rows_of(gpu_name).max_by(|a, b| a.tera(format).total_cmp(&b.tera(format)))?;
    Some(Peak { flop_per_second: row.tera(format) * 1e12, name: row.name.clone(), source: row.source.clone() })
}

/// Floating-point operations a second that no processor with this many logical CPUs reaches.
///
/// An upper bound, not an estimate: real processors reach a tenth of it or less. It counts sibling
/// threads as whole cores.
pub fn cpu_bound(logical_cpus: u32, format: NumberFormat) -> f64 {
    let in_a_cycle = if format == NumberFormat::Bf16 { CPU_BF16_FLOP_PER_CYCLE } else { CPU_FLOP_PER_CYCLE };
    in_a_cycle * CPU_HERTZ * f64::from(logical_cpus.max(1))
}

/// Seconds that `least_flop` operations take at `flop_per_second`.
pub fn floor_seconds(least_flop: f64, flop_per_second: f64) -> f64 {
    least_flop / flop_per_second
}

#[cfg(test)]
mod tests {
    use super::*;
    use hlb_core::units::NumberFormat::{Bf16, Fp16, Fp32, Tf32};
    use proptest::prelude::*;

    fn tera(name: &str, format: NumberFormat) -> Option<f64> {
        peak(name, format).map(|peak| peak.flop_per_second / 1e12)
    }

    #[test]
    fn every_row_is_sane_and_no_driver_name_leads_to_two_products_of_one_size() {
        let rows = table();
        for row in rows {
            assert!(!row.nvml_names.is_empty() && !row.source.trim().is_empty(), "{}", row.name);
            let rates = [Some(row.fp32_tera), row.fp16_tera, row.tf32_tera];
            assert!(rates.iter().flatten().all(|rate| (1.0..10_000.0).contains(rate)), "{}", row.name);
        }
        let mut keys: Vec<_> =
            rows.iter().flat_map(|row| row.nvml_names.iter().map(|name| (name, row.memory_gb))).collect();
        let count = keys.len();
        keys.sort();
        keys.dedup();
        assert_eq!(keys.len(), count);
    }

    #[test]
    fn names_of_the_driver_lead_to_published_peaks() {
        let published = [
            ("NVIDIA H100 80GB HBM3", 989.5, 494.5),
            ("NVIDIA H100 PCIe", 756.0, 378.0),
            ("NVIDIA H100 NVL", 835.5, 417.5),
            ("NVIDIA H200", 989.5, 494.5),
            ("NVIDIA A100-SXM4-40GB", 312.0, 156.0),
            ("NVIDIA A100-SXM4-80GB", 312.0, 156.0),
            ("NVIDIA A100 80GB PCIe", 312.0, 156.0),
            ("NVIDIA A100-PCIE-40GB", 312.0, 156.0),
            ("Tesla V100-SXM2-16GB", 125.0, 15.7),
            ("Tesla T4", 65.0, 8.1),
            ("NVIDIA L4", 121.0, 60.0),
            ("NVIDIA L40S", 362.0, 183.0),
            ("NVIDIA B200", 2250.0, 1125.0),
            ("Tesla P100-SXM2-16GB", 21.2, 10.6),
        ];
        for (name, half, tensor) in published {
            assert_eq!((tera(name, Fp16), tera(name, Tf32)), (Some(half), Some(tensor)), "{name}");
        }
        assert_eq!((tera("NVIDIA H200", Fp32), tera("NVIDIA H200", Bf16)), (Some(67.0), Some(989.5)));
    }

    #[test]
    fn a_gpu_without_half_precision_has_its_single_precision() {
        assert_eq!(tera("Tesla K80", Fp16), tera("Tesla K80", Fp32));
    }

    #[test]
    fn nothing_is_guessed() {
        for unknown in ["", "H100", "NVIDIA H100", "NVIDIA H100 80GB HBM3 ", "NVIDIA H100 80GB"] {
            assert_eq!(peak(unknown, Fp16), None, "{unknown}");
        }
    }

    #[test]
    fn no_spelling_takes_a_name_out_of_the_table() {
        for format in [Fp32, Tf32, Fp16, Bf16] {
            let fast = peak("NVIDIA H200", format);
            assert!(fast.is_some(), "{format}");
            assert_eq!(peak("nvidia h200", format), fast);
        }
    }

    #[test]
    fn a_processor_is_granted_more_than_any_has() {
        // The peak of the largest server processors of today: 192 cores, 64 operations a cycle, 3.7 GHz.
        assert!(cpu_bound(2 * 192, Fp32) > 4.0 * 192.0 * 64.0 * 3.7e9);
        assert!(cpu_bound(2 * 192, Bf16) > 2.0 * 192.0 * 1024.0 * 3.7e9);
        assert!(cpu_bound(0, Fp32) > 0.0);
    }

    proptest! {
        #[test]
        fn a_floor_grows_with_the_work_and_falls_with_the_device(flop in 1.0_f64..1e18, rate in 1.0_f64..1e16) {
            prop_assert!(floor_seconds(2.0 * flop, rate) > floor_seconds(flop, rate));
            prop_assert!(floor_seconds(flop, 2.0 * rate) < floor_seconds(flop, rate));
        }
    }
}
