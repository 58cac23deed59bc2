//! What a manifest may say: names that stay in a folder, and numbers that agree.

use super::{Archive, CifarFile, CifarSource, ClassFolder, IdxSource, ImageShape, ImageSource, Manifest, Source};
use hlb_core::text::show;

/// A key, and what is wrong with its value.
type Problem = (&'static str, String);

type Checked = Result<(), Problem>;

impl Manifest {
    /// Refuses names that lead outside a folder, and values that contradict each other.
    pub(super) fn check(&self) -> Checked {
        in_range("train", self.train, 1, 10_000_000)?;
        in_range("evaluation", self.evaluation, 1, 10_000_000)?;
        in_range("classes", count(&self.classes), 2, 256)?;
        self.check_memory()?;
        let is_images = matches!(self.source, Source::Images(_));
        match self.size {
            Some(_) if is_images => return wrong("size", "is given, but images come in many sizes"),
            None if !is_images => return wrong("size", "is missing"),
            Some(size) => size.check()?,
            None => {}
        }
        match &self.source {
            Source::BuiltIn if self.id.as_str() == "shapes" => Ok(()),
            Source::BuiltIn => wrong("source.kind", "is built_in, which only `shapes` is"),
            Source::Idx(source) => source.check(),
            Source::Cifar(source) => source.check(self),
            Source::Images(source) => source.check(self),
        }
    }

    /// Refuses arrays that are larger than the memory of any machine.
    fn check_memory(&self) -> Checked {
        const MOST: u64 = 64 << 30;
        let Some(ImageShape { height, width, channels }) = self.size else { return Ok(()) };
        let image = u64::from(height) * u64::from(width) * u64::from(channels);
        let bytes = (u64::from(self.train) + u64::from(self.evaluation)).saturating_mul(image);
        if bytes <= MOST { Ok(()) } else { wrong("size", "makes arrays of more than 64 GiB of all these images") }
    }
}

impl ImageShape {
    fn check(self) -> Checked {
        in_range("size.height", self.height, 1, 1024)?;
        in_range("size.width", self.width, 1, 1024)?;
        if matches!(self.channels, 1 | 3) { Ok(()) } else { wrong("size.channels", "has to be 1 or 3") }
    }
}

impl IdxSource {
    fn check(&self) -> Checked {
        if self.files.len() != 4 {
            return wrong("source.files", "has to list four files");
        }
        address("source.base_url", &self.base_url)?;
        self.files.iter().try_for_each(|file| plain("source.files", &file.name))
    }
}

impl CifarSource {
    fn check(&self, manifest: &Manifest) -> Checked {
        self.archive.check()?;
        plain("source.root", &self.root)?;
        self.files().try_for_each(|file| plain("source.train", &file.name))?;
        if manifest.size != Some(ImageShape { height: 32, width: 32, channels: 3 }) {
            return wrong("size", "has to be 32 x 32 x 3 in this format");
        }
        let records = |files: &[CifarFile]| files.iter().map(|file| u64::from(file.records)).sum::<u64>();
        adds_up("source.train", records(&self.train), manifest.train)?;
        adds_up("source.evaluation", records(&self.evaluation), manifest.evaluation)
    }
}

impl ImageSource {
    fn check(&self, manifest: &Manifest) -> Checked {
        self.archive.check()?;
        for (key, name) in
            [("source.root", &self.root), ("source.train", &self.train), ("source.evaluation", &self.evaluation)]
        {
            plain(key, name)?;
        }
        if self.train == self.evaluation {
            return wrong("source.evaluation", "is the folder of the training split");
        }
        if self.folders.len() != manifest.classes.len() {
            return wrong("source.folders", "has to list a folder for each class");
        }
        self.folders.iter().try_for_each(|folder| plain("source.folders", &folder.name))?;
        let sum = |of: fn(&ClassFolder) -> u32| self.folders.iter().map(|folder| u64::from(of(folder))).sum::<u64>();
        adds_up("source.folders", sum(|folder| folder.train), manifest.train)?;
        adds_up("source.folders", sum(|folder| folder.evaluation), manifest.evaluation)
    }
}

impl Archive {
    fn check(&self) -> Checked {
        plain("source.archive.file", &self.file)?;
        if self.bytes == 0 {
            return wrong("source.archive.bytes", "is 0");
        }
        self.url.iter().try_for_each(|url| address("source.archive.url", url))
    }
}

fn wrong<T>(key: &'static str, problem: &str) -> Result<T, Problem> {
    Err((key, problem.to_owned()))
}

fn unless(good: bool, key: &'static str, problem: impl FnOnce() -> String) -> Checked {
    if good { Ok(()) } else { Err((key, problem())) }
}

fn count<T>(items: &[T]) -> u32 {
    u32::try_from(items.len()).unwrap_or(u32::MAX)
}

fn in_range(key: &'static str, value: u32, least: u32, most: u32) -> Checked {
    unless((least..=most).contains(&value), key, || format!("counts {value}, has to be {least} to {most}"))
}

fn adds_up(key: &'static str, sum: u64, stated: u32) -> Checked {
    unless(sum == u64::from(stated), key, || format!("adds up to {sum} images, the split has {stated}"))
}

/// A name that is one step of a path and nothing else.
fn plain(key: &'static str, name: &str) -> Checked {
    let fit = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let good = (1..=100).contains(&name.len()) && name.bytes().all(fit) && !name.starts_with('.');
    unless(good, key, || {
        format!("holds the name `{}`; letters, digits, `-`, `_` and `.` make one, and no dot at its start", show(name))
    })
}

fn address(key: &'static str, url: &str) -> Checked {
    let good = ["http://", "https://"].iter().any(|scheme| url.starts_with(scheme));
    unless(good, key, || format!("is `{}`, has to begin with https:// or http://", show(url)))
}
