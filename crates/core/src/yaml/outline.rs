//! Where each key and value of a guarded text stands, for the error message that needs one of them.
//!
//! Built only after a typed read failed, never on the way to a value.

use saphyr_parser::{Event, Parser, Span, StrInput};
use serde_path_to_error::{Path, Segment};

use crate::yaml::position::Position;
use crate::yaml::source::Source;

/// A value and what is in it.
struct Node {
    at: Position,
    inside: Inside,
}

enum Inside {
    Nothing,
    Items(Vec<Node>),
    /// Key, its place, its value.
    Entries(Vec<(String, Position, Node)>),
}

type Events<'a> = Parser<'a, StrInput<'a>>;

fn root(text: &str) -> Option<Node> {
    let mut events = Parser::new_from_str(text);
    loop {
        match events.next()?.ok()? {
            (Event::StreamStart | Event::DocumentStart(_), _) => {}
            (event, span) => return node(&event, span, &mut events),
        }
    }
}

/// The place of the value under a path of keys such as `optimizer.weights.lr`, or of the list for `blocks.widths[1]`.
pub(super) fn locate_key(source: &Source, key_path: &str) -> Option<Position> {
    let root = root(source.text())?;
    let keys: Vec<&str> = key_path.split('.').map(|key| key.split('[').next().unwrap_or(key)).collect();
    let below = |start: &str| Some(root.descend(start)?.descend(&keys.join("."))?.at);
    source.starts().find_map(below)
}

/// The place of the value that a path leads to, or of `key` inside it if that is given and there. Where none of the parts of a text has
/// it, the place of the first one that is there.
pub(super) fn locate(source: &Source, path: &Path, key: Option<&str>) -> Option<Position> {
    let root = root(source.text())?;
    let starts = || source.starts().filter_map(|start| root.descend(start));
    starts().find_map(|start| below(start, path, key)).or_else(|| starts().next().map(|start| start.at))
}

fn below(start: &Node, path: &Path, key: Option<&str>) -> Option<Position> {
    let mut here = start;
    let mut key_at = None;
    for segment in path {
        (key_at, here) = here.step(segment)?;
    }
    let Some(key) = key else {
        return Some(here.at);
    };
    let inside = here.entry(key).map(|(at, _)| at);
    inside.or(key_at).or(Some(here.at))
}

impl Node {
    /// One step down a path: the place of the key, if it has one, and the value.
    fn step(&self, segment: &Segment) -> Option<(Option<Position>, &Self)> {
        match (segment, &self.inside) {
            (Segment::Seq { index }, Inside::Items(items)) => Some((None, items.get(*index)?)),
            (Segment::Map { key }, _) => self.entry(key).map(|(at, value)| (Some(at), value)),
            _ => None,
        }
    }

    /// The value under a key path such as `variants[1].changes`; an empty one leads here.
    fn descend(&self, key_path: &str) -> Option<&Self> {
        let mut here = self;
        for part in key_path.split('.').filter(|part| !part.is_empty()) {
            let mut steps = part.split('[');
            here = here.entry(steps.next()?)?.1;
            for index in steps {
                let Inside::Items(items) = &here.inside else { return None };
                here = items.get(index.trim_end_matches(']').parse::<usize>().ok()?)?;
            }
        }
        Some(here)
    }

    fn entry(&self, wanted: &str) -> Option<(Position, &Self)> {
        let Inside::Entries(entries) = &self.inside else {
            return None;
        };
        let found = entries.iter().find(|(key, ..)| key == wanted)?;
        Some((found.1, &found.2))
    }
}

/// The node that an event starts. The guard has bounded the depth, so the recursion is bounded too.
fn node(event: &Event<'_>, span: Span, events: &mut Events<'_>) -> Option<Node> {
    let at = span.start.into();
    let inside = match event {
        Event::SequenceStart(..) => Inside::Items(items(events)?),
        Event::MappingStart(..) => Inside::Entries(entries(events)?),
        _ => Inside::Nothing,
    };
    Some(Node { at, inside })
}

fn items(events: &mut Events<'_>) -> Option<Vec<Node>> {
    let mut items = Vec::new();
    loop {
        match events.next()?.ok()? {
            (Event::SequenceEnd, _) => return Some(items),
            (event, span) => items.push(node(&event, span, events)?),
        }
    }
}

fn entries(events: &mut Events<'_>) -> Option<Vec<(String, Position, Node)>> {
    let mut entries = Vec::new();
    while let (Event::Scalar(key, ..), key_span) = events.next()?.ok()? {
        let (event, span) = events.next()?.ok()?;
        let value = node(&event, span, events)?;
        entries.push((key.into_owned(), key_span.start.into(), value));
    }
    Some(entries)
}
