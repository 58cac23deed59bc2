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
//! | `irregularity` | what is odd about an entry, and can be lived with |
//! | `import` | a checkout of entries, as a board of published results |
//! | `export` | a run of ours as such an entry |
//!
//! Reading is tolerant and says so: whatever can be understood in one way only is read, and named.

mod code;
mod curve;
mod decimal;
mod export;
mod facts;
mod filename;
mod import;
mod irregularity;
mod task;

pub use curve::{Curve, CurveError, Point};
pub use export::{Exported, export};
pub use facts::{Facts, FactsError};
pub use import::{ImportError, Imported, Unreadable, UnreadableFault, import};
pub use irregularity::{Irregularity, Kind};
pub use task::{Task, UnknownTask};
