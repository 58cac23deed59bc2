//! Which members of an archive are refused.

use std::collections::HashMap;
use std::io::Read;

use tar::{Entry, EntryType, Header};

use super::Limits;
use super::error::UnpackError;
use super::stream::{HEADERS_CAP, Position, TOO_LONG};
use hlb_core::text::is_hidden;

/// Most parts of a path.
const DEPTH: usize = 8;

/// Longest part of a path in bytes: what common file systems take.
const PART: usize = 255;

/// Bytes that members are padded to.
const BLOCK: u64 = 512;

/// A member that was accepted.
pub(super) struct Member {
    pub(super) path: String,
    pub(super) is_file: bool,
    /// Length of its data; 0 for folders.
    pub(super) bytes: u64,
}

/// What lies at a path.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Item {
    File,
    /// A folder that was a member itself.
    Folder,
    /// A folder that was only a part of the paths of others.
    Implied,
}

/// The limits of an archive, and its members so far.
pub(super) struct Policy {
    limits: Limits,
    members: u64,
    bytes: u64,
    items: HashMap<String, Item>,
}

impl Policy {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, members: 0, bytes: 0, items: HashMap::new() }
    }

    /// Accepts or refuses a member before its data is read. `None` for attributes of the whole archive.
    pub(super) fn admit<R: Read>(
        &mut self,
        entry: &mut Entry<'_, R>,
        position: &Position,
    ) -> Result<Option<Member>, UnpackError> {
        let place = position.member_end();
        let header_bytes = entry.raw_header_position() - place;
        position.set_member_end(entry.raw_file_position().saturating_add(padded(entry.size())));
        let misread = |problem: &str| UnpackError::Header { place, problem: problem.to_owned() };
        check_size_field(entry.header()).map_err(misread)?;
        let member = if entry.header().entry_type() == EntryType::XGlobalHeader {
            check_global_attributes(entry, header_bytes).map_err(misread)?;
            None
        } else {
            Some(member(entry)?)
        };
        self.count(entry.size(), header_bytes)?;
        check_attributes(entry).map_err(misread)?;
        match member {
            Some(member) if !self.claim(&member) => refuse(member.path, "is in it twice"),
            member => Ok(member),
        }
    }

    /// Counts a member against the limits.
    fn count(&mut self, bytes: u64, header_bytes: u64) -> Result<(), UnpackError> {
        let Limits { members, member_bytes, total_bytes } = self.limits;
        self.members += 1;
        self.bytes = self.bytes.saturating_add(bytes).saturating_add(header_bytes);
        let problem = if self.members > members {
            format!("it holds more than {members} files and folders")
        } else if bytes > member_bytes {
            format!("a member says it has {bytes} bytes; {member_bytes} are accepted")
        } else if self.bytes > total_bytes {
            format!("its members have more than {total_bytes} bytes in all")
        } else {
            return Ok(());
        };
        Err(UnpackError::TooLarge { problem })
    }

    /// Takes the path of a member; whether it was free, and no file is in the way.
    fn claim(&mut self, member: &Member) -> bool {
        for (end, _) in member.path.match_indices('/') {
            if *self.items.entry(member.path[..end].to_owned()).or_insert(Item::Implied) == Item::File {
                return false;
            }
        }
        let item = if member.is_file { Item::File } else { Item::Folder };
        match self.items.insert(member.path.clone(), item) {
            None => true,
            Some(before) => before == Item::Implied && !member.is_file,
        }
    }
}

fn padded(bytes: u64) -> u64 {
    bytes.checked_next_multiple_of(BLOCK).unwrap_or(u64::MAX)
}

fn refuse<T>(name: String, problem: &'static str) -> Result<T, UnpackError> {
    Err(UnpackError::Member { name, problem })
}

