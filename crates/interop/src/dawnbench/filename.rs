//! What the name of an entry's files says, against their content. The content is believed.

use crate::dawnbench::irregularity::{Irregularity, Kind};

/// Frameworks that a name may state.
const FRAMEWORKS: [&str; 6] = ["pytorch", "tensorflow", "caffe", "mxnet", "paddle", "fastai"];
/// Devices that a name may count, as they are written there and in hardware, letters and digits alone.
const DEVICES: [&str; 12] =
    ["v100", "k80", "p100", "m60", "m40", "gtx1080ti", "1080ti", "titanx", "tpu", "gpu", "machine", "node"];

/// What is odd about the name `stem`.
pub(super) fn oddities(stem: &str, hardware: Option<&str>, framework: Option<&str>) -> Vec<Irregularity> {
    let parts: Vec<&str> = stem.split('_').collect();
    let mut odd = Vec::new();
    if parts.len() != 4 || parts.iter().any(|part| part.is_empty()) {
        odd.push(Irregularity::with(Kind::NameParts, stem));
    }
    let contradictions = [
        hardware.and_then(|hardware| count_contradicts(stem, hardware)),
        framework.and_then(|framework| framework_contradicts(parts.last()?, framework)),
    ];
    odd.extend(contradictions.into_iter().flatten().map(|what| Irregularity::with(Kind::NameContradicts, what)));
    odd
}

/// Lower-case letters and digits alone, so that spellings compare.
fn bare(text: &str) -> String {
    text.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase()
}

/// The framework in the name is not that of the content, or of another version.
fn framework_contradicts(stated: &str, framework: &str) -> Option<String> {
    let (stated_bare, found) = (bare(stated), bare(framework));
    let letters = stated_bare.trim_end_matches(|c: char| c.is_ascii_digit());
    let known = FRAMEWORKS.iter().find(|known| letters.contains(*known))?;
    let version = &stated_bare[letters.len()..];
    let digits: String = framework.chars().filter(char::is_ascii_digit).collect();
    // `intelcaffe` is in `Intel Optimized Caffe`, word by word.
    let is_found = found.contains(known) && letters.split(known).all(|rest| found.contains(rest));
    let differs = !is_found || (!version.is_empty() && !digits.is_empty() && !digits.starts_with(version));
    differs.then(|| format!("`{stated}` is `{framework}`"))
}

/// The name counts devices or machines, and the hardware counts others of the same kind.
fn count_contradicts(stem: &str, hardware: &str) -> Option<String> {
    let stated = counts(stem);
    let found = counts(hardware);
    let differs = |(device, count): &(&'static str, u32)| {
        let same_kind: Vec<u32> =
            found.iter().filter(|(other, _)| kind(other) == kind(device)).map(|(_, count)| *count).collect();
        !same_kind.is_empty() && !same_kind.contains(count)
    };
    let single = stem.split(['_', '-']).any(|part| part == "single") && !found.is_empty();
    let one = (single && found.iter().all(|(_, count)| *count != 1)).then_some("single");
    let wrong = stated.iter().any(differs).then_some(stem).or(one)?;
    Some(format!("`{wrong}` is `{hardware}`"))
}

/// Machines are one kind, whatever trains in them another.
fn kind(device: &str) -> &'static str {
    if matches!(device, "machine" | "node") { "machine" } else { "device" }
}

/// Numbers that stand directly before or after the name of a device, but for spaces and signs between them.
fn counts(text: &str) -> Vec<(&'static str, u32)> {
    let words = words(text);
    let mut found = Vec::new();
    for (index, word) in words.iter().enumerate() {
        let Some((device, own)) = device(word) else { continue };
        let before = index.checked_sub(1).and_then(|index| number(&words[index]));
        let after = words.get(index + 1).and_then(|word| number(word));
        // In `V100 * 8 GPU` the number belongs to both.
        found.extend(own.or(before).or(after).map(|count| (device, count)));
    }
    found
}

