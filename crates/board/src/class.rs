//! What is known of a hardware class on a track: how long the reference takes on its hosts, and how far they differ.

use std::collections::BTreeMap;

use hlb_core::rules::RULES_VERSION;
use hlb_core::stats::{Estimate, HostSpread, Measured};
use hlb_result::Entry;

/// The reference on the hosts of a class.
#[derive(Debug, Clone, PartialEq)]
pub struct Class {
    /// How far hosts differ.
    pub hosts: HostSpread,
    /// How many hosts ran the reference: as many as signers, since a result does not name its host.
    pub known_hosts: usize,
    /// Typical seconds of the reference, and the 95 % interval of those of one more host.
    pub reference_seconds: Estimate,
}

/// Each class in which the reference was run by the rules of today, in one of the entries or in a session that reproduced one.
pub(crate) fn classes<'a>(entries: impl Iterator<Item = &'a Entry> + Clone) -> BTreeMap<String, Class> {
    let mut sessions: BTreeMap<(String, String), Vec<Measured>> = BTreeMap::new();
    let again = entries.clone().flat_map(|entry| &entry.reproductions).map(|again| again.entry.as_ref());
    for entry in entries.chain(again) {
        if let Some(time) = reference_time(entry) {
            let host = entry.trust.signer().map(|signer| signer.principal.clone()).unwrap_or_default();
            sessions.entry((entry.result.class(), host)).or_default().push(time);
        }
    }
    let mut hosts: BTreeMap<String, Vec<Measured>> = BTreeMap::new();
    for ((class, _), sessions) in sessions {
        hosts.entry(class).or_default().extend(Measured::mean(&sessions));
    }
    let class = |(name, hosts): (String, Vec<Measured>)| {
        let spread = HostSpread::of(&hosts);
        let reference_seconds = spread.typical(&hosts)?;
        Some((name, Class { hosts: spread, known_hosts: hosts.len(), reference_seconds }))
    };
    hosts.into_iter().filter_map(class).collect()
}

fn reference_time(entry: &Entry) -> Option<Measured> {
    let result = &entry.result;
    let counts = result.rules_version == RULES_VERSION && result.dataset.published && result.session.is_complete();
    if counts { entry.reference_time() } else { None }
}
