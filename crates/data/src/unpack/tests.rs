//! Untrusted archives, made byte by byte.

use super::stream::{BUFFER, Counted};
use super::*;
use flate2::Compression;
use flate2::read::GzEncoder;
use hlb_core::artifact::sha256_hex;
use hlb_core::hint::Hint as _;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::path::PathBuf;
use tar::Header;

/// Bytes of a header, and what members are padded to.
const BLOCK: usize = 512;

const LIMITS: Limits = Limits { members: 1000, member_bytes: 1 << 20, total_bytes: 4 << 20 };

/// A member as old `tar` wrote it: a header of 512 bytes, made byte by byte, and the data in full blocks.
fn member(name: &[u8], kind: u8, data: &[u8]) -> Vec<u8> {
    let mut bytes = header(name, kind, data.len() as u64);
    bytes.extend_from_slice(data);
    bytes.resize(bytes.len().next_multiple_of(BLOCK), 0);
    bytes
}

fn header(name: &[u8], kind: u8, size: u64) -> Vec<u8> {
    let mut block = vec![0; BLOCK];
    block[..name.len()].copy_from_slice(name);
    block[100..108].copy_from_slice(b"0000644\0");
    block[124..136].copy_from_slice(format!("{size:011o}\0").as_bytes());
    block[156] = kind;
    block[257..265].copy_from_slice(b"ustar\x0000");
    seal(&mut block);
    block
}

/// Writes the checksum of a header.
fn seal(block: &mut [u8]) {
    block[148..156].fill(b' ');
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
}

/// One record of attributes.
fn attribute(key: &str, value: &str) -> String {
    let body = format!(" {key}={value}\n");
    let length = (1..1000).find(|length: &usize| length.to_string().len() + body.len() == *length).unwrap();
    format!("{length}{body}")
}

/// Compresses while it is read, so that 10 GB are never anywhere.
fn gzip(tar: impl Read) -> impl Read {
    GzEncoder::new(tar, Compression::fast())
}

fn ended(parts: &[Vec<u8>]) -> Vec<u8> {
    let mut tar = parts.concat();
    tar.resize(tar.len() + 2 * BLOCK, 0);
    tar
}

fn packed(parts: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    gzip(&ended(parts)[..]).read_to_end(&mut bytes).unwrap();
    bytes
}

/// A folder to unpack into with neighbors that must stay as they are.
struct Place {
    outer: tempfile::TempDir,
    into: PathBuf,
}

impl Place {
    fn new() -> Self {
        let outer = tempfile::tempdir().unwrap();
        let into = outer.path().join("above/into");
        fs::create_dir_all(&into).unwrap();
        fs::write(outer.path().join("above/neighbor"), b"kept").unwrap();
        fs::write(outer.path().join("evil"), b"kept").unwrap();
        Self { outer, into }
    }

    /// Every path outside the folder with its bytes, `None` for folders.
    fn around(&self) -> BTreeMap<PathBuf, Option<Vec<u8>>> {
        let mut all = listing(self.outer.path());
        all.retain(|path, _| !path.starts_with(&self.into) || *path == self.into);
        all
    }

    /// Unpacks everything, and asserts that nothing changed around the folder.
    fn unpack(&self, archive: impl Read, limits: Limits) -> Result<Vec<Unpacked>, UnpackError> {
        let before = self.around();
        let result = unpack(archive, &self.into, &|_| true, limits, &mut |_| ());
        assert_eq!(self.around(), before, "something outside the folder changed");
        result
    }
}

/// Everything under a folder; links are not followed.
fn listing(folder: &Path) -> BTreeMap<PathBuf, Option<Vec<u8>>> {
    let mut all = BTreeMap::new();
    for item in fs::read_dir(folder).unwrap() {
        let path = item.unwrap().path();
        let kind = fs::symlink_metadata(&path).unwrap().file_type();
        assert!(kind.is_dir() || kind.is_file(), "{} is neither file nor folder", path.display());
        if kind.is_dir() {
            all.extend(listing(&path));
        }
        let bytes = kind.is_file().then(|| fs::read(&path).unwrap());
        all.insert(path, bytes);
    }
    all
}

