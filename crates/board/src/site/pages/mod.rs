//! What each template is filled with.

pub(super) mod author;
pub(super) mod compare;
pub(super) mod entry;
pub(super) mod rows;
pub(super) mod track;
