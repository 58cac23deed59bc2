//! Archives of strangers: nothing is written outside the folder, and what was unpacked packs and unpacks to the same.
//!
//! Random bytes are hardly ever gzip, and a random header hardly ever has the right sum. So the first byte of the input
//! chooses between the archive itself and orders for one, see [`Orders`].
#![no_main]

use std::fs;
use std::io::Write as _;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use hlb_core::artifact::sha256_hex;
use hlb_data::{Limits, UnpackError, Unpacked, unpack};
use libfuzzer_sys::fuzz_target;

const LIMITS: Limits = Limits { members: 64, member_bytes: 1 << 16, total_bytes: 1 << 18 };

fuzz_target!(|data: &[u8]| {
    let Some((choice, rest)) = data.split_first() else { return };
    let archive = if choice % 8 == 0 { rest.to_vec() } else { gzip(&Orders(rest).tar()) };
    let outer = tempfile::tempdir().expect("a folder for temporary files");
    match unpack_in(&archive, outer.path(), "first") {
        Ok(list) => packs_again(&list, outer.path()),
        Err(error) => {
            let message = error.to_string();
            assert!(!message.chars().any(hlb_core::text::is_hidden), "hidden: {message:?}");
        }
    }
});

/// Unpacks everything into a new folder under `outer`, and looks whether anything else came to be there.
fn unpack_in(archive: &[u8], outer: &Path, name: &str) -> Result<Vec<Unpacked>, UnpackError> {
    let before = names(outer);
    fs::create_dir(outer.join(name)).expect("a new folder");
    let result = unpack(archive, &outer.join(name), &|_| true, LIMITS, &mut |_| ());
    let mut expected = [before, vec![name.to_owned()]].concat();
    expected.sort();
    assert_eq!(names(outer), expected, "something was written outside the folder");
    result
}

/// What is listed is there, and an archive of it unpacks to the same list.
fn packs_again(list: &[Unpacked], outer: &Path) {
    let mut builder = tar::Builder::new(Vec::new());
    for file in list {
        let data = fs::read(outer.join("first").join(&file.path)).expect("what is listed is there");
        assert_eq!((data.len() as u64, sha256_hex(&data)), (file.bytes, file.sha256), "{}", file.path);
        let mut header = tar::Header::new_gnu();
        header.set_size(file.bytes);
        header.set_mode(0o644);
        builder.append_data(&mut header, &file.path, &data[..]).expect("a plain name is packed");
    }
    let archive = gzip(&builder.into_inner().expect("memory takes it"));
    let again = unpack_in(&archive, outer, "second").expect("what was unpacked unpacks again");
    assert_eq!(again, list);
}

fn names(folder: &Path) -> Vec<String> {
    let items = fs::read_dir(folder).expect("our folder");
    let mut names: Vec<_> =
        items.map(|item| item.expect("an item").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).and_then(|()| encoder.finish()).expect("memory takes it")
}

/// What to pack: for each member its kind, the lengths of name and data, both, and a byte of the header to change
/// before its sum is made.
struct Orders<'a>(&'a [u8]);

impl<'a> Orders<'a> {
    const KINDS: &'static [u8; 12] = b"000055LLxxg1";

    /// What names are mostly made of: chance alone takes long to find the way upwards.
    const PIECES: [&'static [u8]; 8] = [b"..", b"/", b"a", b"b", b"/", b".", b"../", b"\\"];

    fn tar(mut self) -> Vec<u8> {
        let mut tar = Vec::new();
        while !self.0.is_empty() {
            let member = self.member();
            tar.extend_from_slice(&member);
        }
        tar.resize(tar.len() + 1024, 0);
        tar
    }

    fn take(&mut self, length: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(length.min(self.0.len()));
        self.0 = rest;
        taken
    }

    fn byte(&mut self) -> usize {
        self.take(1).first().map_or(0, |byte| usize::from(*byte))
    }

    /// A name of so many pieces (of 3 bytes at most) and other bytes.
    fn name(&mut self, length: usize) -> Vec<u8> {
        let piece = |byte: &'a u8| match byte {
            0x80.. => Self::PIECES[usize::from(byte % 8)],
            _ => std::slice::from_ref(byte),
        };
        self.take(length).iter().flat_map(piece).copied().collect()
    }

    fn member(&mut self) -> Vec<u8> {
        let kind = self.byte();
        let length = self.byte() % 16;
        let name = self.name(length);
        let length = self.byte();
        let data = self.take(length);
        let mut bytes = vec![0; 512];
        bytes[..name.len()].copy_from_slice(&name);
        bytes[124..135].copy_from_slice(format!("{:011o}", data.len()).as_bytes());
        bytes[156] = Self::KINDS.get(kind % 16).copied().unwrap_or(u8::try_from(kind).unwrap_or(0));
        bytes[257..265].copy_from_slice(b"ustar\x0000");
        if self.byte() % 2 == 1 {
            bytes[2 * self.byte()] = u8::try_from(self.byte()).unwrap_or(0);
        }
        seal(&mut bytes);
        bytes.extend_from_slice(data);
        bytes.resize(bytes.len().next_multiple_of(512), 0);
        bytes
    }
}

/// Writes the sum of a header.
fn seal(header: &mut [u8]) {
    header[148..156].fill(b' ');
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
}
