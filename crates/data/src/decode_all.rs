//! Many images, decoded and resized by several threads into one array.
//!
//! The array and the error depend on the images and their order alone, never on the number of threads or on which of
//! them was faster.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use super::image::{self, ImageError};
use super::resize::{Resize, Resizer};

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
    let queue = Queue::new(items, &mut pixels, resize);
    let work = |item: &T, out: &mut [u8], tools: &mut Tools| {
        let spare = std::mem::take(&mut tools.spare);
        let image = image::decode_with(&read(item)?, spare).map_err(|error| refused(item, error))?;
        tools.resizer.apply(&image, resize, out);
        tools.spare = image.into_spare();
        Ok(())
    };
    std::thread::scope(|scope| {
        for _ in 1..threads.min(items.len()) {
            scope.spawn(|| queue.serve(work, progress));
        }
        queue.serve(work, progress);
    });
    match queue.first_error() {
        Some(error) => Err(error),
        None => Ok(pixels),
    }
}

/// Buffers that a thread reuses for the next image.
#[derive(Default)]
struct Tools {
    resizer: Resizer,
    spare: Vec<u8>,
}

type Jobs<'a, T> = Mutex<Box<dyn Iterator<Item = (usize, (&'a T, &'a mut [u8]))> + Send + 'a>>;

/// The items that remain, each with its place in the array, and the first error.
///
/// Items are given out in order. So when one fails, all before it have been given out and will be finished, and the first
/// error in order is known in the end.
struct Queue<'a, T, E> {
    jobs: Jobs<'a, T>,
    done: AtomicUsize,
    error: Mutex<Option<(usize, E)>>,
}

impl<'a, T: Sync, E: Send> Queue<'a, T, E> {
    fn new(items: &'a [T], pixels: &'a mut [u8], resize: Resize) -> Self {
        let places = pixels.chunks_exact_mut(resize.bytes().max(1));
        Self {
            jobs: Mutex::new(Box::new(items.iter().zip(places).enumerate())),
            done: AtomicUsize::new(0),
            error: Mutex::new(None),
        }
    }

    fn next(&self) -> Option<(usize, (&'a T, &'a mut [u8]))> {
        if self.error.lock().unwrap_or_else(PoisonError::into_inner).is_some() {
            return None;
        }
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner).next()
    }

    /// Does jobs until there are none, or one has failed.
    fn serve(&self, work: impl Fn(&T, &mut [u8], &mut Tools) -> Result<(), E>, progress: &dyn Fn(usize)) {
        let mut tools = Tools::default();
        while let Some((index, (item, out))) = self.next() {
            match work(item, out, &mut tools) {
                Ok(()) => progress(self.done.fetch_add(1, Ordering::Relaxed) + 1),
                Err(error) => self.fail(index, error),
            }
        }
    }

    fn fail(&self, index: usize, error: E) {
        let mut first = self.error.lock().unwrap_or_else(PoisonError::into_inner);
        if first.as_ref().is_none_or(|(other, _)| index < *other) {
            *first = Some((index, error));
        }
    }

    fn first_error(self) -> Option<E> {
        self.error.into_inner().unwrap_or_else(PoisonError::into_inner).map(|(_, error)| error)
    }
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
        let outcome = std::thread::scope(|scope| {
            let run = scope.spawn(|| decode_all(&[0, 1], read, refused, RESIZE, 2, &|_| ()));
            while early.load(Ordering::SeqCst) == 0 {
                std::thread::yield_now();
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
