//! The decoded data set as it is sent to the trainer and digested.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Shapes of the decoded data set: images as bytes in the order image, row, column, channel; labels as bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArrayShapes {
    /// Training images.
    pub train: u32,
    /// Evaluation images.
    pub evaluation: u32,
    /// Rows.
    pub height: u32,
    /// Columns.
    pub width: u32,
    /// Color channels.
    pub channels: u32,
    /// Classes.
    pub classes: u32,
}

impl ArrayShapes {
    /// Bytes of one image.
    pub fn image_bytes(self) -> usize {
        self.height as usize * self.width as usize * self.channels as usize
    }

    /// Bytes of the four arrays in the order sent: training images and labels, evaluation images and labels.
    pub fn byte_counts(self) -> [usize; 4] {
        let (train, evaluation) = (self.train as usize, self.evaluation as usize);
        [train * self.image_bytes(), train, evaluation * self.image_bytes(), evaluation]
    }
}

/// A decoded data set in one piece of memory, owned or mapped from a file: training images, training labels, evaluation
/// images, evaluation labels; images in the order image, row, column, channel, labels from 0. Cloning copies nothing.
#[derive(Clone)]
pub struct Arrays {
    bytes: Arc<dyn AsRef<[u8]> + Send + Sync>,
    shapes: ArrayShapes,
}

/// The number of bytes is not that of the shapes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the arrays have {found} bytes, expected {expected}")]
pub struct WrongLength {
    /// Found.
    pub found: usize,
    /// Expected.
    pub expected: usize,
}

impl Arrays {
    /// Takes the bytes of the four arrays, one after the other.
    pub fn new(bytes: impl AsRef<[u8]> + Send + Sync + 'static, shapes: ArrayShapes) -> Result<Self, WrongLength> {
        let (found, expected) = (bytes.as_ref().len(), shapes.byte_counts().iter().sum());
        if found == expected {
            Ok(Self { bytes: Arc::new(bytes), shapes })
        } else {
            Err(WrongLength { found, expected })
        }
    }

    /// All bytes, as sent to the trainer and digested.
    pub fn bytes(&self) -> &[u8] {
        (*self.bytes).as_ref()
    }

    /// Shapes of the arrays.
    pub fn shapes(&self) -> ArrayShapes {
        self.shapes
    }

    /// Training images, training labels, evaluation images, evaluation labels.
    pub fn parts(&self) -> [&[u8]; 4] {
        let mut rest = self.bytes();
        self.shapes.byte_counts().map(|length| {
            let (part, after) = rest.split_at(length);
            rest = after;
            part
        })
    }

    /// Training images.
    pub fn train_images(&self) -> &[u8] {
        self.parts()[0]
    }

    /// Training labels.
    pub fn train_labels(&self) -> &[u8] {
        self.parts()[1]
    }

    /// Evaluation images.
    pub fn eval_images(&self) -> &[u8] {
        self.parts()[2]
    }

    /// Evaluation labels.
    pub fn eval_labels(&self) -> &[u8] {
        self.parts()[3]
    }
}

impl fmt::Debug for Arrays {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Arrays").field("shapes", &self.shapes).finish_non_exhaustive()
    }
}
