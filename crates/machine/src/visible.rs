//! Which GPU CUDA calls the first, under `CUDA_DEVICE_ORDER=PCI_BUS_ID` and what `CUDA_VISIBLE_DEVICES` says.
//!
//! Source: the CUDA programming guide, section on environment variables. Where that is ambiguous the result is an
//! error: sensors of another GPU would mislead.

/// Environment variable that chooses GPUs.
pub(super) const VARIABLE: &str = "CUDA_VISIBLE_DEVICES";

/// What identifies a GPU. Never recorded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Identity {
    /// `GPU-` and the rest.
    pub(super) uuid: Option<String>,
    /// Domain, bus and device.
    pub(super) pci: Option<[u32; 3]>,
    /// Split into instances; `None` where unknown, as for GPUs without the feature.
    pub(super) mig: Option<bool>,
}

/// The place in `gpus` of the one that CUDA numbers 0; `chosen` is the variable's text, `None` where it is unset.
pub(super) fn first(chosen: Option<&str>, gpus: &[Identity]) -> Result<u32, String> {
    if gpus.is_empty() {
        return Err("NVML lists no GPU".to_owned());
    }
    let entry = chosen.map(|text| text.split(',').next().unwrap_or_default().trim());
    let place = match entry {
        None => by_order(0, gpus)?,
        Some("") => return Err(format!("{VARIABLE} is empty, which hides all GPUs")),
        Some(entry) if entry.starts_with("MIG-") => {
            return Err(format!("{VARIABLE} chooses a part of a GPU (MIG)"));
        }
        Some(entry) if entry.starts_with("GPU-") => by_uuid(entry, gpus)?,
        Some(entry) => by_order(number(entry)?, gpus)?,
    };
    u32::try_from(place).map_err(|error| error.to_string())
}

fn number(entry: &str) -> Result<usize, String> {
    let digits = !entry.is_empty() && entry.bytes().all(|byte| byte.is_ascii_digit());
    let number = digits.then(|| entry.parse().ok()).flatten();
    number.ok_or_else(|| format!("{VARIABLE} begins with what is neither a number nor a GPU's UUID"))
}

/// The GPU at a place in the order of PCI addresses.
fn by_order(place: usize, gpus: &[Identity]) -> Result<usize, String> {
    let mut order: Vec<usize> = (0..gpus.len()).collect();
    if gpus.len() > 1 {
        if gpus.iter().any(|gpu| gpu.mig == Some(true)) {
            return Err("with a GPU split into instances (MIG), CUDA numbers others than NVML".to_owned());
        }
        if gpus.iter().any(|gpu| gpu.pci.is_none()) {
            return Err("a GPU does not tell its PCI address, by which CUDA numbers them".to_owned());
        }
        order.sort_by_key(|index| gpus[*index].pci);
    }
    order.get(place).copied().ok_or_else(|| format!("{VARIABLE} names a GPU that is not there"))
}

fn by_uuid(prefix: &str, gpus: &[Identity]) -> Result<usize, String> {
    if gpus.iter().any(|gpu| gpu.uuid.is_none()) {
        return Err(format!("{VARIABLE} names a UUID, and a GPU does not tell its own"));
    }
    let fits = |gpu: &Identity| gpu.uuid.as_ref().is_some_and(|uuid| uuid.starts_with(prefix));
    let found: Vec<usize> = (0..gpus.len()).filter(|index| fits(&gpus[*index])).collect();
    match found[..] {
        [one] => Ok(one),
        [] => Err(format!("{VARIABLE} names a GPU that is not there")),
        _ => Err(format!("{VARIABLE} names more than one GPU with one UUID")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gpu(uuid: &str, bus: u32) -> Identity {
        Identity { uuid: Some(uuid.to_owned()), pci: Some([0, bus, 0]), mig: Some(false) }
    }

    /// NVML lists them against the order of their buses.
    fn two() -> [Identity; 2] {
        [gpu("GPU-aa11", 9), gpu("GPU-aa22", 3)]
    }

    #[test]
    fn numbers_go_by_pci_address() {
        assert_eq!(first(None, &two()), Ok(1));
        assert_eq!(first(Some("0"), &two()), Ok(1));
        assert_eq!(first(Some("1,0"), &two()), Ok(0));
        assert_eq!(first(Some(" 1 , 0"), &two()), Ok(0));
    }

    #[test]
    fn uuids_may_be_cut_short_while_they_are_unique() {
        assert_eq!(first(Some("GPU-aa2"), &two()), Ok(1));
        assert_eq!(first(Some("GPU-aa11,GPU-aa22"), &two()), Ok(0));
        assert!(first(Some("GPU-aa"), &two()).unwrap_err().contains("more than one"));
        assert!(first(Some("GPU-b"), &two()).unwrap_err().contains("not there"));
    }

    #[test]
    fn an_empty_or_ambiguous_choice_is_unknown() {
        for (chosen, part) in [
            (Some(""), "hides all"),
            (Some("-1"), "neither"),
            (Some("NoDevFiles"), "neither"),
            (Some("2"), "not there"),
            (Some("99999999999999999999999"), "neither"),
            (Some("MIG-1234"), "MIG"),
            (Some(",0"), "hides all"),
        ] {
            let reason = first(chosen, &two()).unwrap_err();
            assert!(reason.contains(part), "{chosen:?}: {reason}");
        }
        assert!(first(None, &[]).unwrap_err().contains("no GPU"));
    }

    #[test]
    fn of_several_gpus_all_must_say_who_they_are() {
        let mut gpus = two();
        gpus[0].pci = None;
        assert!(first(None, &gpus).unwrap_err().contains("PCI"));
        assert_eq!(first(Some("GPU-aa2"), &gpus), Ok(1));
        gpus[0].uuid = None;
        assert!(first(Some("GPU-aa2"), &gpus).is_err());
        let mut gpus = two();
        gpus[1].mig = Some(true);
        assert!(first(None, &gpus).unwrap_err().contains("MIG"));
    }

    #[test]
    fn one_gpu_is_the_first_whatever_it_says() {
        assert_eq!(first(None, &[Identity::default()]), Ok(0));
        assert_eq!(first(None, &[Identity { mig: Some(true), ..Identity::default() }]), Ok(0));
    }
}