/// Words of letters and digits; makers' names and signs for times are no words.
fn words(text: &str) -> Vec<String> {
    let lower = text.to_ascii_lowercase().replace("gtx 1080 ti", "gtx1080ti").replace("titan x", "titanx");
    let parts = lower.split(|c: char| !c.is_ascii_alphanumeric());
    let noise = ["", "x", "tesla", "nvidia", "geforce", "cloud"];
    parts.filter(|word| !noise.contains(word)).map(str::to_owned).collect()
}

/// The device that a word names, and the number in front of it, as in `8v100`, `1GV100` and `nodes`.
fn device(word: &str) -> Option<(&'static str, Option<u32>)> {
    let word = word.strip_suffix('s').unwrap_or(word);
    let device = DEVICES.into_iter().find(|device| word.ends_with(device))?;
    let front = &word[..word.len() - device.len()];
    let digits = front.trim_end_matches(['g', 'x']);
    if front.is_empty() {
        return Some((device, None));
    }
    digits.parse().ok().map(|count| (device, Some(count)))
}

/// A number of devices, such as `8` or `4x`; what is larger is memory or a model.
fn number(word: &str) -> Option<u32> {
    word.strip_suffix('x').unwrap_or(word).parse().ok().filter(|count| (1..=1024).contains(count))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(stem: &str, hardware: &str, framework: &str) -> Vec<Kind> {
        oddities(stem, Some(hardware), Some(framework)).into_iter().map(|odd| odd.kind).collect()
    }

    #[test]
    fn names_that_keep_the_rule_are_not_odd() {
        let good = [
            ("apple_resnet9_8v100_pytorch", "Tesla V100 * 8 GPU / 32 GB / 40 CPU", "Pytorch 1.1.0"),
            ("davidcpage_resnet9_1v100-ec2_pytorch", "V100 (AWS p3.2xlarge)", "pytorch 0.4.0"),
            ("a_b_1GV100_pytorch", "Baidu Cloud Tesla V100*1-16GB/56 GB/12 CPU", "PyTorch v1.0"),
            ("a_b_8GV100_pytorch", "Baidu Cloud Tesla 8*V100-16GB/448 GB/96 CPU", "PyTorch v1.0"),
            ("a_b_4v100_pytorch", "IBM AC922 + 4 * Nvidia Tesla V100 (NCSA HAL)", "PyTorch"),
            ("a_b_1k80_intelcaffe", "1 K80", "Intel(R) Optimized Caffe"),
            ("a_b_1gtx1080ti_tensorflow113", "1 GPU (Nvidia GeForce GTX 1080 Ti)", "TensorFlow 1.13.1"),
        ];
        for (stem, hardware, framework) in good {
            assert_eq!(kinds(stem, hardware, framework), [], "{stem}");
        }
    }

    #[test]
    fn a_name_against_its_content_is_named() {
        let bad = [
            ("zte_resnet50_2-machine_tensorflow", "8 nodes with 8 V100", "TensorFlow"),
            ("huawei_resnet50_16v100_tensorflow18", "16 * V100", "TensorFlow 1.13.1"),
            ("lambda_baidunet9_cloud-single_pytorch", "Lambda GPU Cloud - 4x GTX 1080 Ti", "fastai / Pytorch 1.0.0"),
            ("intel_resnet56_1k80_intercaffe", "1 K80", "Intel(R) Optimized Caffe"),
            ("a_b_8v100_pytorch", "4 * V100", "PyTorch"),
        ];
        for (stem, hardware, framework) in bad {
            assert_eq!(kinds(stem, hardware, framework), [Kind::NameContradicts], "{stem}");
        }
    }

    #[test]
    fn missing_parts_are_named() {
        for stem in ["basenet", "fastai_pytorch", "diux_cifar_p3", "a_b_c_d_e", "a__c_d"] {
            assert_eq!(kinds(stem, "V100 (AWS p3.2xlarge)", "fastai / pytorch"), [Kind::NameParts], "{stem}");
        }
    }
}
