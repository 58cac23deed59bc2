//! Members of an archive: their headers, long names and attributes, and which of them are refused.

use std::io::{self, Read};

use tar::{EntryType, Header};

use super::error::UnpackError;
use super::tape::{Tape, wrong};
use crate::text::is_hidden;

/// Most bytes of headers with long names and attributes before one member. A longest path takes 2 KiB; the rest is for
/// attributes that some systems add, which are skipped.
const EXTENSION_CAP: u64 = 1 << 20;

/// Most headers with long names and attributes before one member.
const EXTENSIONS: u32 = 8;

/// Most parts of a path.
const DEPTH: usize = 8;

/// Longest part of a path in bytes: what common file systems take.
const PART: usize = 255;

/// A member whose header was accepted.
pub(super) struct Member {
    pub(super) path: String,
    pub(super) is_file: bool,
    /// Length of its data; 0 for folders.
    pub(super) bytes: u64,
    /// Length of its long name and attributes.
    pub(super) extension_bytes: u64,
}

impl Member {
    /// What to say when the system refuses to write it.
    pub(super) fn unwritten(&self, source: io::Error) -> UnpackError {
        UnpackError::Write { name: self.path.clone(), source }
    }
}

/// The next member with its long name, if it has one; `None` at the end mark.
pub(super) fn next_member<R: Read>(tape: &mut Tape<R>) -> Result<Option<Member>, UnpackError> {
    let mut extensions = Extensions::default();
    loop {
        let place = tape.place;
        let Some(header) = tape.header()? else {
            return if extensions.count == 0 { Ok(None) } else { wrong(place, "is missing after a long name") };
        };
        let bytes = size(&header).map_err(|problem| UnpackError::Header { place, problem })?;
        match header.entry_type() {
            kind @ (EntryType::GNULongName | EntryType::XHeader) => {
                let text = extensions.read(tape, place, bytes)?;
                let taken = if kind == EntryType::XHeader { extensions.pax(&text) } else { extensions.gnu(&text) };
                taken.map_err(|problem| UnpackError::Header { place, problem })?;
            }
            // Targets of links, which are refused with the link, and remarks on the whole archive.
            EntryType::GNULongLink => drop(extensions.read(tape, place, bytes)?),
            EntryType::XGlobalHeader => {
                let text = extensions.read(tape, place, bytes)?;
                Extensions::global(&text).map_err(|problem| UnpackError::Header { place, problem })?;
            }
            kind => return member(&header, kind, bytes, &extensions).map(Some),
        }
    }
}

/// The member that a header and the extensions before it describe.
pub(super) fn member(
    header: &Header,
    kind: EntryType,
    bytes: u64,
    extensions: &Extensions,
) -> Result<Member, UnpackError> {
    // A name in the header itself ends at its first NUL, for this reader as for all others.
    let name = extensions.path.clone().unwrap_or_else(|| header.path_bytes().into_owned());
    let shown = || String::from_utf8_lossy(&name).into_owned();
    let is_file = match kind {
        // Tapes from before `tar` had kinds of members end the names of folders so.
        EntryType::Regular => !name.ends_with(b"/"),
        EntryType::Directory => false,
        _ => return Err(UnpackError::Kind { name: shown(), kind: kind_name(kind) }),
    };
    let path = path(&name, is_file).map_err(|problem| UnpackError::Name { name: shown(), problem })?;
    if extensions.size.is_some_and(|size| size != bytes) || (!is_file && bytes > 0) {
        return Err(UnpackError::Size { name: shown() });
    }
    Ok(Member { path, is_file, bytes, extension_bytes: extensions.bytes })
}

/// Kinds of members that are refused, in words.
pub(super) fn kind_name(kind: EntryType) -> &'static str {
    match kind {
        EntryType::Symlink => "a symbolic link",
        EntryType::Link => "a hard link",
        EntryType::Char | EntryType::Block => "a device",
        EntryType::Fifo => "a named pipe",
        EntryType::GNUSparse => "a sparse file",
        _ => "of an unknown kind",
    }
}

