//! Members of an archive with their long names and attributes, and which of them are refused.

use std::collections::HashMap;
use std::io::Read;
use std::mem;

use tar::{Entry, EntryType, Header};

use super::Limits;
use super::error::UnpackError;
use super::stream::Position;
use hlb_core::text::{is_hidden, show};

/// Most bytes of long names and attributes before one member. A longest path takes 2 KiB; the rest is for attributes
/// that some systems add.
const EXTENSION_CAP: u64 = 1 << 20;

/// Most headers with long names and attributes before one member.
const EXTENSIONS: u32 = 8;

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
    /// What the headers before the next member say about it.
    extensions: Extensions,
}

impl Policy {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, members: 0, bytes: 0, items: HashMap::new(), extensions: Extensions::default() }
    }

    /// Accepts or refuses a member before its data is read. `None` for long names and attributes.
    pub(super) fn admit<R: Read>(
        &mut self,
        entry: &mut Entry<'_, R>,
        position: &Position,
    ) -> Result<Option<Member>, UnpackError> {
        let misread = header_error(entry.raw_header_position());
        let padded = entry.size().checked_next_multiple_of(BLOCK).unwrap_or(u64::MAX);
        position.member_end.set(entry.raw_file_position().saturating_add(padded));
        check_size_field(entry.header()).map_err(misread)?;
        let kind = entry.header().entry_type();
        if matches!(
            kind,
            EntryType::GNULongName | EntryType::GNULongLink | EntryType::XHeader | EntryType::XGlobalHeader
        ) {
            self.extensions.count(entry.size()).map_err(misread)?;
            let mut text = Vec::new();
            entry.read_to_end(&mut text).map_err(|source| position.unreadable(source))?;
            self.extensions.take(kind, &text).map_err(misread)?;
            return Ok(None);
        }
        let extensions = mem::take(&mut self.extensions);
        let member = member(entry, &extensions)?;
        self.count(&member, extensions.bytes)?;
        if self.claim(&member) { Ok(Some(member)) } else { refuse(member.path, "is in it twice") }
    }

    /// Refuses a long name or attributes without a member.
    pub(super) fn finish(&self, position: &Position) -> Result<(), UnpackError> {
        match self.extensions.headers {
            0 => Ok(()),
            _ => Err(header_error(position.member_end.get())("a member is missing after a long name")),
        }
    }

    /// Counts a member against the limits.
    fn count(&mut self, member: &Member, extension_bytes: u64) -> Result<(), UnpackError> {
        let Limits { members, member_bytes, total_bytes } = self.limits;
        let Member { path, bytes, .. } = member;
        self.members += 1;
        self.bytes = self.bytes.saturating_add(*bytes).saturating_add(extension_bytes);
        let problem = if self.members > members {
            format!("it holds more than {members} files and folders")
        } else if *bytes > member_bytes {
            format!("its member `{}` says it has {bytes} bytes; {member_bytes} are accepted", show(path))
        } else if self.bytes > total_bytes {
            format!("its members have more than {total_bytes} bytes in all, at `{}`", show(path))
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

fn refuse<T>(name: String, problem: &'static str) -> Result<T, UnpackError> {
    Err(UnpackError::Member { name, problem })
}

fn header_error(place: u64) -> impl Fn(&'static str) -> UnpackError + Copy {
    move |problem| UnpackError::Header { place, problem: problem.to_owned() }
}

/// The member that an entry and the extensions before it describe.
fn member<R: Read>(entry: &Entry<'_, R>, extensions: &Extensions) -> Result<Member, UnpackError> {
    let (kind, bytes) = (entry.header().entry_type(), entry.size());
    let name = extensions.path.clone().unwrap_or_else(|| entry.path_bytes().into_owned());
    let shown = || String::from_utf8_lossy(&name).into_owned();
    let is_file = match kind {
        // `tar` from before there were kinds of members ends the names of folders with a slash.
        EntryType::Regular => !name.ends_with(b"/"),
        EntryType::Directory => false,
        _ => return refuse(shown(), kind_problem(kind)),
    };
    if extensions.size.is_some_and(|size| size != bytes) || (!is_file && bytes > 0) {
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
        EntryType::GNUSparse => "is a sparse file; only files and folders are unpacked",
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

/// What the headers before a member say about it. `tar` splits attributes at line ends, which values may hold, so they
/// are read here.
#[derive(Default)]
struct Extensions {
    path: Option<Vec<u8>>,
    size: Option<u64>,
    bytes: u64,
    headers: u32,
}

impl Extensions {
    /// Counts a header before it is read.
    fn count(&mut self, bytes: u64) -> Result<(), &'static str> {
        self.bytes = self.bytes.saturating_add(bytes);
        self.headers += 1;
        if self.bytes > EXTENSION_CAP || self.headers > EXTENSIONS {
            return Err("it announces a longer name, or more attributes, than any member needs");
        }
        Ok(())
    }

    fn take(&mut self, kind: EntryType, text: &[u8]) -> Result<(), &'static str> {
        match kind {
            // Bytes and a NUL.
            EntryType::GNULongName => self.name(text.strip_suffix(b"\0").unwrap_or(text)),
            EntryType::XHeader => records(text, |key, value| self.attribute(key, value)),
            EntryType::XGlobalHeader => records(text, global_attribute),
            // Targets of links, which are refused with the link.
            _ => Ok(()),
        }
    }

    /// One name only: of two, one reader takes the first and another the last.
    fn name(&mut self, name: &[u8]) -> Result<(), &'static str> {
        if self.path.replace(name.to_owned()).is_some() { Err("it names its member a second time") } else { Ok(()) }
    }

    /// An attribute of one member.
    fn attribute(&mut self, key: &[u8], value: &[u8]) -> Result<(), &'static str> {
        match key {
            b"path" => self.name(value),
            b"size" => {
                let size = str::from_utf8(value).ok().and_then(|digits| digits.parse().ok());
                self.size = Some(size.ok_or("its size is not a number of bytes")?);
                Ok(())
            }
            _ if key.starts_with(b"GNU.sparse.") => Err("it describes a sparse file; only whole files are unpacked"),
            _ => Ok(()),
        }
    }
}

