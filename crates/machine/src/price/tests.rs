use proptest::prelude::*;

use crate::price::quote::{check_day, plain};
use crate::price::{Billing, Origin, Price, PriceError, Table, cost};
use hlb_core::hint::Hint as _;
use hlb_core::yaml::Source;

/// A table of a user's, with an older price on top of a newer one.
const MINE: &str = "\
billing:
- provider: basement
  minimum_seconds: 600
  increment_seconds: 300
  source: house rules
prices:
- provider: basement
  instance: box
  region: here
  usd_per_hour: 0.5
  date: '2026-02-01'
  source: the bill
  history:
  - {usd_per_hour: 0.7, date: '2026-03-01', source: the next bill}
- provider: aws
  instance: p5.48xlarge
  region: us-east-1
  gpus: 8x H100 80GB
  usd_per_hour: 30
  source: our contract
";

fn with(text: &str) -> Result<Table, PriceError> {
    Table::shipped().with(&Source::new(text.as_bytes(), "mine.yaml")?)
}

/// The price of a row of the shipped table today.
fn newest(name: &str) -> Result<Price, PriceError> {
    let table = Table::shipped();
    table.find(name, table.newest_day())
}

fn dollars_on(table: &Table, name: &str, day: &str) -> f64 {
    table.find(name, day).expect("in the table").usd_per_hour
}

#[test]
fn the_shipped_table_is_of_the_right_form() {
    let prices = Table::shipped().newest();
    assert!(prices.len() > 30);
    for rule in prices.iter().filter_map(|price| price.billing.as_ref()) {
        assert!(rule.source.as_str().starts_with("https://"), "{}", rule.source);
    }
}

#[test]
fn the_newest_day_is_the_newest_of_all() {
    let table = Table::shipped();
    let newest = table.newest_day();
    assert!(check_day(newest).is_ok());
    let prices = table.newest();
    assert!(prices.iter().all(|price| price.date.as_ref().is_none_or(|day| day.as_str() <= newest)));
}

#[test]
fn a_row_is_found_with_and_without_its_region() {
    let full = newest("aws/p3.2xlarge@us-east-1").expect("in the table");
    assert_eq!(newest("aws/p3.2xlarge").expect("in the table"), full);
    assert!((full.usd_per_hour - 3.06).abs() < 1e-12);
    assert_eq!(full.gpus.expect("known").as_str(), "1x V100 16GB");
}

#[test]
fn an_unknown_row_is_answered_with_rows_there_are() {
    let error = newest("aws/p9.huge").expect_err("unknown");
    assert_eq!(error.to_string(), "there is no price `aws/p9.huge` in the table");
    assert!(error.hint().expect("a hint").contains("aws/"));
}

#[test]
fn a_run_is_priced_as_of_its_own_day() {
    let table = Table::shipped();
    let on = |day| dollars_on(&table, "aws/p4d.24xlarge", day);
    let expected = [
        ("2021-01-01", 32.7726),
        ("2025-06-22", 32.7726),
        ("2025-06-23", 21.957_642),
        ("2026-01-01", 21.957_642),
        ("2030-01-01", 21.957_642),
    ];
    for (day, dollars) in expected {
        assert!((on(day) - dollars).abs() < 1e-9, "{day}");
    }
}

#[test]
fn before_the_first_price_that_one_counts_and_its_date_says_so() {
    let price = Table::shipped().find("azure/Standard_NC48ads_A100_v4", "2020-01-01").expect("in the table");
    assert!((price.usd_per_hour - 7.346).abs() < 1e-12);
    assert_eq!(price.date.expect("dated").as_str(), "2026-06-18");
}

#[test]
fn a_price_can_be_had_as_of_another_day() {
    let table = Table::shipped();
    let then = table.find("azure/Standard_NC48ads_A100_v4", "2026-07-01").expect("in the table");
    let now = table.on(&then, table.newest_day()).expect("the same row");
    assert!((now.usd_per_hour - 9.554).abs() < 1e-12);
    assert_eq!(table.on(&now, "2026-07-01"), Some(then));
    let own = Price::own(1.0, plain("invoice"), "2026-11-22").expect("in range");
    assert_eq!(table.on(&own, "2026-11-22"), None);
}