/// The path of a member, once nothing about it can lead outside the folder or deceive who reads it.
pub(super) fn path(name: &[u8], is_file: bool) -> Result<String, &'static str> {
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
    // Who packs the folder `.` gets such names; they lead nowhere else.
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
        ".." => Err("leads upwards with `..`"),
        _ if part.len() > PART => Err("has a part of more than 255 bytes"),
        _ => Ok(()),
    })?;
    Ok(text.to_owned())
}

/// Length of what follows a header.
pub(super) fn size(header: &Header) -> Result<u64, &'static str> {
    // A size over 8 GiB is written in binary. It has room for 88 bits, of which the crate reads the last 64.
    let field = &header.as_old().size;
    if field[0] & 0x80 != 0 && (field[0] != 0x80 || field[1..4] != [0; 3]) {
        return Err("has a size that is no number of bytes");
    }
    header.entry_size().map_err(|_| "has a size that is no number of bytes")
}

/// What headers before a member say about it.
#[derive(Default)]
pub(super) struct Extensions {
    path: Option<Vec<u8>>,
    size: Option<u64>,
    bytes: u64,
    count: u32,
}

impl Extensions {
    /// The body of such a header, none of it read if it is too long.
    fn read<R: Read>(&mut self, tape: &mut Tape<R>, place: u64, bytes: u64) -> Result<Vec<u8>, UnpackError> {
        self.bytes = self.bytes.saturating_add(bytes);
        self.count += 1;
        if self.bytes > EXTENSION_CAP || self.count > EXTENSIONS {
            return wrong(place, "announces a longer name, or more attributes, than any member needs");
        }
        let mut text = Vec::new();
        tape.pour(bytes, |piece| {
            text.extend_from_slice(piece);
            Ok(())
        })?;
        Ok(text)
    }

    /// GNU's long name: bytes and a NUL.
    fn gnu(&mut self, text: &[u8]) -> Result<(), &'static str> {
        self.name(text.strip_suffix(b"\0").unwrap_or(text))
    }

    /// One name only: of two, one reader takes the first and another the last.
    fn name(&mut self, name: &[u8]) -> Result<(), &'static str> {
        if self.path.replace(name.to_owned()).is_some() { Err("names its member a second time") } else { Ok(()) }
    }

    /// The attributes of one member.
    fn pax(&mut self, text: &[u8]) -> Result<(), &'static str> {
        records(text, |key, value| match key {
            b"path" => self.name(value),
            b"size" => {
                let size = str::from_utf8(value).ok().and_then(|digits| digits.parse().ok());
                self.size = Some(size.ok_or("has a size that is no number of bytes")?);
                Ok(())
            }
            _ if key.starts_with(b"GNU.sparse.") => Err("describes a sparse file; only whole files are unpacked"),
            _ => Ok(()),
        })
    }

    /// Attributes of all members: remarks only, such as the commit that `git archive` writes there.
    fn global(text: &[u8]) -> Result<(), &'static str> {
        records(text, |key, _| match key {
            b"path" | b"size" => Err("names all members at once"),
            _ if key.starts_with(b"GNU.sparse.") => Err("describes sparse files; only whole files are unpacked"),
            _ => Ok(()),
        })
    }
}

/// Calls `take` with each key and value of `LENGTH KEY=VALUE\n`, where the length counts the whole record. Values may
/// hold any byte.
pub(super) fn records<'a>(
    text: &'a [u8],
    mut take: impl FnMut(&'a [u8], &'a [u8]) -> Result<(), &'static str>,
) -> Result<(), &'static str> {
    let mut rest = text;
    while !rest.is_empty() {
        let (record, after) = split_record(rest).ok_or("has attributes that cannot be read")?;
        let equals = record.iter().position(|byte| *byte == b'=').ok_or("has an attribute without a value")?;
        take(&record[..equals], &record[equals + 1..])?;
        rest = after;
    }
    Ok(())
}

/// The first record without its length and line end, and what follows.
pub(super) fn split_record(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let space = text.iter().position(|byte| *byte == b' ')?;
    let length: usize = str::from_utf8(&text[..space]).ok()?.parse().ok()?;
    let (record, after) = text.split_at_checked(length)?;
    let (body, end) = record.split_at_checked(length.checked_sub(1)?)?;
    Some((body.get(space + 1..)?, after)).filter(|_| end == b"\n")
}