/// What the list has to say of a file.
fn expected(path: &str, data: &[u8]) -> Unpacked {
    Unpacked { path: path.to_owned(), bytes: data.len() as u64, sha256: sha256_hex(data) }
}

/// What is said of an archive of these parts.
fn refusal(parts: &[Vec<u8>]) -> String {
    Place::new().unpack(&packed(parts)[..], LIMITS).expect_err("refused").to_string()
}

fn files(place: &Place) -> BTreeMap<String, Vec<u8>> {
    let relative = |path: PathBuf| path.strip_prefix(&place.into).unwrap().to_str().unwrap().to_owned();
    listing(&place.into).into_iter().filter_map(|(path, bytes)| Some((relative(path), bytes?))).collect()
}

#[test]
fn wanted_files_come_out_with_their_digests_in_the_order_of_the_archive() {
    let place = Place::new();
    let archive = packed(&[
        member(b"set/", b'5', b""),
        member(b"set/b.txt", b'0', b"abc"),
        member(b"set/.DS_Store", b'0', b"stray"),
        member(b"set/deep/a.txt", 0, b""),
    ]);
    let mut reported = Vec::new();
    let wanted = |path: &str| Path::new(path).extension().is_some_and(|ending| ending == "txt");
    let list = unpack(&archive[..], &place.into, &wanted, LIMITS, &mut |bytes| reported.push(bytes)).unwrap();
    assert_eq!(list, [expected("set/b.txt", b"abc"), expected("set/deep/a.txt", b"")]);
    let written = [("set/b.txt".to_owned(), b"abc".to_vec()), ("set/deep/a.txt".to_owned(), Vec::new())];
    assert_eq!(files(&place), BTreeMap::from(written));
    assert!(reported.is_sorted() && reported.last() == Some(&(archive.len() as u64)), "{reported:?}");
}

/// `tar -czf a.tgz .` writes such names, and `tar` from before 1988 such folders.
#[test]
fn a_folder_packed_from_within_and_an_old_folder_are_accepted() {
    let place = Place::new();
    let archive = packed(&[
        member(b"./", b'5', b""),
        member(b"./set/", 0, b""),
        member(b"./set/a.txt", b'0', b"abc"),
        member(b"set/b.txt", b'0', b""),
    ]);
    let list = place.unpack(&archive[..], LIMITS).unwrap();
    assert_eq!(list, [expected("set/a.txt", b"abc"), expected("set/b.txt", b"")]);
    assert!(
        refusal(&[member(b"./set/a", b'0', b""), member(b"set/a", b'0', b"")]).contains("`set/a`"),
        "the same name"
    );
    assert!(refusal(&[member(b"set/", b'0', b"data")]).contains("`set/`"), "a folder has no data");
}

#[test]
fn names_that_lead_elsewhere_or_deceive_are_refused_and_shown_harmlessly() {
    let deep = format!("{}file", "a/".repeat(8));
    let cases: [(&[u8], &str); 14] = [
        (b"../evil", "`../evil` leads up with `..`"),
        (b"set/../../evil", "`set/../../evil` leads up with `..`"),
        (b"/etc/evil", "`/etc/evil` is absolute"),
        (b"", "`` has an empty part"),
        (b"set//evil", "`set//evil` has an empty part"),
        (b".", "`.` holds the part `.`"),
        (b"././evil", "`././evil` holds the part `.`"),
        (b"..\\evil", "`..\\evil` holds a backslash"),
        (b"two\nlines", "`two\\nlines` holds a control or hidden character"),
        (b"\x1b[31mred", "`\\u{1b}[31mred` holds a control or hidden character"),
        ("evil\u{202e}gpj.exe".as_bytes(), "`evil\\u{202e}gpj.exe` holds a control or hidden character"),
        ("a\u{85}b".as_bytes(), "`a\\u{85}b` holds a control or hidden character"),
        (b"latin-\xe9", "`latin-\u{fffd}` is not UTF-8"),
        (deep.as_bytes(), "`a/a/a/a/a/a/a/a/file` has more than 8 parts"),
    ];
    for (name, expected) in cases {
        let found = refusal(&[member(name, b'0', b"x")]);
        assert_eq!(found, format!("the archive's member {expected}"));
    }
}

