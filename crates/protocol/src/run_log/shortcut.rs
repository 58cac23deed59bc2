//! Ways to compute a step that are not libtorch's plain operations, and whether a session used them.

use serde::{Deserialize, Serialize};

use hlb_core::text::SafeText;

/// A way to compute a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ShortcutName {
    /// SGD by libtorch's fused kernel on CUDA.
    FusedSgd,
    /// The forward and backward passes as one CUDA graph.
    CudaGraph,
    /// Pooling, normalization and activation in kernels of our own.
    FusedStages,
}

impl ShortcutName {
    /// As in files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::FusedSgd => "fused_sgd",
            Self::CudaGraph => "cuda_graph",
            Self::FusedStages => "fused_stages",
        }
    }
}

/// A way to compute a step that the warmup run held against the plain one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shortcut {
    /// Which.
    pub name: ShortcutName,
    /// Why it was not used; absent where it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<SafeText<240>>,
}

/// Whether each is named once.
pub(super) fn are_distinct(shortcuts: &[Shortcut]) -> bool {
    (1..).zip(shortcuts).all(|(next, shortcut)| shortcuts[next..].iter().all(|other| other.name != shortcut.name))
}

/// Takes in what a process decided. A shortcut counts as refused in a session if one of its processes refused it.
pub(super) fn join(known: &mut Vec<Shortcut>, decided: Vec<Shortcut>) {
    for shortcut in decided {
        match known.iter_mut().find(|other| other.name == shortcut.name) {
            Some(other) => other.refused = other.refused.take().or(shortcut.refused),
            None => known.push(shortcut),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shortcut(name: ShortcutName, refused: Option<&str>) -> Shortcut {
        Shortcut { name, refused: refused.map(|text| text.parse().expect("a text")) }
    }

    #[test]
    fn each_is_named_once() {
        let [graph, fused] = [ShortcutName::CudaGraph, ShortcutName::FusedSgd].map(|name| shortcut(name, None));
        assert!(are_distinct(&[]) && are_distinct(&[graph.clone(), fused.clone()]));
        assert!(!are_distinct(&[graph.clone(), fused, graph]));
    }

    #[test]
    fn what_one_process_refused_is_refused() {
        let mut known = vec![shortcut(ShortcutName::CudaGraph, None)];
        join(&mut known, vec![shortcut(ShortcutName::CudaGraph, Some("lost")), shortcut(ShortcutName::FusedSgd, None)]);
        join(&mut known, vec![shortcut(ShortcutName::CudaGraph, None)]);
        let expected = [shortcut(ShortcutName::CudaGraph, Some("lost")), shortcut(ShortcutName::FusedSgd, None)];
        assert_eq!(known, expected);
    }

    #[test]
    fn a_reason_is_absent_where_it_was_used() {
        let text = |shortcut: &Shortcut| serde_json::to_string(shortcut).expect("it can be written");
        assert_eq!(text(&shortcut(ShortcutName::CudaGraph, None)), r#"{"name":"cuda_graph"}"#);
        assert_eq!(text(&shortcut(ShortcutName::FusedStages, Some("a"))), r#"{"name":"fused_stages","refused":"a"}"#);
    }
}
