//! What an hour of a hardware class costs at list price: the cheapest row of the table, the same for everybody on one day.

use std::fmt;

use crate::Machine;
use crate::peak;
use crate::price::quote::{Price, check_day};
use crate::price::table::{Row, Table};
use hlb_core::units::DeviceKind;

/// What an hour of a hardware class costs at list price.
///
/// A machine's price is divided by its GPUs, or by its virtual CPUs where it has no GPU; memory and everything else
/// are in that share. It says nothing of how fast a processor is.
#[derive(Debug, Clone, PartialEq)]
pub struct ListPrice {
    /// US dollars per hour of all `units`.
    pub usd_per_hour: f64,
    /// What is counted: GPUs, or virtual CPUs.
    pub device: DeviceKind,
    /// GPUs or virtual CPUs of the hardware class.
    pub units: u32,
    /// Those of the machine that has the price.
    pub units_of_row: u32,
    /// The price of that whole machine, as of the day.
    pub row: Price,
}

impl ListPrice {
    /// What `seconds` cost, in US dollars.
    pub fn cost_usd(&self, seconds: f64) -> f64 {
        self.usd_per_hour * seconds / 3600.0
    }
}

/// Why a hardware class has no list price.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum NoListPrice {
    #[error("the session states no calendar time")]
    NoDay,
    #[error("it is unknown which GPU trained")]
    UnknownGpu,
    #[error("the table of prices names no machine with this GPU")]
    NoGpu,
    #[error("the table of prices has no machine without a GPU")]
    NoProcessor,
}

/// Which share of which row it is: `2 virtual CPUs at 1/4 of gcp/n1-standard-4@us-central1 each`.
impl fmt::Display for ListPrice {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (units, name) = (self.units, self.row.name());
        let unit = match self.device {
            DeviceKind::Cpu => "virtual CPU",
            DeviceKind::Cuda => "GPU",
        };
        match (units, self.units_of_row) {
            (1, 1) => write!(formatter, "1 {unit} of {name}"),
            (1, of_row) => write!(formatter, "1 {unit} at 1/{of_row} of {name}"),
            (_, of_row) => write!(formatter, "{units} {unit}s at 1/{of_row} of {name} each"),
        }
    }
}

impl Table {
    /// The list price of what trained, as of a day (YYYY-MM-DD): at the row that is cheapest for each GPU or virtual CPU,
    /// of several the first by name.
    pub fn list_price(&self, machine: &Machine, device: DeviceKind, day: &str) -> Result<ListPrice, NoListPrice> {
        check_day(day).map_err(|_| NoListPrice::NoDay)?;
        let priced = |row: &Row, units_of_row: u32, units: u32| {
            let row = row.on(day);
            let usd_per_hour = row.usd_per_hour * f64::from(units) / f64::from(units_of_row);
            ListPrice { usd_per_hour, device, units, units_of_row, row }
        };
        match device {
            DeviceKind::Cpu => {
                let units = machine.host.logical_cpus;
                let rows = self.rows().iter().filter_map(|row| Some(priced(row, row.processors()?, units)));
                cheapest(rows).ok_or(NoListPrice::NoProcessor)
            }
            DeviceKind::Cuda => {
                let gpu = machine.trained().and_then(|gpu| gpu.name.as_deref()).ok_or(NoListPrice::UnknownGpu)?;
                let models = peak::price_models(gpu);
                let rows = self.rows().iter().filter_map(|row| Some(priced(row, row.gpus_of(&models)?, 1)));
                cheapest(rows).ok_or(NoListPrice::NoGpu)
            }
        }
    }
}