#[test]
fn long_names_are_checked_like_short_ones() {
    let after = |kind: u8, text: &[u8]| refusal(&[member(b"long", kind, text), member(b"short", b'0', b"x")]);
    assert!(after(b'L', b"../evil\0").contains("`../evil` leads up"));
    assert!(after(b'L', b"ok\0../evil\0").contains("`ok\\u{0}../evil` holds a control"));
    assert!(after(b'x', attribute("path", "../evil").as_bytes()).contains("`../evil` leads up"));
    assert!(after(b'x', attribute("path", "a\nb").as_bytes()).contains("`a\\nb` holds a control"));
    assert!(after(b'x', attribute("path", "a\0b").as_bytes()).contains("`a\\u{0}b` holds a control"));
    assert!(after(b'L', format!("set/{}", "x".repeat(256)).as_bytes()).contains("part of more than 255 bytes"));
    let twice = attribute("path", "one") + &attribute("path", "two");
    assert!(after(b'x', twice.as_bytes()).contains("names its member a second time"));
    // A prefix and a name in two fields of the header.
    let mut split = header(b"evil", b'0', 0);
    split[345..347].copy_from_slice(b"..");
    seal(&mut split);
    assert!(refusal(&[split]).contains("`../evil` leads up"));
}

#[test]
fn long_names_and_attributes_of_real_archives_are_understood() {
    let (gnu, pax) = ("g".repeat(200), "é".repeat(120));
    let noise = attribute("LIBARCHIVE.xattr.x", "two\nlines\n\n") + &attribute("mtime", "1.5");
    let archive = packed(&[
        member(b"pax_global_header", b'g', attribute("comment", "a commit").as_bytes()),
        member(b"././@LongLink", b'L', format!("set/{gnu}\0").as_bytes()),
        member(b"set/ggg", b'0', b"1"),
        member(b"PaxHeaders/x", b'x', (noise + &attribute("path", &format!("set/{pax}"))).as_bytes()),
        member(b"set/eee", b'0', b"2"),
    ]);
    let list = Place::new().unpack(&archive[..], LIMITS).unwrap();
    let paths: Vec<_> = list.iter().map(|file| file.path.clone()).collect();
    assert_eq!(paths, [format!("set/{gnu}"), format!("set/{pax}")]);
    let names = |first: u8, text: &[u8]| {
        let pax = member(b"p", b'x', attribute("path", "set/a").as_bytes());
        refusal(&[member(b"long", first, text), pax, member(b"set/c", b'0', b"")])
    };
    assert!(names(b'L', b"set/b\0").contains("names its member a second time"));
    let remarks = member(b"g", b'g', attribute("comment", "x").as_bytes());
    let parted = packed(&[member(b"long", b'L', b"set/b\0"), remarks, member(b"set/a", b'0', b"")]);
    let alone = Limits { members: 1, ..LIMITS };
    assert_eq!(Place::new().unpack(&parted[..], alone).unwrap(), [expected("set/b", b"")], "remarks are not members");
    assert!(names(b'x', b"no record").contains("attributes that cannot be read"));
    assert!(names(b'x', b"8 novalue").contains("attributes that cannot be read"));
    assert!(names(b'x', b"11 novalue\n").contains("an attribute without a value"));
}