/// An attribute of all members: remarks only, such as the commit that `git archive` writes there.
fn global_attribute(key: &[u8], _value: &[u8]) -> Result<(), &'static str> {
    match key {
        b"path" | b"size" => Err("it names all members at once"),
        _ if key.starts_with(b"GNU.sparse.") => Err("it describes sparse files; only whole files are unpacked"),
        _ => Ok(()),
    }
}

/// Calls `take` with each key and value of `LENGTH KEY=VALUE\n`, where the length counts the whole record. Values may
/// hold any byte.
fn records<'a>(
    text: &'a [u8],
    mut take: impl FnMut(&'a [u8], &'a [u8]) -> Result<(), &'static str>,
) -> Result<(), &'static str> {
    let mut rest = text;
    while !rest.is_empty() {
        let (record, after) = split_record(rest).ok_or("it has attributes that cannot be read")?;
        let equals = record.iter().position(|byte| *byte == b'=').ok_or("it has an attribute without a value")?;
        take(&record[..equals], &record[equals + 1..])?;
        rest = after;
    }
    Ok(())
}

/// The first record without its length and line end, and what follows.
fn split_record(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let space = text.iter().position(|byte| *byte == b' ')?;
    let length: usize = str::from_utf8(&text[..space]).ok()?.parse().ok()?;
    let (record, after) = text.split_at_checked(length)?;
    let (body, end) = record.split_at_checked(length.checked_sub(1)?)?;
    Some((body.get(space + 1..)?, after)).filter(|_| end == b"\n")
}