#[test]
fn only_prices_that_were_seen_are_held() {
    let table = Table::shipped();
    let then = table.find("aws/p4d.24xlarge", "2025-01-01").expect("in the table");
    assert!(table.holds(&then) && table.newest().iter().all(|price| table.holds(price)));
    assert!(!table.holds(&Price { usd_per_hour: 0.01, ..then.clone() }));
    assert!(!table.holds(&Price { billing: None, ..then }));
}

#[test]
fn the_user_s_rows_win_and_are_marked() {
    let table = with(MINE).expect("valid");
    let contract = table.find("aws/p5.48xlarge", "2026-11-22").expect("in the file");
    assert!((contract.usd_per_hour - 30.0).abs() < 1e-12);
    assert_eq!(contract.origin, Origin::File);
    assert_eq!(contract.billing.as_ref().expect("the provider's").minimum_seconds, 60);
    assert_eq!(table.newest().len(), Table::shipped().newest().len() + 1);
    let other = table.find("aws/p3.2xlarge", "2026-11-22").expect("shipped");
    assert_eq!(other.origin, Origin::Shipped);
    assert!(Table::shipped().on(&contract, "2026-11-22").is_none(), "a contract is not the list price");
}

#[test]
fn a_user_s_row_has_its_own_history_and_billing() {
    let table = with(MINE).expect("valid");
    assert!((dollars_on(&table, "basement/box", "2026-02-28") - 0.5).abs() < 1e-12);
    assert!((dollars_on(&table, "basement/box", "2026-03-01") - 0.7).abs() < 1e-12);
    let price = table.find("basement/box", "2026-11-22").expect("in the file");
    assert_eq!(price.billing.expect("its own").increment_seconds, 300);
}

#[test]
fn a_table_of_the_user_s_is_read_from_a_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("mine.yaml");
    std::fs::write(&path, MINE).expect("written");
    let link = folder.path().join("link.yaml");
    std::os::unix::fs::symlink(&path, &link).expect("a link");
    for path in [path, link] {
        assert!(Table::with_file(&path).expect("valid").find("basement/box", "2026-11-22").is_ok());
    }
    let missing = Table::with_file(&folder.path().join("none.yaml")).expect_err("missing");
    assert!(missing.hint().is_some());
}

#[test]
fn the_example_in_the_documentation_is_a_table() {
    let page = include_str!("../../../../docs/reference/cost.md");
    let example = page.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next()).expect("an example");
    let table = with(example).expect("valid");
    assert!((dollars_on(&table, "basement/box", "2026-02-28") - 0.45).abs() < 1e-12);
}

#[test]
fn a_wrong_table_is_refused_with_line_and_key() {
    let wrong = [
        ("usd_per_hour: 0.5", "usd_per_hour: -1", "mine.yaml:10:17: -1: a price is"),
        ("usd_per_hour: 30", "usd_per_hour: .nan", "mine.yaml:19:17: "),
        ("region: here", "region: h/ere", "mine.yaml:9:11: `h/ere` holds a slash"),
        ("'2026-02-01'", "'2026-02-30'", "mine.yaml:11:9: `2026-02-30` is not a day"),
        ("'2026-02-01'", "'2026-2-1'", "mine.yaml:11:9: `2026-2-1` is not a day"),
        ("increment_seconds: 300", "increment_seconds: 0", "mine.yaml:4:22: time is rounded up"),
        ("gpus: 8x H100 80GB", "gpu: 8x H100 80GB", "mine.yaml:18:3: unknown field `gpu`"),
        ("'2026-03-01'", "'2026-02-01'", "mine.yaml:7:3: `basement/box@here` has two prices of the day `2026-02-01`"),
        (
            "aws\n  instance: p5.48xlarge\n  region: us-east-1",
            "basement\n  instance: box\n  region: here",
            "mine.yaml:15:3: `basement/box@here` is listed twice (in `prices[1]`)",
        ),
        (
            "prices:",
            "- {provider: basement, minimum_seconds: 0, increment_seconds: 1, source: x}\nprices:",
            "mine.yaml:6:3: `basement` is listed twice (in `billing[1]`)",
        ),
        (
            "our contract",
            "our contract\n  history:\n  - {usd_per_hour: 1, source: x}",
            "mine.yaml:15:3: `aws/p5.48xlarge@us-east-1` has two prices of the day `null`",
        ),
    ];
    for (right, put, message) in wrong {
        assert!(MINE.contains(right), "{right}");
        let error = with(&MINE.replacen(right, put, 1)).expect_err(put).to_string();
        assert!(error.starts_with(message), "{error}");
    }
}

