//! The cloud instance that this machine is, by the texts of its firmware (DMI). Serial numbers are never read.
//!
//! Sources: what Amazon documents for telling its instances (vendor on Nitro, the firmware's version on Xen), and what
//! cloud-init's `ds-identify` goes by for Google's product name and Microsoft's chassis tag. The providers' names are those of
//! the price table.

use serde::{Deserialize, Serialize};

use crate::kernel::Kernel;

/// Folder of the firmware's texts, from the root.
const FOLDER: &str = "sys/class/dmi/id";

/// Tag of all virtual machines in Azure.
const AZURE_TAG: &str = "7783-7084-3265-9085-8269-3286-77";

/// A rented machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Instance {
    /// Provider, by its name in the price table: `aws`, `gcp` or `azure`.
    pub provider: String,
    /// Type, such as `p5.48xlarge`; `null` where the firmware does not say.
    pub instance_type: Option<String>,
}

impl Instance {
    /// Reads the firmware's texts. The error says why no instance is recognized.
    pub(super) fn read(kernel: &Kernel) -> Result<Self, String> {
        kernel.names(FOLDER)?;
        let word = |name: &str| kernel.read(&format!("{FOLDER}/{name}")).unwrap_or_default().trim().to_owned();
        let (product, chassis) = (word("product_name"), word("chassis_asset_tag"));
        let is_amazon = word("sys_vendor") == "Amazon EC2" || word("bios_version").ends_with(".amazon");
        let (provider, instance_type) = if is_amazon {
            ("aws", is_amazon_type(&product).then_some(product))
        } else if product == "Google Compute Engine" {
            ("gcp", None)
        } else if chassis == AZURE_TAG {
            ("azure", None)
        } else {
            return Err("the firmware names no provider that is known here".to_owned());
        };
        Ok(Self { provider: provider.to_owned(), instance_type })
    }
}

/// Whether a product name is a type: older machines (Xen) say `HVM domU` there.
fn is_amazon_type(text: &str) -> bool {
    let plain = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    };
    text.len() <= 32 && text.split_once('.').is_some_and(|(family, size)| plain(family) && plain(size))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::MadeKernel;

    fn read(words: &[(&str, &str)]) -> Result<(String, Option<String>), String> {
        let files: Vec<(String, &str)> = words.iter().map(|(name, text)| (format!("{FOLDER}/{name}"), *text)).collect();
        let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), *text)).collect();
        let found = Instance::read(&MadeKernel::new(&files).kernel);
        found.map(|found| (found.provider, found.instance_type))
    }

    #[test]
    fn instances_are_known_by_their_firmware() {
        let nitro =
            [("sys_vendor", "Amazon EC2\n"), ("product_name", "p5.48xlarge\n"), ("board_asset_tag", "i-0123\n")];
        assert_eq!(read(&nitro), Ok(("aws".to_owned(), Some("p5.48xlarge".to_owned()))));
        let metal = [("sys_vendor", "Amazon EC2"), ("product_name", "u-6tb1.metal")];
        assert_eq!(read(&metal), Ok(("aws".to_owned(), Some("u-6tb1.metal".to_owned()))));
        let xen = [("sys_vendor", "Xen"), ("product_name", "HVM domU"), ("bios_version", "4.2.amazon\n")];
        assert_eq!(read(&xen), Ok(("aws".to_owned(), None)));
        let google = [("sys_vendor", "Google"), ("product_name", "Google Compute Engine\n")];
        assert_eq!(read(&google), Ok(("gcp".to_owned(), None)));
        let azure =
            [("sys_vendor", "Microsoft Corporation"), ("chassis_asset_tag", "7783-7084-3265-9085-8269-3286-77\n")];
        assert_eq!(read(&azure), Ok(("azure".to_owned(), None)));
    }

    #[test]
    fn other_machines_are_no_instances() {
        let hyper_v = [("sys_vendor", "Microsoft Corporation"), ("product_name", "Virtual Machine")];
        assert!(read(&hyper_v).unwrap_err().contains("no provider"));
        assert!(read(&[]).unwrap_err().contains("/sys/class/dmi/id"));
        let hostile = [("sys_vendor", "Amazon EC2"), ("product_name", "p5.\u{1b}[31m")];
        assert_eq!(read(&hostile), Ok(("aws".to_owned(), None)));
    }
}
