//! Images of every kind, decoded and resized like Pillow and torchvision, or refused like Pillow.
//!
//! `tests/parity/images.py` makes them and says what Pillow makes of them. It needs a Python with the packages of
//! `requirements/images.txt`: the one in `HLB_BENCH_PYTHON`, or `python3`. Without them the test is skipped by name;
//! with `CI` set it fails instead.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use hlb_data::{ImageError, Resize, Resizer, decode_image};
use serde_json::Value;

/// Runs the Python that has Pillow.
fn python(arguments: &[&str]) -> Option<Output> {
    let program = std::env::var_os("HLB_BENCH_PYTHON").unwrap_or_else(|| "python3".into());
    Command::new(program).args(arguments).output().ok()
}

fn has_pillow() -> bool {
    python(&["-c", "import PIL, numpy"]).is_some_and(|output| output.status.success())
}

/// The largest difference, and the sum of all.
#[derive(Default)]
struct Differences {
    largest: u8,
    sum: u64,
    bytes: u64,
}

impl Differences {
    fn add(&mut self, ours: &[u8], theirs: &[u8], what: &Path) {
        assert_eq!(ours.len(), theirs.len(), "{}", what.display());
        let differences = ours.iter().zip(theirs).map(|(a, b)| a.abs_diff(*b));
        let largest = differences.clone().max().unwrap_or(0);
        assert!(largest <= 2, "{}: differs by {largest}", what.display());
        self.largest = self.largest.max(largest);
        self.sum += differences.map(u64::from).sum::<u64>();
        self.bytes += theirs.len() as u64;
    }

    #[expect(clippy::cast_precision_loss, reason = "a mean to be compared with 0.1")]
    fn mean(&self) -> f64 {
        self.sum as f64 / self.bytes as f64
    }
}

/// What is to be made of each image, and what became of them.
struct Comparison {
    folder: PathBuf,
    resizes: [(Resize, &'static str); 2],
    differences: Differences,
    accepted: u32,
    wrong: Vec<String>,
}

impl Comparison {
    fn image(&mut self, row: &Value) {
        let file = self.folder.join(row["file"].as_str().expect("a name"));
        let bytes = std::fs::read(&file).expect("an image");
        match (decode_image(&bytes), row["refused"].as_str()) {
            (Ok(image), None) => {
                self.accepted += 1;
                for (resize, name) in self.resizes {
                    let mut ours = vec![0; resize.bytes()];
                    Resizer::new().apply(&image, resize, &mut ours);
                    let theirs = PathBuf::from(format!("{}.{name}", file.display()));
                    self.differences.add(&ours, &std::fs::read(&theirs).expect("pixels"), &theirs);
                }
            }
            (Err(error), Some(_)) => self.refusal(&file, &error, row["format"].as_str()),
            (Ok(_), Some(why)) => self.wrong.push(format!("{}: Pillow refuses: {why}", file.display())),
            (Err(error), None) => self.wrong.push(format!("{}: Pillow accepts; ours {error}", file.display())),
        }
    }

    fn refusal(&mut self, file: &Path, error: &ImageError, format: Option<&str>) {
        if format.is_some_and(|format| !error.to_string().contains(&format!("in the format {format};"))) {
            self.wrong.push(format!("{}: should name its format: {error}", file.display()));
        }
    }
}

#[test]
fn images_of_every_kind_are_what_pillow_and_torchvision_make_of_them() {
    if !has_pillow() {
        assert!(std::env::var_os("CI").is_none(), "no Pillow, and this is CI");
        println!("skipped images_of_every_kind_are_what_pillow_and_torchvision_make_of_them: no Pillow");
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/parity/images.py");
    let made = python(&[&script.display().to_string(), &folder.path().display().to_string()]).expect("Python starts");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let table = std::fs::read(folder.path().join("table.json")).expect("a table");
    let table: Value = serde_json::from_slice(&table).expect("JSON");
    let side = |name: &str| u32::try_from(table[name].as_u64().expect("a side")).expect("small");
    let squash = Resize::Squash { side: side("squash") };
    let crop = Resize::ShortestSideThenCentreCrop { side: side("crop") };
    let mut comparison = Comparison {
        folder: folder.path().to_owned(),
        resizes: [(squash, "squash"), (crop, "crop")],
        differences: Differences::default(),
        accepted: 0,
        wrong: Vec::new(),
    };
    for row in table["images"].as_array().expect("rows") {
        comparison.image(row);
    }
    let Comparison { differences, accepted, wrong, .. } = comparison;
    println!("{accepted} accepted; differences: largest {}, mean {:.5}", differences.largest, differences.mean());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(accepted >= 200, "{accepted} accepted");
    assert!(differences.mean() <= 0.1, "mean {}", differences.mean());
}