fn cheapest(prices: impl Iterator<Item = ListPrice>) -> Option<ListPrice> {
    let dollars = |a: &ListPrice, b: &ListPrice| a.usd_per_hour.total_cmp(&b.usd_per_hour);
    prices.min_by(|a, b| dollars(a, b).then_with(|| a.row.name().cmp(&b.row.name())))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::Gpu;
    use crate::price::table::count_and_model;
    use hlb_core::text::SafeText;
    use hlb_core::yaml::Source;
    use proptest::prelude::*;

    /// Two machines with a GPU and two without, of which the cheaper of each kind changes.
    const MINE: &str = "\
prices:
- {provider: a, instance: big, region: r, gpus: 8x L40S, usd_per_hour: 8, date: '2026-02-01', source: s,
   history: [{usd_per_hour: 16, date: '2026-01-01', source: s}]}
- {provider: b, instance: small, region: r, gpus: 1x L40S, usd_per_hour: 1.5, date: '2026-01-01', source: s}
- {provider: b, instance: twin, region: r, gpus: 1x L40S, usd_per_hour: 1.5, date: '2026-01-01', source: s}
- {provider: c, instance: wide, region: r, vcpus: 64, usd_per_hour: 1, date: '2026-01-01', source: s}
- {provider: c, instance: with-gpu, region: r, gpus: 1x Other, vcpus: 64, usd_per_hour: 0.1, source: s}
";

    fn mine() -> Table {
        let shipped = Table::shipped();
        shipped.with(&Source::new(MINE.as_bytes(), "mine.yaml").expect("text")).expect("of the right form")
    }

    fn with_gpu(name: Option<&str>) -> Machine {
        let gpu = Gpu { name: name.map(str::to_owned), ..Gpu::default() };
        Machine { gpus: vec![gpu], trained_gpu: Some(0), ..Machine::read() }
    }

    fn with_cpus(logical_cpus: u32) -> Machine {
        let mut machine = Machine::read();
        machine.host.logical_cpus = logical_cpus;
        machine
    }

    fn shipped(gpu: &str) -> Result<ListPrice, NoListPrice> {
        let table = Table::shipped();
        table.list_price(&with_gpu(Some(gpu)), DeviceKind::Cuda, table.newest_day())
    }

    #[test]
    fn the_cheapest_share_of_a_machine_counts_as_of_the_day() {
        let machine = with_gpu(Some("NVIDIA L40S"));
        let on = |day| mine().list_price(&machine, DeviceKind::Cuda, day).expect("in the table");
        let (january, february) = (on("2026-01-31"), on("2026-02-01"));
        assert_eq!((january.usd_per_hour, january.to_string()), (1.5, "1 GPU of b/small@r".to_owned()));
        assert_eq!((february.usd_per_hour, february.to_string()), (1.0, "1 GPU at 1/8 of a/big@r".to_owned()));
    }

    #[test]
    fn processors_are_priced_by_a_machine_without_a_gpu() {
        let table = Table::shipped();
        let found = table.list_price(&with_cpus(2), DeviceKind::Cpu, "2026-11-30").expect("in the table");
        assert!((found.usd_per_hour - 0.189_999 / 2.0).abs() < 1e-12, "{found:?}");
        assert_eq!(found.to_string(), "2 virtual CPUs at 1/4 of gcp/n1-standard-4@us-central1 each");
        let wide = mine().list_price(&with_cpus(96), DeviceKind::Cpu, "2026-11-30").expect("in the table");
        assert_eq!((wide.usd_per_hour, wide.row.name()), (1.5, "c/wide@r".to_owned()));
    }

    #[test]
    fn what_has_no_list_price_says_why() {
        let table = Table::shipped();
        let why = |machine: &Machine, day| table.list_price(machine, DeviceKind::Cuda, day).expect_err("none");
        assert_eq!(why(&with_gpu(Some("NVIDIA GeForce RTX 4090")), "2026-11-30"), NoListPrice::NoGpu);
        assert_eq!(why(&with_gpu(Some("NVIDIA H1000")), "2026-11-30"), NoListPrice::NoGpu);
        assert_eq!(why(&with_gpu(None), "2026-11-30"), NoListPrice::UnknownGpu);
        assert_eq!(why(&with_gpu(Some("NVIDIA H200")), "yesterday"), NoListPrice::NoDay);
    }

    #[test]
    fn names_of_the_driver_lead_to_prices() {
        let cheapest = [
            ("NVIDIA H100 80GB HBM3", "lambda/gpu_8x_h100_sxm5@any", 3.99),
            ("NVIDIA A100-SXM4-40GB", "lambda/gpu_1x_a100_sxm4@any", 1.99),
            ("nvidia l4", "gcp/g2-standard-4@us-central1", 0.706_832),
        ];
        for (gpu, name, dollars) in cheapest {
            let found = shipped(gpu).expect("in the table");
            assert_eq!((found.row.name().as_str(), found.usd_per_hour), (name, dollars), "{gpu}");
        }
    }

    /// Neither table may name a GPU in a way that the other does not know. The A10 has no peak, so no row of it counts.
    #[test]
    fn both_tables_name_the_same_gpus() {
        let newest = Table::shipped().newest();
        let words: Vec<&str> = newest.iter().filter_map(|price| price.gpus.as_ref()).map(SafeText::as_str).collect();
        let priced: BTreeSet<&str> =
            words.iter().map(|gpus| count_and_model(gpus).expect("a count and a model").1).collect();
        let named: Vec<&str> = peak::all_price_models().collect();
        let unique: BTreeSet<&str> = named.iter().copied().chain(["A10"]).collect();
        assert_eq!(priced, unique);
        assert_eq!(unique.len(), named.len() + 1, "one model of two GPUs");
    }

    proptest! {
        #[test]
        fn no_row_is_cheaper_and_twice_the_processors_cost_twice(cpus in 1_u32..500, month in 1_u32..13) {
            let (table, day) = (mine(), format!("2026-{month:02}-15"));
            let price = |cpus| table.list_price(&with_cpus(cpus), DeviceKind::Cpu, &day).expect("in the table");
            let (one, two) = (price(cpus), price(2 * cpus));
            prop_assert!((two.usd_per_hour - 2.0 * one.usd_per_hour).abs() < 1e-9);
            for row in table.rows() {
                let Some(of_row) = row.processors() else { continue };
                let share = row.on(&day).usd_per_hour / f64::from(of_row) * f64::from(cpus);
                prop_assert!(one.usd_per_hour <= share + 1e-9, "{}", row.on(&day).name());
            }
        }
    }
}
