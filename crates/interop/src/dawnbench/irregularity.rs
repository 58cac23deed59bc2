//! What is irregular about an entry that can still be read.

use std::fmt;

use hlb_core::text::show_capped;

/// The most characters of a detail.
const DETAIL: usize = 160;

/// Something odd about one entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Irregularity {
    /// What kind of thing.
    pub kind: Kind,
    /// Which value, where the kind alone does not say it; fit to be shown.
    pub detail: Option<String>,
}

impl Irregularity {
    /// With a detail from a stranger's file.
    pub(super) fn with(kind: Kind, detail: impl AsRef<str>) -> Self {
        Self { kind, detail: Some(show_capped(detail.as_ref(), DETAIL)) }
    }

    /// Of these names, if there are any.
    pub(super) fn listing<'a>(kind: Kind, names: impl IntoIterator<Item = &'a &'a str>) -> Option<Self> {
        let names: Vec<&str> = names.into_iter().copied().collect();
        (!names.is_empty()).then(|| Self::with(kind, names.join(", ")))
    }
}

impl From<Kind> for Irregularity {
    fn from(kind: Kind) -> Self {
        Self { kind, detail: None }
    }
}

impl fmt::Display for Irregularity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.kind)?;
        self.detail.as_ref().map_or(Ok(()), |detail| write!(formatter, ": {detail}"))
    }
}

/// The kinds that hold.
pub(super) fn kinds(odd: impl IntoIterator<Item = (bool, Kind)>) -> impl Iterator<Item = Irregularity> {
    odd.into_iter().filter(|(holds, _)| *holds).map(|(_, kind)| kind.into())
}

/// A text without its byte order mark; and what is odd about its form, where the kinds are for such a mark, carriage
/// returns and a missing last newline.
pub(super) fn form(text: &str, [mark, returns, newline]: [Kind; 3]) -> (&str, Vec<Irregularity>) {
    let bare = text.strip_prefix('\u{feff}').unwrap_or(text);
    let odd = [(bare.len() < text.len(), mark), (text.contains("\r\n"), returns), (!text.ends_with('\n'), newline)];
    (bare, kinds(odd).collect())
}

macro_rules! define_kinds {
    ($($kind:ident: $words:literal,)*) => {
        /// Kinds of odd things.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Kind { $(#[doc = $words] $kind,)* }

        impl fmt::Display for Kind {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(match self { $(Self::$kind => $words,)* })
            }
        }
    };
}

define_kinds! {
    JsonByteOrderMark: "the JSON begins with a byte order mark",
    JsonCarriageReturns: "the JSON has lines that end in CR LF",
    JsonNoLastNewline: "the JSON has no newline at its end",
    JsonLeadingBlankLine: "the JSON begins with a blank line",
    TsvByteOrderMark: "the TSV begins with a byte order mark",
    TsvCarriageReturns: "the TSV has lines that end in CR LF",
    TsvNoLastNewline: "the TSV has no newline at its end",
    TsvBlankLines: "the TSV has blank lines",
    ColumnOrder: "the columns stand in another order",
    UnknownColumns: "there are columns that the format does not know",
    PaddedNumbers: "numbers are padded with spaces",
    EpochsFromZero: "epochs count from 0",
    RowBeforeTraining: "the first row is from before training",
    NoSetupCounted: "the first row has no hours, so no set-up was counted",
    FractionalEpochs: "epochs are fractions",
    EpochGaps: "epochs are left out between rows",
    RepeatedEpochs: "an epoch has two rows",
    HoursGoBack: "hours go back",
    FloatTails: "accuracies have the tail of digits that a float leaves",
    FallsBack: "falls back under the target after it was met",
    FinalUnderTarget: "the final accuracy is under the target",
    PriceNull: "the price is null",
    PriceAbsent: "there is no price",
    PriceUnusable: "the price is no number of dollars above 0",
    TwoPrices: "another entry has the same hardware at another price",
    MiscIsText: "`misc` is a text",
    MiscIsOther: "`misc` is neither a mapping nor a text",
    UnknownKeys: "there are keys that the format does not know",
    OtherSpellings: "`misc` spells a known key in another way",
    MissingKeys: "keys that the format requires are missing",
    NotText: "keys that should hold a text hold something else",
    FullWidth: "a text holds full-width signs",
    EmailsDropped: "e-mail addresses are dropped",
    SeveralEmails: "there are several e-mail addresses in one text",
    FormatVersion: "the format is not version v1.0",
    DateForm: "the day is not written as YYYY-MM-DD",
    CodeAbsent: "there is no code",
    CodeUnpinned: "the code is not pinned to a commit",
    CodePinnedByTag: "the code is pinned by a tag alone",
    NameParts: "the name has not the four parts author, model, hardware and framework",
    NameContradicts: "the name contradicts the content",
    UntimedExtras: "something is said to be timed otherwise",
}
