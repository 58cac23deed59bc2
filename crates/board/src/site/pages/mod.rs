//! Data of each template.

pub(super) mod about;
pub(super) mod author;
pub(super) mod compare;
pub(super) mod entry;
pub(super) mod external;
pub(super) mod index;
pub(super) mod rows;
pub(super) mod track;
pub(crate) mod track_facts;