#[test]
fn attributes_of_all_members_name_none_of_them() {
    let global = |key: &str, value: &str| {
        let remarks = member(b"set/a", b'g', attribute(key, value).as_bytes());
        refusal(&[remarks, member(b"set/a", b'0', b"x")])
    };
    // Even what the header itself says.
    for (key, value) in [("path", "set/a"), ("path", "set/b"), ("size", "1"), ("size", "10")] {
        assert!(global(key, value).contains("names all members at once"), "{key} {value}");
    }
    assert!(global("GNU.sparse.major", "1").contains("describes sparse files"));
}

#[test]
fn links_devices_pipes_and_sparse_files_are_refused_wanted_or_not() {
    let kinds = [
        (b'1', "a hard link"),
        (b'2', "a symbolic link"),
        (b'3', "a device"),
        (b'4', "a device"),
        (b'6', "a named pipe"),
        (b'S', "a sparse file"),
        (b'V', "of an unknown kind"),
    ];
    for (kind, words) in kinds {
        let mut bad = header(b"set/bad", kind, 0);
        bad[157..165].copy_from_slice(b"../evil\0");
        seal(&mut bad);
        let place = Place::new();
        let error = unpack(&packed(&[bad])[..], &place.into, &|_| false, LIMITS, &mut |_| ()).unwrap_err();
        let expected = format!("the archive's member `set/bad` is {words}; only files and folders are unpacked");
        assert_eq!(error.to_string(), expected);
        assert!(error.hint().is_some() && listing(&place.into).is_empty());
    }
    let sparse = attribute("GNU.sparse.major", "1");
    let parts = [member(b"p", b'x', sparse.as_bytes()), member(b"set/a", b'0', b"x")];
    assert!(refusal(&parts).contains("describes a sparse file"));
}

#[test]
fn a_name_is_given_once_and_to_one_thing() {
    let file = |name: &str| member(name.as_bytes(), b'0', b"x");
    let folder = |name: &str| member(name.as_bytes(), b'5', b"");
    let cases = [
        ([file("set/a"), file("set/a")], "set/a"),
        ([folder("set/a/"), folder("set/a")], "set/a"),
        ([file("set"), folder("set/")], "set"),
        ([folder("set/"), file("set")], "set"),
        ([file("set"), file("set/a")], "set/a"),
        ([file("set/a/b"), file("set/a")], "set/a"),
    ];
    for (parts, name) in cases {
        assert_eq!(refusal(&parts), format!("the archive's member `{name}` is in it twice"));
    }
    let late = packed(&[file("set/a"), folder("set/"), folder("set"), file("set/b")]);
    assert!(Place::new().unpack(&late[..], LIMITS).is_err(), "a folder is listed once");
    let once = packed(&[file("set/a"), folder("set/"), file("set/b")]);
    assert_eq!(Place::new().unpack(&once[..], LIMITS).unwrap().len(), 2);
}

#[test]
fn sizes_that_lie_are_refused() {
    assert!(refusal(&[member(b"set/", b'5', b"data")]).contains("`set/` is given two different sizes"));
    let pax = member(b"p", b'x', attribute("size", "512").as_bytes());
    assert!(refusal(&[pax, member(b"set/a", b'0', b"x")]).contains("`set/a` is given two different sizes"));
    // Binary sizes beyond 64 bits, below 0, and beyond the limit.
    let binary = |size: [u8; 12]| {
        let mut block = header(b"set/a", b'0', 0);
        block[124..136].copy_from_slice(&size);
        seal(&mut block);
        refusal(&[block])
    };
    assert!(binary([0x80, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]).contains("not a number of bytes"));
    assert!(binary([0xff; 12]).contains("size overflow"));
    assert!(binary([0x80, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255]).contains("size overflow"));
    let mut unreadable = header(b"set/a", b'0', 0);
    unreadable[124..128].copy_from_slice(b"12x9");
    seal(&mut unreadable);
    assert!(refusal(&[unreadable]).contains("not a number: 12x9"));
    // Says 3 bytes and goes on with 3000: the rest is not a header.
    let mut short = header(b"set/a", b'0', 3);
    short.extend([b'x'; 3000]);
    assert!(refusal(&[short]).contains("not a number"));
}

