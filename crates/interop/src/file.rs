//! A file of an export.

/// A file of an export that has several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportedFile {
    /// Folder that it belongs in, below the export's.
    pub folder: String,
    /// Its name.
    pub name: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}
