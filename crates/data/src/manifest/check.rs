//! What a manifest may say: names that stay in a folder, and numbers that agree.

use std::fmt::Display;

use super::{Archive, CifarFile, CifarSource, ClassFolder, IdxSource, ImageShape, ImageSource, Manifest, Source};
use hlb_core::text::show;

/// The key of a wrong value, and what is wrong with it.
type Checked = Result<(), (&'static str, String)>;

impl Manifest {
    /// Refuses names that lead outside a folder, and values that contradict each other.
    pub(super) fn check(&self) -> Checked {
        in_range("train", self.train, 1, 10_000_000)?;
        in_range("evaluation", self.evaluation, 1, 10_000_000)?;
        in_range("classes", u32::try_from(self.classes.len()).unwrap_or(u32::MAX), 2, 256)?;
        match (self.size, matches!(self.source, Source::Images(_))) {
            (size, true) => expect(size.is_none(), "size", "is given, but images come in many sizes")?,
            (Some(size), false) => size.check(u64::from(self.train) + u64::from(self.evaluation))?,
            (None, false) => expect(false, "size", "is missing")?,
        }
        match &self.source {
            Source::BuiltIn => {
                expect(self.id.as_str() == "shapes", "source.kind", "is built_in, which only `shapes` is")
            }
            Source::Idx(source) => source.check(),
            Source::Cifar(source) => source.check(self),
            Source::Images(source) => source.check(self),
        }
    }
}

impl ImageShape {
    /// Arrays of so many images have to fit in the memory of some machine.
    fn check(self, images: u64) -> Checked {
        in_range("size.height", self.height, 1, 1024)?;
        in_range("size.width", self.width, 1, 1024)?;
        expect(matches!(self.channels, 1 | 3), "size.channels", "has to be 1 or 3")?;
        let bytes = images * u64::from(self.height * self.width * self.channels);
        expect(bytes <= 64 << 30, "size", "makes arrays of more than 64 GiB of all these images")
    }
}

impl IdxSource {
    fn check(&self) -> Checked {
        expect(self.files.len() == 4, "source.files", "has to list four files")?;
        address("source.base_url", &self.base_url)?;
        self.files.iter().try_for_each(|file| plain("source.files", &file.name))
    }
}

impl CifarSource {
    fn check(&self, manifest: &Manifest) -> Checked {
        self.archive.check()?;
        plain("source.root", &self.root)?;
        self.files().try_for_each(|file| plain("source.train", &file.name))?;
        let fits = manifest.size == Some(ImageShape { height: 32, width: 32, channels: 3 });
        expect(fits, "size", "has to be 32 x 32 x 3 in this format")?;
        let records = |files: &[CifarFile]| files.iter().map(|file| u64::from(file.records)).sum();
        adds_up("source.train", records(&self.train), manifest.train)?;
        adds_up("source.evaluation", records(&self.evaluation), manifest.evaluation)
    }
}

impl ImageSource {
    fn check(&self, manifest: &Manifest) -> Checked {
        self.archive.check()?;
        plain("source.root", &self.root)?;
        plain("source.train", &self.train)?;
        plain("source.evaluation", &self.evaluation)?;
        expect(self.train != self.evaluation, "source.evaluation", "is the folder of the training split")?;
        let one_each = self.folders.len() == manifest.classes.len();
        expect(one_each, "source.folders", "has to list a folder for each class")?;
        self.folders.iter().try_for_each(|folder| plain("source.folders", &folder.name))?;
        let sum = |of: fn(&ClassFolder) -> u32| self.folders.iter().map(|folder| u64::from(of(folder))).sum();
        adds_up("source.folders", sum(|folder| folder.train), manifest.train)?;
        adds_up("source.folders", sum(|folder| folder.evaluation), manifest.evaluation)
    }
}

impl Archive {
    fn check(&self) -> Checked {
        plain("source.archive.file", &self.file)?;
        expect(self.bytes > 0, "source.archive.bytes", "is 0")?;
        self.url.iter().try_for_each(|url| address("source.archive.url", url))
    }
}

/// The problem follows the key in the message; it is made into text only if there is one.
fn expect(good: bool, key: &'static str, problem: impl Display) -> Checked {
    if good { Ok(()) } else { Err((key, problem.to_string())) }
}

fn in_range(key: &'static str, value: u32, least: u32, most: u32) -> Checked {
    expect((least..=most).contains(&value), key, format_args!("counts {value}, has to be {least} to {most}"))
}

fn adds_up(key: &'static str, sum: u64, stated: u32) -> Checked {
    expect(sum == u64::from(stated), key, format_args!("adds up to {sum} images, the split has {stated}"))
}

/// A name that is one step of a path and nothing else.
fn plain(key: &'static str, name: &str) -> Checked {
    let fit = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let good = (1..=100).contains(&name.len()) && name.bytes().all(fit) && !name.starts_with('.');
    let rule = "letters, digits, `-`, `_` and `.` make one, and no dot at its start";
    expect(good, key, format_args!("holds the name `{}`; {rule}", show(name)))
}

fn address(key: &'static str, url: &str) -> Checked {
    let good = url.starts_with("http://") || url.starts_with("https://");
    expect(good, key, format_args!("is `{}`, has to begin with https:// or http://", show(url)))
}