#[test]
fn a_damaged_archive_is_told_from_one_that_is_cut_off() {
    let whole = packed(&[member(b"set/a", b'0', &[7; 5000])]);
    for length in 0..whole.len() {
        let error = Place::new().unpack(&whole[..length], LIMITS).unwrap_err();
        assert!(matches!(error, UnpackError::Truncated { .. }), "{length}: {error}");
    }
    for place in [whole.len() - 8, whole.len() - 1] {
        let mut damaged = whole.clone();
        damaged[place] ^= 1;
        let error = Place::new().unpack(&damaged[..], LIMITS).unwrap_err();
        assert!(matches!(error, UnpackError::Damaged { .. }), "{error}");
    }
    let page = b"<!DOCTYPE html><title>Sign in</title>";
    assert!(matches!(Place::new().unpack(&page[..], LIMITS), Err(UnpackError::Damaged { .. })));
    let mut header = header(b"set/a", b'0', 0);
    header[0] = b'S';
    assert!(
        refusal(&[header]).contains("at byte 0 of the unpacked stream is refused: archive header checksum mismatch")
    );
}

#[test]
fn an_archive_without_its_end_mark_is_cut_off() {
    let mut bytes = Vec::new();
    gzip(&member(b"set/a", b'0', b"x")[..]).read_to_end(&mut bytes).unwrap();
    let error = Place::new().unpack(&bytes[..], LIMITS).unwrap_err();
    assert!(matches!(error, UnpackError::Truncated { place: 1024 }), "{error}");
    assert!(refusal(&[member(b"long", b'L', b"set/a\0")]).contains("a member is missing after a long name"));
}

#[test]
fn nothing_may_follow_the_archive() {
    let whole = packed(&[member(b"set/a", b'0', b"x")]);
    for after in [&whole[..], b"garbage", b"\0"] {
        let error = Place::new().unpack(&[&whole, after].concat()[..], LIMITS).unwrap_err();
        assert_eq!(error.to_string(), "the archive goes on after its end: there are bytes after the compressed stream");
    }
    let hidden = [ended(&[member(b"set/a", b'0', b"x")]), member(b"set/b", b'0', b"y")];
    assert!(refusal(&hidden).contains("there is data after the end mark"));
    let padded = packed(&[member(b"set/a", b'0', b"x"), vec![0; 10 << 10]]);
    assert!(Place::new().unpack(&padded[..], LIMITS).is_ok(), "records of 10 KiB are usual");
    let endless = gzip(io::repeat(0));
    assert!(matches!(Place::new().unpack(endless, LIMITS), Err(UnpackError::Trailing { .. })));
}

/// Counts what was read of an archive that is made while it is read.
fn compressed_bytes_read(archive: impl Read, limits: Limits) -> (UnpackError, u64) {
    let mut counted = Counted { inner: archive, bytes: 0 };
    let error = Place::new().unpack(&mut counted, limits).unwrap_err();
    (error, counted.bytes)
}

