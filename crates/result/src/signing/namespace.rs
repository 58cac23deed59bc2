//! What a signature is for: a signature under one namespace does not verify under another.

/// Namespace under which a submitter signs a result.
///
/// Raised with the meaning of what is signed, not with every version of the program.
pub const RESULT_NAMESPACE: &str = "result.v1@hlb-bench";

/// Namespace under which whoever may sign results announces a session.
pub const ANNOUNCEMENT_NAMESPACE: &str = "announcement.v1@hlb-bench";

/// Namespace under which a runner signs the result of an entry that it ran again.
pub const RERUN_NAMESPACE: &str = "rerun.v1@hlb-bench";
