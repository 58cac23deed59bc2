//! Many images, decoded and resized by several threads into one array.
//!
//! The array and the error depend on the images and their order alone, never on the number of threads or on which of
//! them was faster.

use std::mem;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use super::image::{self, ImageError, MOST_PIXELS};
use super::resize::{Resize, Resizer};

/// Most bytes of an image's memory that a thread keeps for the next one.
const KEPT: usize = 16 << 20;

/// Pixels that may be decoded at once, by all threads together: as many as one image may have. With the most that libjpeg
/// adds to it for images in many scans, the decoders of a process hold less than 800 MiB.
struct Budget {
    free: Mutex<u64>,
    returned: Condvar,
}

impl Budget {
    /// Waits until an image of so many pixels may be decoded; it may be until the answer is dropped.
    fn spend(&self, pixels: u64) -> Spent<'_> {
        let pixels = pixels.min(MOST_PIXELS);
        let wait = |free: &mut u64| *free < pixels;
        *self.returned.wait_while(locked(&self.free), wait).unwrap_or_else(PoisonError::into_inner) -= pixels;
        Spent { budget: self, pixels }
    }
}

/// A part of the budget. It is returned even by a panic, for which other threads would wait else.
struct Spent<'a> {
    budget: &'a Budget,
    pixels: u64,
}

impl Drop for Spent<'_> {
    fn drop(&mut self) {
        *locked(&self.budget.free) += self.pixels;
        self.budget.returned.notify_all();
    }
}

/// The images of all items, one after the other in the order of the items, [`Resize::bytes`] each.
///
/// `read` gets the bytes of an item's file. `refused` makes an error that names the file if the bytes are not an image.
/// `progress` is called from any thread with the number of finished items. At least one thread works.
///
/// On an error no further items are begun; of the items that fail, the error is that of the first in order.
pub fn decode_all<T: Sync, E: Send>(
    items: &[T],
    read: impl Fn(&T) -> Result<Vec<u8>, E> + Sync,
    refused: impl Fn(&T, ImageError) -> E + Sync,
    resize: Resize,
    threads: usize,
    progress: &(dyn Fn(usize) + Sync),
) -> Result<Vec<u8>, E> {
    let mut pixels = vec![0; items.len() * resize.bytes()];
    let jobs = Mutex::new(items.iter().zip(pixels.chunks_exact_mut(resize.bytes().max(1))).enumerate());
    let (done, first_error) = (AtomicUsize::new(0), Mutex::new(None::<(usize, E)>));
    let next = || if locked(&first_error).is_some() { None } else { locked(&jobs).next() };
    let budget = Budget { free: Mutex::new(MOST_PIXELS), returned: Condvar::new() };
    let decode = |item: &T, out: &mut [u8], resizer: &mut Resizer, spare: &mut Vec<u8>| {
        let bytes = read(item)?;
        let pixels = image::pixels(&bytes).map_err(|error| refused(item, error))?;
        let _spent = budget.spend(pixels);
        let image = image::decode_with(&bytes, mem::take(spare)).map_err(|error| refused(item, error))?;
        resizer.apply(&image, resize, out);
        *spare = if image.pixels.capacity() > KEPT { Vec::new() } else { image.pixels };
        Ok(())
    };
    // Items are given out in order. So when one fails, all before it have been given out and will be finished, and the
    // first error in order is known in the end.
    let work = || {
        // Each thread reuses its buffers for the next image.
        let (mut resizer, mut spare) = (Resizer::new(), Vec::new());
        while let Some((index, (item, out))) = next() {
            match decode(item, out, &mut resizer, &mut spare) {
                Ok(()) => progress(done.fetch_add(1, Ordering::Relaxed) + 1),
                Err(error) => {
                    let mut first = locked(&first_error);
                    if first.as_ref().is_none_or(|(other, _)| index < *other) {
                        *first = Some((index, error));
                    }
                }
            }
        }
    };
    thread::scope(|scope| {
        for _ in 1..threads.min(items.len()) {
            scope.spawn(work);
        }
        work();
    });
    let first_error = first_error.into_inner().unwrap_or_else(PoisonError::into_inner);
    first_error.map_or(Ok(pixels), |(_, error)| Err(error))
}