#[test]
fn ten_gigabytes_that_compress_to_ten_megabytes_are_refused_by_the_header() {
    let size = 10_000_000_000;
    let zeros = || io::repeat(0).take(size);
    for kind in *b"0Lxg" {
        // As octal digits the size does not fit; this is how it is written then.
        let mut block = header(b"set/large", kind, 0);
        block[124..136].fill(0);
        block[124] = 0x80;
        block[128..136].copy_from_slice(&size.to_be_bytes());
        seal(&mut block);
        let (error, read) = compressed_bytes_read(gzip(io::Cursor::new(block).chain(zeros())), LIMITS);
        let refused = error.to_string().contains("`set/large` says it has 10000000000 bytes");
        assert!(refused || (kind != b'0' && error.to_string().contains("announces a longer name")), "{error}");
        assert!(read <= 2 * BUFFER as u64, "{read} bytes were read");
    }
    // The header lies, the stream goes on: zeros are an end mark without an end, all else is not a header.
    let liar = || io::Cursor::new(header(b"set/small", b'0', 512));
    let (error, read) = compressed_bytes_read(gzip(liar().chain(zeros())), LIMITS);
    assert!(matches!(error, UnpackError::Trailing { .. }) && read <= 2 * BUFFER as u64, "{error}, {read}");
    let (error, read) = compressed_bytes_read(gzip(liar().chain(io::repeat(1).take(size))), LIMITS);
    assert!(matches!(error, UnpackError::Header { place: 1024, .. }) && read <= 2 * BUFFER as u64, "{error}, {read}");
}

/// A tar stream made member by member while it is read.
struct Lazy<I> {
    members: I,
    current: io::Cursor<Vec<u8>>,
}

impl<I: Iterator<Item = Vec<u8>>> Read for Lazy<I> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let count = self.current.read(buffer)?;
            if count > 0 {
                return Ok(count);
            }
            let Some(next) = self.members.next() else { return Ok(0) };
            self.current = io::Cursor::new(next);
        }
    }
}

#[test]
fn a_million_tiny_members_are_refused_when_the_limit_is_reached() {
    let mut made = 0;
    let members = (0..1_000_000).map(|number| {
        made += 1;
        member(format!("set/{number}/").as_bytes(), b'5', b"")
    });
    let archive = gzip(Lazy { members, current: io::Cursor::default() });
    let limits = Limits { members: 20_000, ..LIMITS };
    let error = Place::new().unpack(archive, limits).unwrap_err();
    assert_eq!(error.to_string(), "the archive is too large: it holds more than 20000 files and folders");
    assert!(made < 50_000, "{made} members were made");
    // Headers without a member are limited too.
    let long = Lazy { members: std::iter::repeat_with(|| member(b"k", b'K', b"x")), current: io::Cursor::default() };
    let error = Place::new().unpack(gzip(long), limits).unwrap_err();
    assert!(matches!(error, UnpackError::Header { .. }), "{error}");
    let remarks = Lazy { members: std::iter::repeat_with(|| member(b"g", b'g', b"")), current: io::Cursor::default() };
    let error = Place::new().unpack(gzip(remarks), limits).unwrap_err();
    assert!(matches!(error, UnpackError::Header { .. }), "{error}");
}

#[test]
fn limits_take_what_is_at_them_and_refuse_what_is_over() {
    let archive =
        packed(&[member(b"set/", b'5', b""), member(b"set/a", b'0', b"1234"), member(b"set/b", b'0', b"567")]);
    let at = Limits { members: 3, member_bytes: 4, total_bytes: 7 };
    assert_eq!(Place::new().unpack(&archive[..], at).unwrap().len(), 2);
    let said = |limits| Place::new().unpack(&archive[..], limits).unwrap_err().to_string();
    assert!(said(Limits { members: 2, ..at }).contains("more than 2 files"));
    assert!(said(Limits { member_bytes: 3, ..at }).contains("`set/a` says it has 4 bytes; 3 are accepted"));
    assert!(said(Limits { total_bytes: 6, ..at }).contains("more than 6 bytes in all, at `set/b`"));
    // A long name counts, or a small archive could hold gigabytes of them.
    let named = packed(&[member(b"long", b'L', b"set/a\0"), member(b"short", b'0', b"1234")]);
    assert!(Place::new().unpack(&named[..], Limits { total_bytes: 9, ..at }).is_err());
    assert!(Place::new().unpack(&named[..], Limits { total_bytes: 10, ..at }).is_ok());
}