/// The member that an entry describes.
fn member<R: Read>(entry: &Entry<'_, R>) -> Result<Member, UnpackError> {
    let (kind, bytes) = (entry.header().entry_type(), entry.size());
    let name = entry.path_bytes().into_owned();
    let shown = || String::from_utf8_lossy(&name).into_owned();
    let is_file = match kind {
        // `tar` from before there were kinds of members ends the names of folders with a slash.
        EntryType::Regular => !name.ends_with(b"/"),
        EntryType::Directory => false,
        _ => return refuse(shown(), kind_problem(kind)),
    };
    if entry.header().entry_size().ok() != Some(bytes) || (!is_file && bytes > 0) {
        return refuse(shown(), "is given two different sizes");
    }
    match path(&name, is_file) {
        Ok(path) => Ok(Member { path, is_file, bytes }),
        Err(problem) => refuse(shown(), problem),
    }
}

/// Why members of other kinds are refused.
fn kind_problem(kind: EntryType) -> &'static str {
    match kind {
        EntryType::Symlink => "is a symbolic link; only files and folders are unpacked",
        EntryType::Link => "is a hard link; only files and folders are unpacked",
        EntryType::Char | EntryType::Block => "is a device; only files and folders are unpacked",
        EntryType::Fifo => "is a named pipe; only files and folders are unpacked",
        EntryType::GNUSparse => "is a sparse file; only whole files are unpacked",
        _ => "is of an unknown kind; only files and folders are unpacked",
    }
}

/// The path of a member; an error if it could lead outside the folder or be displayed misleadingly.
fn path(name: &[u8], is_file: bool) -> Result<String, &'static str> {
    let text = str::from_utf8(name).map_err(|_| "is not UTF-8")?;
    if text.starts_with('/') {
        return Err("is absolute");
    }
    if text.contains('\\') {
        return Err("holds a backslash");
    }
    if text.chars().any(is_hidden) {
        return Err("holds a control or hidden character");
    }
    // Archives of the folder `.` have such names.
    if !is_file && matches!(text, "." | "./") {
        return Ok(String::new());
    }
    let text = text.strip_prefix("./").unwrap_or(text);
    plain(if is_file { text } else { text.strip_suffix('/').unwrap_or(text) })
}

/// A path of plain parts, relative and not too deep.
fn plain(text: &str) -> Result<String, &'static str> {
    if text.split('/').count() > DEPTH {
        return Err("has more than 8 parts");
    }
    text.split('/').try_for_each(|part| match part {
        "" => Err("has an empty part"),
        "." => Err("holds the part `.`"),
        ".." => Err("leads up with `..`"),
        _ if part.len() > PART => Err("has a part of more than 255 bytes"),
        _ => Ok(()),
    })?;
    Ok(text.to_owned())
}

/// A size over 8 GiB is written in binary. It has room for 88 bits, of which `tar` reads the last 64.
fn check_size_field(header: &Header) -> Result<(), &'static str> {
    let field = &header.as_old().size;
    let is_binary = field[0] & 0x80 != 0;
    if is_binary && (field[0] != 0x80 || field[1..4] != [0; 3]) {
        return Err("its size is not a number of bytes");
    }
    Ok(())
}

/// Attributes of the whole archive, such as the commit that `git archive` writes there.
fn check_global_attributes<R: Read>(entry: &Entry<'_, R>, header_bytes: u64) -> Result<(), &'static str> {
    if entry.size() > HEADERS_CAP {
        return Err(TOO_LONG);
    }
    // `tar` drops a long name before such attributes.
    if header_bytes > 0 { Err("it stands between a long name and its member") } else { Ok(()) }
}

/// Refuses attributes that give another name or size to other readers.
fn check_attributes<R: Read>(entry: &mut Entry<'_, R>) -> Result<(), &'static str> {
    let unreadable = "it has attributes that cannot be read";
    let (name, size) = (entry.path_bytes().into_owned(), entry.size().to_string());
    for attribute in entry.pax_extensions().map_err(|_| unreadable)?.into_iter().flatten() {
        let attribute = attribute.map_err(|_| unreadable)?;
        let value = attribute.value_bytes();
        match attribute.key_bytes() {
            b"path" if value != name => return Err("it names its member a second time"),
            b"size" if value != size.as_bytes() => return Err("it gives its member a second size"),
            key if key.starts_with(b"GNU.sparse.") => return Err("it describes a sparse file"),
            _ => {}
        }
    }
    Ok(())
}
