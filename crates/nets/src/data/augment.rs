//! Augmentation: images of a mini-batch flipped and shifted at random, off by default.

use crate::kernels::Real;
use glasslab_core::Streams;
use rand::RngExt;

/// What is done to the images of the mini-batches of SGD; losses, noise and energies see the images themselves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Augmentation {
    /// Mirror left and right with probability 1/2.
    pub flip: bool,
    /// Pad by this many black pixels on each side and cut out a random part of the image's size; 0 does nothing.
    pub crop: usize,
}

/// What happens to one image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Move {
    flip: bool,
    down: isize,
    across: isize,
}

impl Augmentation {
    /// True if nothing is done.
    pub fn is_off(self) -> bool {
        self == Self::default()
    }

    /// The moves of the images of one batch, in their order: for each the shifts down and across, uniform in -crop..=crop, then the
    /// flip, from the stream ("augmentation", replica, step). Convention: the law of `RandomCrop(side, padding)` and
    /// `RandomHorizontalFlip` of torchvision.
    pub(crate) fn moves(self, streams: Streams, replica: u64, step: u64, batch: usize) -> Vec<Move> {
        if self.is_off() {
            return Vec::new();
        }
        let mut rng = streams.stream("augmentation", replica, step);
        let most = self.crop as i64;
        let mut shift =
            || if most == 0 { (0, 0) } else { (rng.random_range(-most..=most), rng.random_range(-most..=most)) };
        let mut moves: Vec<Move> = Vec::with_capacity(batch);
        for _ in 0..batch {
            let (down, across) = shift();
            moves.push(Move { flip: false, down: down as isize, across: across as isize });
        }
        if self.flip {
            let mut rng = streams.stream("augmentation flip", replica, step);
            moves.iter_mut().for_each(|m| m.flip = rng.random());
        }
        moves
    }
}

impl Move {
    /// The image [channels, height, width] moved; `black` is what a pixel 0 becomes in each channel.
    pub fn apply<T: Real>(self, image: &mut [T], [_, height, width]: [usize; 3], black: impl Fn(usize) -> T) {
        if self == Self::default() {
            return;
        }
        let before = image.to_vec();
        let planes = image.chunks_exact_mut(height * width).zip(before.chunks_exact(height * width));
        for (c, (to, from)) in planes.enumerate() {
            for (y, row) in to.chunks_exact_mut(width).enumerate() {
                let source = y.checked_add_signed(self.down).filter(|&y| y < height);
                for (x, v) in row.iter_mut().enumerate() {
                    let x = if self.flip { width - 1 - x } else { x };
                    let column = x.checked_add_signed(self.across).filter(|&x| x < width);
                    *v = match (source, column) {
                        (Some(y), Some(x)) => from[y * width + x],
                        _ => black(c),
                    };
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A 1 x 2 x 3 image by hand: flipped, shifted, both.
    #[test]
    fn images_move_as_stated() {
        let image = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        let moved = |flip, down, across| {
            let mut out = image;
            Move { flip, down, across }.apply(&mut out, [1, 2, 3], |_| -1.0);
            out
        };
        assert_eq!(moved(true, 0, 0), [3.0, 2.0, 1.0, 6.0, 5.0, 4.0]);
        assert_eq!(moved(false, 1, -1), [-1.0, 4.0, 5.0, -1.0, -1.0, -1.0]);
        assert_eq!(moved(true, 0, 1), [-1.0, 3.0, 2.0, -1.0, 6.0, 5.0]);
    }

    /// 4000 draws: each of the 9 x 9 shifts about 4000/81 = 49 times (5 standard errors: 35), half of the images flipped (5
    /// standard errors of 4000 coins: 158); nothing depends on more than seed, replica and step.
    #[test]
    fn moves_have_the_stated_law() {
        let law = Augmentation { flip: true, crop: 4 };
        let moves = law.moves(Streams::new(1), 2, 3, 4000);
        assert_eq!(moves, law.moves(Streams::new(1), 2, 3, 4000));
        assert_ne!(moves, law.moves(Streams::new(1), 2, 4, 4000));
        assert_ne!(moves, law.moves(Streams::new(1), 3, 3, 4000));
        let flipped = moves.iter().filter(|m| m.flip).count();
        assert!(flipped.abs_diff(2000) < 158, "{flipped}");
        for down in -4..=4 {
            for across in -4..=4 {
                let seen = moves.iter().filter(|m| (m.down, m.across) == (down, across)).count();
                assert!(seen.abs_diff(49) < 35, "{down} {across}: {seen}");
            }
        }
        assert!(Augmentation::default().moves(Streams::new(1), 0, 0, 9).is_empty());
    }
}