#[test]
fn a_day_has_one_form() {
    for wrong in ["", "today", "2026-13-01", "2026-11-1", "20261101", "+2026-11-1"] {
        let error = Table::shipped().find("aws/p3.2xlarge", wrong).expect_err(wrong);
        assert!(matches!(error, PriceError::Day { .. }), "{wrong}");
    }
}

#[test]
fn a_machine_is_found_by_what_it_says_of_itself() {
    let table = Table::shipped();
    let names = |provider, kind| table.for_instance(provider, kind).iter().map(Price::name).collect::<Vec<_>>();
    assert_eq!(names("aws", Some("p3.2xlarge")), ["aws/p3.2xlarge@us-east-1"]);
    let with_gpu = ["gcp/n1-standard-4@us-central1", "gcp/n1-standard-4+t4@us-central1"];
    assert_eq!(names("gcp", Some("n1-standard-4")), with_gpu);
    assert!(names("azure", None).len() > 5);
    assert!(names("aws", Some("p3")).is_empty() && names("none", None).is_empty());
}

#[test]
fn a_price_of_nothing_is_refused() {
    for wrong in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let refused = Price::own(wrong, plain("invoice"), "2026-11-22");
        assert!(matches!(refused, Err(PriceError::Range)), "{wrong}");
    }
}

#[test]
fn a_minute_on_a_provider_that_bills_minutes() {
    let price = newest("lambda/gpu_1x_h100_pcie").expect("in the table");
    let billed = |seconds| cost(seconds, &price).billed_usd.expect("known");
    let minute = price.usd_per_hour / 60.0;
    for (seconds, minutes) in [(0.1, 1.0), (60.0, 1.0), (60.1, 2.0), (3600.0, 60.0)] {
        assert!((billed(seconds) - minutes * minute).abs() < 1e-9, "{seconds}");
    }
    let azure = newest("azure/Standard_NC6s_v3").expect("in the table");
    assert_eq!(cost(60.0, &azure).billed_usd, None);
    assert!((cost(60.0, &azure).prorated_usd - 0.051).abs() < 1e-12);
}

/// A price with any rule of billing.
fn any_price() -> impl Strategy<Value = Price> {
    (0.01_f64..1000.0, 0_u32..7200, 1_u32..7200).prop_map(|(dollars, minimum_seconds, increment_seconds)| {
        let billing = Billing { minimum_seconds, increment_seconds, source: plain("a rule") };
        let own = Price::own(dollars, plain("invoice"), "2026-11-22").expect("in range");
        Price { billing: Some(billing), ..own }
    })
}

proptest! {
    #[test]
    fn cost_grows_with_time_and_is_billed_at_no_less_than_its_share(
        price in any_price(), seconds in 0.0_f64..1e6, more in 0.0_f64..1e4,
    ) {
        let (less, more) = (cost(seconds, &price), cost(seconds + more, &price));
        prop_assert!(less.prorated_usd <= more.prorated_usd && less.billed_usd <= more.billed_usd);
        prop_assert!(less.billed_usd >= Some(less.prorated_usd));
    }

    #[test]
    fn whole_increments_over_the_minimum_are_billed_exactly(price in any_price(), count in 0_u32..1000) {
        let billing = price.billing.clone().expect("set");
        let seconds = f64::from(count) * f64::from(billing.increment_seconds) + f64::from(billing.minimum_seconds);
        let whole = (seconds / f64::from(billing.increment_seconds)).ceil() * f64::from(billing.increment_seconds);
        let cost_of_whole = cost(whole, &price);
        prop_assert_eq!(cost_of_whole.billed_usd, Some(cost_of_whole.prorated_usd));
    }

    #[test]
    fn no_more_than_one_increment_is_added(price in any_price(), seconds in 0.0_f64..1e6) {
        let billing = price.billing.expect("set");
        let charged = billing.charged_seconds(seconds);
        let most = f64::from(billing.minimum_seconds).max(seconds + f64::from(billing.increment_seconds));
        prop_assert!(charged <= most + 1e-6, "{charged}");
    }
}
