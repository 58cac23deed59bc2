//! Data of each template.

pub mod about;
pub mod author;
pub mod compare;
pub mod entry;
pub mod external;
pub mod index;
pub mod rows;
pub mod track;
pub mod track_facts;
