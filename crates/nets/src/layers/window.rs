//! A square window that slides over an image.

use glasslab_core::Fault;
use std::ops::Range;

/// Where windows lie: output y looks at inputs y stride - padding to y stride - padding + kernel - 1; what lies outside
/// the image is padding. Output sides are floor((side + 2 padding - kernel)/stride) + 1, as in PyTorch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Side of the window.
    pub kernel: usize,
    /// Distance of neighbouring windows.
    pub stride: usize,
    /// Rows and columns added at each border.
    pub padding: usize,
}

impl Window {
    /// A window without padding.
    pub fn new(kernel: usize, stride: usize) -> Self {
        Self { kernel, stride, padding: 0 }
    }

    /// Sides of the output for images `[channels, height, width]`. Fails if kernel or stride is 0, the padding is more
    /// than `most_padding`, or the window does not fit into the image.
    pub(super) fn sides(&self, image: [usize; 3], most_padding: usize) -> Result<[usize; 2], Fault> {
        let Self { kernel, stride, padding } = *self;
        if kernel == 0 || stride == 0 {
            let fix = "give a kernel and a stride of at least 1";
            return Err(Fault::input("kernel and stride", format!("{kernel}, {stride}"), fix));
        }
        if padding > most_padding {
            return Err(Fault::input(
                "padding",
                padding,
                format!("give at most {most_padding} for a kernel of {kernel}"),
            ));
        }
        let side = |length: usize| (length + 2 * padding).checked_sub(kernel).map(|room| room / stride + 1);
        match (side(image[1]), side(image[2])) {
            (Some(height), Some(width)) if image[0] > 0 => Ok([height, width]),
            _ => {
                let fix = format!("give larger images, or a smaller kernel than {kernel}: it must fit into the image");
                Err(Fault::input("image", format!("{image:?}"), fix))
            }
        }
    }

    /// The inputs of a side `length` that window number `at` sees.
    #[inline(always)]
    pub(super) fn span(&self, at: usize, length: usize) -> Range<usize> {
        let first = at * self.stride;
        first.saturating_sub(self.padding)..(first + self.kernel).saturating_sub(self.padding).min(length)
    }
}
