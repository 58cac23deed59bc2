//! What the user sees: lines, progress, errors, and results in words.

mod announcement;
mod board;
mod comparison;
mod dataset_progress;
mod datasets;
mod doctor;
mod failure;
mod markdown;
mod mean_power;
mod power;
mod printer;
mod proposal;
mod pull_request;
mod session_progress;
mod states;
mod study_progress;
mod summary;
mod verdict;

pub(crate) use announcement::print_announcement;
pub(crate) use board::{print_built, print_differences, print_rejected};
pub(crate) use comparison::describe_comparison;
pub(crate) use dataset_progress::DatasetProgress;
pub(crate) use datasets::{Listed, describe_own, describe_prepared, describe_verified, print_wrong_bytes};
pub(crate) use doctor::{print_doubts, print_report};
pub(crate) use failure::{print_as, print_failure};
pub(crate) use mean_power::describe_mean_power;
pub(crate) use power::describe_power;
pub(crate) use printer::{Label, answer, answer_json, answer_text, answer_text_to, labeled, note, to_parent};
pub(crate) use proposal::print_proposal;
pub(crate) use pull_request::print_pull_request;
pub(crate) use session_progress::SessionProgress;
pub(crate) use states::print_states;
pub(crate) use study_progress::StudyProgress;
pub(crate) use summary::print_summary;
pub(crate) use verdict::CheckedEntry;
