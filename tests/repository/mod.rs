//! What lies in the repository: the order of the code, scripts, workflows, what is shipped.

mod architecture;
mod commit;
mod guides;
mod policy;
mod proposal;
mod runner;
mod schema;
mod workflows;