#[test]
fn only_an_empty_folder_is_unpacked_into_so_that_no_link_waits_there() {
    let place = Place::new();
    std::os::unix::fs::symlink(place.outer.path(), place.into.join("set")).unwrap();
    let archive = packed(&[member(b"set/evil", b'0', b"altered")]);
    let before = place.outer.path().join("evil");
    let error = unpack(&archive[..], &place.into, &|_| true, LIMITS, &mut |_| ()).unwrap_err();
    assert!(matches!(error, UnpackError::NotEmpty { .. }), "{error}");
    assert_eq!(fs::read(before).unwrap(), b"kept");
    let missing = place.outer.path().join("missing");
    assert!(unpack(&archive[..], &missing, &|_| true, LIMITS, &mut |_| ()).is_err() && !missing.exists());
}

#[test]
fn a_disk_that_fills_is_named_with_what_to_do() {
    // Every write to this device fails as on a full disk.
    let mut full = File::options().write(true).open("/dev/full").unwrap();
    let error = copy(&mut &[1; 5000][..], &Position::default(), "set/a", &mut full, &mut [0; 512]).unwrap_err();
    assert!(error.to_string().starts_with("cannot write `set/a`: "), "{error}");
    assert_eq!(error.hint().as_deref(), Some("free some space on the disk"));
}

/// Packs files with the crate that others use.
fn packed_by_tar(files: &BTreeMap<String, Vec<u8>>) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (path, data) in files {
        let mut header = Header::new_gnu();
        header.set_size(data.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, path, &data[..]).unwrap();
    }
    let mut bytes = Vec::new();
    gzip(&builder.into_inner().unwrap()[..]).read_to_end(&mut bytes).unwrap();
    bytes
}

/// Trees in which no file is a folder: folders end in `d`, files in `f`.
fn trees() -> impl Strategy<Value = BTreeMap<String, Vec<u8>>> {
    let path = ("([a-zé._ 0-9]{0,60}d/){0,7}", "[a-zé._ 0-9]{0,120}f").prop_map(|(folders, file)| folders + &file);
    let data = prop_oneof![prop::collection::vec(any::<u8>(), 0..20), (500_usize..70_000).prop_map(|n| vec![5; n])];
    prop::collection::btree_map(path, data, 0..12)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_others_pack_comes_out_as_it_was(tree in trees()) {
        let place = Place::new();
        let list = place.unpack(&packed_by_tar(&tree)[..], LIMITS).unwrap();
        prop_assert_eq!(files(&place), tree.clone());
        prop_assert_eq!(list, tree.iter().map(|(path, data)| expected(path, data)).collect::<Vec<_>>());
    }

    #[test]
    fn strange_bytes_never_panic_and_never_write_outside(
        bytes in prop::collection::vec(any::<u8>(), 0..2000),
        whole in any::<bool>(),
    ) {
        let archive = if whole { packed(&[bytes]) } else { bytes };
        let _ = Place::new().unpack(&archive[..], LIMITS);
    }

    #[test]
    fn altered_headers_never_write_outside_and_what_is_listed_is_there(
        names in prop::collection::vec("[./ad\\\\]{1,8}", 1..5),
        kinds in prop::collection::vec(prop::sample::select(&b"001235LKxgS"[..]), 5),
        change in (0..BLOCK, any::<u8>()),
    ) {
        let part = |(name, kind): (&String, &u8)| member(name.as_bytes(), *kind, name.as_bytes());
        let mut parts: Vec<_> = names.iter().zip(&kinds).map(part).collect();
        parts[0][change.0] = change.1;
        seal(&mut parts[0][..BLOCK]);
        let place = Place::new();
        if let Ok(list) = place.unpack(&packed(&parts)[..], LIMITS) {
            let listed: Vec<_> = list.into_iter().map(|file| file.path).collect();
            let mut sorted = listed.clone();
            sorted.sort();
            prop_assert_eq!(files(&place).into_keys().collect::<Vec<_>>(), sorted);
        }
    }
}
