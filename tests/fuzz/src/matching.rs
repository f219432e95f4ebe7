//! What a policy's patterns match, found as its documentation says it: all of them are tried, and the most specific decides.

use shared::{
    path::CanonicalPath,
    policy::{Policy, RESERVED, Route},
};

/// What becomes of a request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found<'p> {
    Route(&'p Route),
    Nothing,
    AnotherMethod,
}

/// What the policy says of this path as it is forwarded.
pub(crate) fn found<'p>(policy: &'p Policy, method: &str, path: &str) -> Found<'p> {
    let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    if segments.first().is_some_and(|first| RESERVED.contains(first)) {
        return Found::Nothing;
    }
    let mut best: Option<Vec<u8>> = None;
    let mut routes = Vec::new();
    for route in policy.routes() {
        let pattern = pattern(route);
        if !matches(&pattern, &segments) {
            continue;
        }
        let specificity = specificity(&pattern);
        if best.as_ref().is_none_or(|best| specificity < *best) {
            best = Some(specificity);
            routes.clear();
        } else if best.as_ref() != Some(&specificity) {
            continue;
        }
        routes.push(route);
    }
    if routes.is_empty() {
        return Found::Nothing;
    }
    let is_taken = (1..=32).contains(&method.len())
        && method.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'-')
        && !["TRACE", "TRACK", "CONNECT"].contains(&method);
    let names = |route: &Route, method: &str| {
        route.methods.as_ref().is_some_and(|methods| methods.iter().any(|name| name == method))
    };
    let named = routes.iter().find(|route| names(route, method));
    let got = routes.iter().find(|route| method == "HEAD" && names(route, "GET"));
    let any = routes.iter().find(|route| route.methods.is_none());
    match named.or(got).or(any) {
        Some(route) if is_taken => Found::Route(route),
        _ => Found::AnotherMethod,
    }
}

/// A path that the route's pattern matches.
pub(crate) fn example(route: &Route) -> String {
    let segments = pattern(route).into_iter().map(|segment| match segment {
        Segment::Literal(text) => text,
        Segment::Parameter => "x".to_owned(),
        Segment::Rest => "x/y".to_owned(),
    });
    ["/", &segments.collect::<Vec<_>>().join("/")].concat()
}

#[derive(PartialEq, Eq)]
enum Segment {
    Literal(String),
    Parameter,
    Rest,
}

fn pattern(route: &Route) -> Vec<Segment> {
    let segments = route.pattern.as_str().split('/').filter(|segment| !segment.is_empty());
    segments
        .map(|segment| match segment {
            "**" => Segment::Rest,
            _ if segment.starts_with('{') => Segment::Parameter,
            _ => {
                let path = CanonicalPath::parse(&["/", segment].concat()).expect("a literal of a pattern");
                Segment::Literal(path.as_str()[1..].to_owned())
            }
        })
        .collect()
}

fn matches(pattern: &[Segment], path: &[&str]) -> bool {
    match pattern.split_first() {
        None => path.is_empty(),
        Some((Segment::Rest, _)) => true,
        Some((segment, pattern)) => path.split_first().is_some_and(|(first, path)| {
            (*segment == Segment::Parameter || *segment == Segment::Literal((*first).to_owned()))
                && matches(pattern, path)
        }),
    }
}

/// The smaller, the more specific: a number for each segment, and for the end.
fn specificity(pattern: &[Segment]) -> Vec<u8> {
    let rank = |segment: &Segment| match segment {
        Segment::Literal(_) => 0,
        Segment::Parameter => 1,
        Segment::Rest => 2,
    };
    pattern.iter().map(rank).collect()
}
