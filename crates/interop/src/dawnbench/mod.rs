//! Entries of DAWNBench: a JSON file of facts and a TSV file of the curve, with one name.
//!
//! | file | noun |
//! |---|---|
//! | `task` | data set, column and target |
//! | `decimal` | numbers as they are written, compared exactly |
//! | `curve` | the TSV file |
//! | `facts` | the JSON file |
//! | `code` | whether the code is pinned |
//! | `filename` | what the name of the files says, against their content |
//! | `irregularity` | what is irregular about an entry that can still be read |
//! | `import` | a checkout of entries, as external results |
//! | `export` | a run of ours as such an entry |
//!
//! Reading is tolerant: what can be understood in only one way is read, and listed as irregular.

mod code;
mod curve;
mod decimal;
mod export;
mod facts;
mod filename;
mod import;
mod irregularity;
mod task;

pub use curve::{Curve, Point};
pub use decimal::Decimal;
pub use export::export;
pub use facts::Facts;
pub use import::{Imported, import};
pub use irregularity::{Irregularity, Kind};
pub use task::Task;