/// A panic of another thread ends the scope anyway.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use super::*;

    const RESIZE: Resize = Resize::Squash { side: 4 };

    /// A PNG of one gray pixel.
    fn dot(gray: u8) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut writer = png::Encoder::new(&mut bytes, 1, 1).write_header().unwrap();
        writer.write_image_data(&[gray]).unwrap();
        writer.finish().unwrap();
        bytes
    }

    fn decoded(items: &[u8], threads: usize, bad: &[u8]) -> Result<Vec<u8>, u8> {
        let read = |item: &u8| Ok(if bad.contains(item) { Vec::new() } else { dot(*item) });
        decode_all(items, read, |item, _| *item, RESIZE, threads, &|_| ())
    }

    #[test]
    fn order_is_that_of_the_items_whatever_the_threads() {
        let items: Vec<u8> = (0..200).collect();
        let expected: Vec<u8> = items.iter().flat_map(|gray| [*gray; 48]).collect();
        for threads in [0, 1, 2, 7] {
            assert_eq!(decoded(&items, threads, &[]).as_ref(), Ok(&expected));
        }
        assert_eq!(decoded(&[], 2, &[]), Ok(Vec::new()));
    }

    #[test]
    fn the_first_bad_item_in_order_is_named_even_when_it_fails_last() {
        let both = Barrier::new(2);
        let (late, early) = (Barrier::new(2), AtomicUsize::new(0));
        let read = |item: &u8| {
            both.wait();
            if *item == 0 {
                late.wait();
            }
            early.fetch_add(1, Ordering::SeqCst);
            Err(*item)
        };
        let refused = |item: &u8, _: ImageError| *item;
        let outcome = thread::scope(|scope| {
            let run = scope.spawn(|| decode_all(&[0, 1], read, refused, RESIZE, 2, &|_| ()));
            while early.load(Ordering::SeqCst) == 0 {
                thread::yield_now();
            }
            late.wait();
            run.join().unwrap()
        });
        assert_eq!(outcome, Err(0));
    }

    #[test]
    fn an_error_stops_the_work() {
        let items: Vec<u8> = (0..250).collect();
        let begun = AtomicUsize::new(0);
        let read = |item: &u8| {
            begun.fetch_add(1, Ordering::Relaxed);
            if *item == 3 { Err(*item) } else { Ok(dot(*item)) }
        };
        assert_eq!(decode_all(&items, read, |item, _| *item, RESIZE, 1, &|_| ()), Err(3));
        assert_eq!(begun.load(Ordering::Relaxed), 4);
        assert_eq!(decoded(&items, 4, &[90, 40, 200]), Err(40));
    }

    #[test]
    fn no_more_pixels_are_decoded_at_once_than_one_image_may_have() {
        let budget = Budget { free: Mutex::new(MOST_PIXELS), returned: Condvar::new() };
        let (now, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let work = &|pixels: u64| {
            let _spent = budget.spend(pixels);
            let pixels = usize::try_from(pixels).unwrap();
            most.fetch_max(now.fetch_add(pixels, Ordering::Relaxed) + pixels, Ordering::Relaxed);
            thread::yield_now();
            now.fetch_sub(pixels, Ordering::Relaxed);
        };
        thread::scope(|scope| {
            for share in 1..9 {
                scope.spawn(move || (0..20).for_each(|_| work(MOST_PIXELS / share)));
            }
        });
        assert!(most.into_inner() as u64 <= MOST_PIXELS);
        assert_eq!(*budget.free.lock().unwrap(), MOST_PIXELS);
    }

    #[test]
    fn progress_counts_every_item_once() {
        let seen = Mutex::new(Vec::new());
        let items = [1_u8; 30];
        let all = decode_all(&items, |item| Ok::<_, ()>(dot(*item)), |_, _| (), RESIZE, 2, &|done| {
            seen.lock().unwrap().push(done);
        });
        assert!(all.is_ok());
        let mut seen = seen.into_inner().unwrap();
        seen.sort_unstable();
        assert_eq!(seen, (1..=30).collect::<Vec<_>>());
    }
}
