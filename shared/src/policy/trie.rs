//! Finding the rule for a path: a tree over segments, so that the cost depends on the path's depth and
//! not on how many routes there are.

use super::pattern::Segment;
use crate::path::CanonicalPath;

/// Patterns as a tree. What belongs to a pattern is an index: into the policy's groups of routes.
#[derive(Clone, Debug, Default)]
pub(super) struct Trie {
    root: Node,
    /// Whether a literal has capitals.
    has_capitals: bool,
}

#[derive(Clone, Debug, Default)]
struct Node {
    /// Sorted by text.
    literals: Vec<(Box<str>, Node)>,
    parameter: Option<Box<Node>>,
    /// The pattern that ends here.
    end: Option<usize>,
    /// The pattern that takes all from here on, by `**`.
    rest: Option<usize>,
}

impl Trie {
    /// The index under the pattern, which is `new` if the pattern was not there yet. Patterns that differ
    /// in nothing but the names of parameters are one.
    pub(super) fn insert(&mut self, pattern: &[Segment], new: usize) -> usize {
        let mut node = &mut self.root;
        for segment in pattern {
            node = match segment {
                Segment::Literal(text) => {
                    self.has_capitals |= has_capitals(text);
                    let found = node.literals.binary_search_by(|(literal, _)| literal.cmp(text));
                    let at = found.unwrap_or_else(|at| {
                        node.literals.insert(at, (text.clone(), Node::default()));
                        at
                    });
                    &mut node.literals[at].1
                }
                Segment::Parameter => node.parameter.get_or_insert_default(),
                Segment::Rest => return *node.rest.get_or_insert(new),
            };
        }
        *node.end.get_or_insert(new)
    }

    /// The index under the most specific pattern that matches.
    pub(super) fn find(&self, path: &CanonicalPath) -> Option<usize> {
        self.matching(path).next()
    }

    /// Whether whoever takes capitals for small letters finds a more specific pattern.
    pub(super) fn depends_on_case(&self, path: &CanonicalPath) -> bool {
        (self.has_capitals || has_capitals(path.as_str()))
            && self.find(path).is_some_and(|found| !alike(&[&self.root], path.below_root()).contains(&found))
    }

    /// The indices under all patterns that match, the most specific first. Each node of the tree is looked
    /// at once at most, and only those nodes that the path leads to.
    pub(super) fn matching<'t>(&'t self, path: &'t CanonicalPath) -> Matching<'t> {
        Matching { open: vec![Step::Visit(&self.root, path.below_root())] }
    }
}

fn has_capitals(text: &str) -> bool {
    text.bytes().any(|byte| byte.is_ascii_uppercase())
}

/// What the most specific patterns lead to, for whoever takes capitals for small letters: those that differ by capitals
/// alone are equally specific. The nodes are reached by one spelling or another of what is before `left`.
fn alike(nodes: &[&Node], left: &str) -> Vec<usize> {
    let rest = || nodes.iter().filter_map(|node| node.rest).collect();
    if left.is_empty() {
        let ends: Vec<usize> = nodes.iter().filter_map(|node| node.end).collect();
        return if ends.is_empty() { rest() } else { ends };
    }
    let (segment, left) = left.split_once('/').unwrap_or((left, ""));
    let literals = nodes.iter().flat_map(|node| &node.literals);
    let literals = literals.filter(|(text, _)| text.eq_ignore_ascii_case(segment)).map(|(_, child)| child);
    let parameters = nodes.iter().filter_map(|node| node.parameter.as_deref());
    let children: [Vec<&Node>; 2] = [literals.collect(), parameters.collect()];
    let mut deeper =
        children.iter().filter(|children| !children.is_empty()).map(|children| alike(children, left));
    deeper.find(|found| !found.is_empty()).unwrap_or_else(rest)
}

/// A walk through the tree, depth first, the more specific branch before the less specific.
pub(super) struct Matching<'t> {
    open: Vec<Step<'t>>,
}

enum Step<'t> {
    /// Look at a node with the segments that are left, joined by slashes.
    Visit(&'t Node, &'t str),
    /// This pattern matches.
    Found(usize),
}

