//! What a pull request changes besides its own entry, as a list in Markdown.

use crate::terminal::markdown;
use crate::terminal::printer::answer;
use hlb_board::PullRequest;
use hlb_result::signing::{AddedSigner, RESULT_NAMESPACE};

/// Prints what a maintainer has to look at, and what no pull request may do; a blank line if there is
/// anything.
pub(crate) fn print_pull_request(found: &PullRequest) {
    for problem in &found.problems {
        answer(&format!("- **against the rules:** {}", markdown::foreign(problem)));
    }
    if let Some(signer) = &found.signer {
        answer(&of_signer(signer));
    }
    if found.signer.is_some() || !found.problems.is_empty() {
        answer("");
    }
}

/// Principal, key and address are of characters that mean nothing in Markdown.
fn of_signer(signer: &AddedSigner) -> String {
    let AddedSigner { principal, fingerprint, key } = signer;
    let address = signer.address();
    format!(
        "- **for a maintainer:** a key of `{principal}` is added, fingerprint `{fingerprint}`, which may sign in \
         `{RESULT_NAMESPACE}` and nothing else. Is it really that person's? The signing keys of the account, \
         <{address}>, have to list `{key}`."
    )
}
