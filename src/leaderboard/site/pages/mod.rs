//! Data of each template.

pub(crate) mod about;
pub(crate) mod author;
pub(crate) mod compare;
pub(crate) mod entry;
pub(crate) mod external;
pub(crate) mod index;
pub(crate) mod rows;
pub(crate) mod track;
pub(crate) mod track_facts;
