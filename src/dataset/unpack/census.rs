//! What an archive holds so far, against its limits and against names that occur twice.

use std::collections::HashMap;

use super::Limits;
use super::error::UnpackError;
use super::member::Member;

/// The members so far: how many, how large, and what they are called.
pub(super) struct Census {
    limits: Limits,
    members: u64,
    bytes: u64,
    root: Folder,
}

/// A folder as far as the archive told of it.
#[derive(Default)]
struct Folder {
    /// Whether it was a member itself, and not only a part of the path of others.
    listed: bool,
    items: HashMap<String, Item>,
}

/// What lies in a folder.
enum Item {
    File,
    Folder(Folder),
}

impl Census {
    /// Nothing yet.
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, members: 0, bytes: 0, root: Folder::default() }
    }

    /// Counts a member, unless it is too much or its name is taken.
    pub(super) fn admit(&mut self, member: &Member) -> Result<(), UnpackError> {
        let name = || member.path.clone();
        let Limits { members, member_bytes, total_bytes } = self.limits;
        self.members += 1;
        if self.members > members {
            return Err(UnpackError::TooManyMembers { limit: members });
        }
        if member.bytes > member_bytes {
            return Err(UnpackError::MemberTooLarge { name: name(), bytes: member.bytes, limit: member_bytes });
        }
        self.bytes = self.bytes.saturating_add(member.bytes).saturating_add(member.extension_bytes);
        if self.bytes > total_bytes {
            return Err(UnpackError::TotalTooLarge { name: name(), limit: total_bytes });
        }
        if self.root.claim(&member.path, member.is_file) {
            return Ok(());
        }
        Err(UnpackError::Duplicate { name: name() })
    }
}

impl Folder {
    /// Takes a path for a file or a folder; whether it was free, and no file is in the way.
    fn claim(&mut self, path: &str, is_file: bool) -> bool {
        if let Some((part, rest)) = path.split_once('/') {
            return self.folder(part).is_some_and(|folder| folder.claim(rest, is_file));
        }
        if is_file {
            let free = !self.items.contains_key(path);
            self.items.entry(path.to_owned()).or_insert(Item::File);
            return free;
        }
        self.folder(path).is_some_and(|folder| !std::mem::replace(&mut folder.listed, true))
    }

    /// The folder of this name, made if there is none; `None` if a file has the name.
    fn folder(&mut self, name: &str) -> Option<&mut Self> {
        match self.items.entry(name.to_owned()).or_insert_with(|| Item::Folder(Self::default())) {
            Item::File => None,
            Item::Folder(folder) => Some(folder),
        }
    }
}
