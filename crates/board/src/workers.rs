//! A map on several threads, in the order of its items.

use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Number of threads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Workers(NonZero<usize>);

impl Workers {
    /// This number of threads.
    pub fn new(count: NonZero<usize>) -> Self {
        Self(count)
    }

    /// One for each processor that this process may use.
    pub fn all() -> Self {
        Self(thread::available_parallelism().unwrap_or(NonZero::<usize>::MIN))
    }

    /// Applies `work` to every item. Each thread takes the next item that is left, since some cost far more than others.
    pub(super) fn map<Item: Sync, Done: Send>(self, items: &[Item], work: impl Fn(&Item) -> Done + Sync) -> Vec<Done> {
        let next = AtomicUsize::new(0);
        let take_turns = || {
            let mut done = Vec::new();
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                let Some(item) = items.get(index) else { return done };
                done.push((index, work(item)));
            }
        };
        let mut done: Vec<(usize, Done)> = thread::scope(|scope| {
            let threads: Vec<_> = (0..self.0.get().min(items.len())).map(|_| scope.spawn(take_turns)).collect();
            threads.into_iter().flat_map(|thread| thread.join().expect("work that panics is a bug")).collect()
        });
        done.sort_unstable_by_key(|(index, _)| *index);
        done.into_iter().map(|(_, done)| done).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_stand_in_the_order_of_the_questions() {
        let items: Vec<u64> = (0..500).collect();
        let expected: Vec<u64> = items.iter().map(|item| item * item).collect();
        for count in [1, 2, 7, 1000] {
            let workers = Workers::new(NonZero::new(count).unwrap());
            assert_eq!(workers.map(&items, |item| item * item), expected, "{count} threads");
        }
        assert_eq!(Workers::all().map(&[] as &[u64], |item| *item), [0_u64; 0]);
    }
}