impl Iterator for Matching<'_> {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        loop {
            let (node, left) = match self.open.pop()? {
                Step::Found(index) => return Some(index),
                Step::Visit(node, left) => (node, left),
            };
            // A stack: what is pushed last is looked at first.
            self.open.extend(node.rest.map(Step::Found));
            if left.is_empty() {
                self.open.extend(node.end.map(Step::Found));
                continue;
            }
            let (segment, left) = left.split_once('/').unwrap_or((left, ""));
            self.open.extend(node.parameter.as_deref().map(|child| Step::Visit(child, left)));
            let literal = node.literals.binary_search_by(|(literal, _)| (**literal).cmp(segment)).ok();
            self.open.extend(literal.map(|at| Step::Visit(&node.literals[at].1, left)));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::policy::{Pattern, pattern::tests};

    fn trie(patterns: &[Pattern]) -> Trie {
        let mut trie = Trie::default();
        for (index, pattern) in patterns.iter().enumerate() {
            trie.insert(pattern.segments(), index);
        }
        trie
    }

    fn find(patterns: &[&str], path: &str) -> Option<String> {
        let patterns: Vec<Pattern> = patterns.iter().map(|text| text.parse().unwrap()).collect();
        let found = trie(&patterns).find(&CanonicalPath::parse(path).unwrap());
        found.map(|index| patterns[index].to_string())
    }

    #[test]
    fn nothing_matches_what_no_pattern_names() {
        assert_eq!(find(&[], "/"), None);
        assert_eq!(find(&["/a", "/a/{x}/c"], "/a/b"), None);
        assert_eq!(find(&["/a/{x}"], "/a"), None);
        assert_eq!(find(&["/a"], "/A"), None);
    }

    #[test]
    fn the_walk_returns_from_a_branch_that_ends() {
        let patterns = ["/users/me/keys", "/users/{id}/notes", "/users/**"];
        assert_eq!(find(&patterns, "/users/me/notes").as_deref(), Some("/users/{id}/notes"));
        assert_eq!(find(&patterns, "/users/me/other").as_deref(), Some("/users/**"));
        assert_eq!(find(&patterns, "/users/me/keys").as_deref(), Some("/users/me/keys"));
    }

    #[test]
    fn a_protected_branch_is_not_left_for_a_parameter() {
        let patterns = ["/admin/**", "/{tenant}/public"];
        assert_eq!(find(&patterns, "/admin/public").as_deref(), Some("/admin/**"));
    }

    #[test]
    fn a_narrower_pattern_that_differs_by_capitals_alone_is_noticed() {
        let patterns = ["/**", "/api/payments/**", "/{x}/Keys", "/A", "/a"];
        let trie = trie(&patterns.map(|text| text.parse().unwrap()));
        for (path, expected) in [
            ("/API/Payments/7", true),
            ("/me/keys", true),
            ("/api/payments/ABC", false),
            ("/me/Keys", false),
            ("/a", false),
            ("/A", false),
            ("/Other", false),
        ] {
            assert_eq!(trie.depends_on_case(&CanonicalPath::parse(path).unwrap()), expected, "{path}");
        }
    }

    #[test]
    fn a_narrower_pattern_is_noticed_also_beside_one_that_is_spelled_like_the_path() {
        let patterns = ["/**", "/api/**", "/API/payments/**", "/{x}/keys", "/a/{x}/c", "/A/b/**"];
        let trie = trie(&patterns.map(|text| text.parse().unwrap()));
        for (path, expected) in [
            ("/api/payments/7", true),
            ("/api/Payments", true),
            ("/api/reports", false),
            ("/API/payments/7", false),
            ("/API/reports", true),
            ("/me/KEYS", true),
            ("/a/B/c", true),
            ("/A/B/c", true),
            ("/A/b/c", false),
        ] {
            assert_eq!(trie.depends_on_case(&CanonicalPath::parse(path).unwrap()), expected, "{path}");
        }
    }

    #[test]
    fn rest_takes_nothing_too_and_a_last_slash_changes_nothing() {
        assert_eq!(find(&["/a/**"], "/a").as_deref(), Some("/a/**"));
        assert_eq!(find(&["/a/**"], "/a/").as_deref(), Some("/a/**"));
        assert_eq!(find(&["/a/**", "/a"], "/a/").as_deref(), Some("/a"));
        assert_eq!(find(&["/**"], "/").as_deref(), Some("/**"));
        assert_eq!(find(&["/", "/**"], "/").as_deref(), Some("/"));
    }

    #[test]
    fn a_hostile_path_is_looked_at_along_the_tree_only() {
        // Both branches at each of twelve levels: 2^13 nodes, and a path that goes on beyond them.
        let patterns: Vec<Pattern> = (0..1 << 12)
            .map(|bits: u32| {
                let segments = (0..12).map(|i| if bits >> i & 1 == 0 { "/a" } else { "/{x}" });
                segments.collect::<String>().parse().unwrap()
            })
            .collect();
        let trie = trie(&patterns);
        let path = CanonicalPath::parse(&"/a".repeat(1000)).unwrap();
        assert_eq!(trie.find(&path), None);
        assert_eq!(trie.matching(&CanonicalPath::parse(&"/a".repeat(12)).unwrap()).count(), 1 << 12);
    }

    /// The rule as the documentation states it, over all patterns one by one.
    fn reference(patterns: &[Pattern], path: &CanonicalPath) -> Option<usize> {
        let all = patterns.iter().enumerate().filter(|(_, pattern)| tests::matches(pattern, path));
        all.min_by(|(_, left), (_, right)| left.specificity(right)).map(|(index, _)| index)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn the_tree_agrees_with_trying_all_patterns(
            patterns in prop::collection::vec(tests::pattern(), 0..24),
            path in "(/[abc]){0,5}/?",
        ) {
            let path = CanonicalPath::parse(if path.is_empty() { "/" } else { &path }).unwrap();
            prop_assert_eq!(trie(&patterns).find(&path), reference(&patterns, &path));
        }

        #[test]
        fn a_path_depends_on_case_as_the_patterns_in_small_letters_say(
            patterns in prop::collection::vec(tests::pattern_of_any_case(), 0..24),
            path in "(/[aAbBc]){0,5}/?",
        ) {
            let path = CanonicalPath::parse(if path.is_empty() { "/" } else { &path }).unwrap();
            let small = |text: &str| text.to_ascii_lowercase();
            let (small_path, found) = (CanonicalPath::parse(&small(path.as_str())).unwrap(), reference(&patterns, &path));
            let small: Vec<Pattern> = patterns.iter().map(|pattern| small(&pattern.to_string()).parse().unwrap()).collect();
            let narrower = |found: usize| {
                let narrowest = reference(&small, &small_path);
                narrowest.is_some_and(|narrowest| small[narrowest].specificity(&small[found]).is_lt())
            };
            prop_assert_eq!(trie(&patterns).depends_on_case(&path), found.is_some_and(narrower));
        }
    }
}
