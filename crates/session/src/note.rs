//! What the user should know before a session trains; the command line prints it.

use std::fmt;
use std::path::PathBuf;

use hlb_core::text::{show, show_path};
use hlb_machine::price::Price;

/// Something worth knowing that is not an error.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the messages say what the fields are")]
pub enum Note {
    PriceFound(Price),
    PriceUnclear {
        provider: String,
        rows: Vec<String>,
    },
    /// Images were decoded without something that keeps a decoder from the rest of the machine.
    DecodedWithout {
        guards: String,
    },
    /// A driver of NVIDIA, or what is left of one, on a machine without its GPUs.
    DriverAlone {
        reason: String,
    },
    OwnDataSet {
        id: String,
    },
    /// The original was trained on other hardware, without a reference to compare through.
    OtherHardware {
        hardware: String,
    },
    Resumed {
        finished: usize,
        planned: usize,
        folder: PathBuf,
    },
    OnlyResultMissing {
        folder: PathBuf,
    },
    /// Nothing is trained: the result is there, and is only to be filed.
    OnlyFilingMissing {
        folder: PathBuf,
    },
}

impl Note {
    /// Whether it limits what the result is good for.
    pub fn is_warning(&self) -> bool {
        use Note::{DecodedWithout, OtherHardware, OwnDataSet};
        matches!(self, DecodedWithout { .. } | OwnDataSet { .. } | OtherHardware { .. })
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PriceFound(price) => {
                let (name, usd) = (price.name(), price.usd_per_hour);
                write!(f, "this machine says it is {name}: its price is {usd} US dollars per hour")
            }
            Self::PriceUnclear { provider, rows } => write!(
                f,
                "this machine is rented from {provider}; for its cost say which row with --price, such as {}",
                rows.join(", ")
            ),
            Self::DecodedWithout { guards } => write!(
                f,
                "the images were decoded without {guards}, which this system does not have: a file made to break the \
                 decoder could do what you can do; use data that you trust"
            ),
            Self::DriverAlone { reason } => {
                write!(f, "NVIDIA's driver is here, but no GPU of it, so the CPU trains: {}", show(reason))
            }
            Self::OwnDataSet { id } => {
                write!(f, "`{}` is not the track's published data set; this session is never ranked", show(id))
            }
            Self::OtherHardware { hardware } => write!(
                f,
                "the entry was run on {hardware} without a paired reference, so its times cannot be confirmed on \
                 this machine; its accuracy can be refuted"
            ),
            Self::Resumed { finished, planned, folder } => {
                write!(f, "resumed: {finished} of {planned} runs are finished, the rest follows; {}", show_path(folder))
            }
            Self::OnlyResultMissing { folder } => {
                write!(f, "all runs are finished, only the result was missing; {}", show_path(folder))
            }
            Self::OnlyFilingMissing { folder } => {
                write!(f, "the session is complete, so that nothing is trained again; {}", show_path(folder))
            }
        }
    }
}
