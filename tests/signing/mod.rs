//! Entries: signatures, figures and files that were changed or made up.

mod entry;
mod hostile_files;
mod hostile_yaml;
mod openssh;
mod plausible;
mod ranges;
