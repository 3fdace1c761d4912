//! Tables and properties of patterns and of the routing table.

use super::routes::overlap;
use super::*;
use http::Method;
use proptest::prelude::*;

fn pattern(text: &str) -> Pattern {
    Pattern::try_new(text).unwrap()
}

#[test]
fn a_pattern_is_shown_as_it_was_written() {
    for text in
        ["/", "/signup", "/a/", "/orders/{id}", "/files/{*rest}", "/{*all}", "/a%20b/c:d", "/{a}/x/{b}"]
    {
        assert_eq!(pattern(text).to_string(), text);
    }
}

#[test]
fn a_wrong_pattern_says_what_is_wrong() {
    for (text, error) in [
        ("", "a path begins with `/`"),
        ("signup", "a path begins with `/`"),
        ("/a//b", "it has an empty segment (`//`)"),
        ("//", "it has an empty segment (`//`)"),
        ("/a/../b", "it has a `.` or `..` segment, which no client sends"),
        ("/a b", "the segment `a b` has characters that a path does not have; percent-encode them"),
        ("/é", "the segment `é` has characters that a path does not have; percent-encode them"),
        ("/a?b", "the segment `a?b` has characters that a path does not have; percent-encode them"),
        ("/a%2", "the segment `a%2` has characters that a path does not have; percent-encode them"),
        ("/a%FF", "the segment `a%FF` has characters that a path does not have; percent-encode them"),
        ("/{id", "`{id` is no parameter: a whole segment is `{name}` or, at the end, `{*name}`"),
        ("/x{id}", "`x{id}` is no parameter: a whole segment is `{name}` or, at the end, `{*name}`"),
        ("/{}", "`{}` is no parameter: a whole segment is `{name}` or, at the end, `{*name}`"),
        ("/{1a}", "`{1a}` is no parameter: a whole segment is `{name}` or, at the end, `{*name}`"),
        ("/{*rest}/a", "the wildcard `{*rest}` is not at the end"),
        ("/{id}/{id}", "the parameter `id` stands there twice"),
    ] {
        assert_eq!(Pattern::try_new(text).unwrap_err().to_string(), error, "{text}");
    }
    assert_eq!(Pattern::try_new(&format!("/{}", "a".repeat(PATTERN_BYTES_MAX))), Err(NotAPattern::TooLong));
}

#[test]
fn parameters_capture_decoded_segments() {
    let none: &[(&str, &str)] = &[];
    for (text, path, expected) in [
        ("/", "/", Some(none)),
        ("/", "", None),
        ("/signup", "/signup", Some(none)),
        ("/signup", "/signup/", None),
        ("/signup", "/Signup", None),
        ("/signup", "/%73ignup", None),
        ("/a/", "/a/", Some(none)),
        ("/a/", "/a", None),
        ("/o/{id}", "/o/7", Some(&[("id", "7")])),
        ("/o/{id}", "/o/a%20b%2Fc", Some(&[("id", "a b/c")])),
        ("/o/{id}", "/o/", None),
        ("/o/{id}", "/o/7/8", None),
        ("/o/{id}", "/o/%FF", None),
        ("/o/{id}", "/o/%zz", None),
        ("/o/{id}", "/o/%4", None),
        ("/{a}/x/{b}", "/1/x/2", Some(&[("a", "1"), ("b", "2")])),
        ("/f/{*rest}", "/f/a/b%20c", Some(&[("rest", "a/b c")])),
        ("/f/{*rest}", "/f/", None),
        ("/f/{*rest}", "/f", None),
        ("/f/{*rest}", "/f//", Some(&[("rest", "/")])),
        ("/{*all}", "/", None),
    ] {
        let pattern = pattern(text);
        let found = pattern.capture(path);
        let found: Option<Vec<(&str, &str)>> =
            found.as_ref().map(|params| params.iter().map(|(name, value)| (*name, &**value)).collect());
        assert_eq!(found.as_deref(), expected, "{text} on {path}");
    }
}

#[test]
fn two_patterns_are_apart_the_same_nested_or_crossing() {
    for (left, right, expected) in [
        ("/a", "/b", Overlap::Apart),
        ("/a", "/a/b", Overlap::Apart),
        ("/a", "/a/", Overlap::Apart),
        ("/a/{x}", "/a/", Overlap::Apart),
        ("/a/{*x}", "/a/", Overlap::Apart),
        ("/a/{*x}", "/a", Overlap::Apart),
        ("/a/{x}/c", "/a/b", Overlap::Apart),
        ("/a", "/a", Overlap::Same),
        ("/a/{x}", "/a/{y}", Overlap::Same),
        ("/{*x}", "/{*y}", Overlap::Same),
        ("/a/{x}", "/a/b", Overlap::Nested),
        ("/a/{*x}", "/a/b", Overlap::Nested),
        ("/a/{*x}", "/a/{y}", Overlap::Nested),
        ("/a/{*x}", "/a/b/", Overlap::Nested),
        ("/{*x}", "/a/{*y}", Overlap::Nested),
        ("/{x}/b", "/a/{y}", Overlap::Crossing),
        ("/{x}/b/c", "/a/{*y}", Overlap::Crossing),
    ] {
        let (one, other) = (pattern(left), pattern(right));
        assert_eq!(overlap(&one, &other), expected, "{left} and {right}");
        assert_eq!(overlap(&other, &one), expected, "{right} and {left}");
    }
}

fn methods(text: &str) -> Methods {
    if text == "ANY" {
        return Methods::Any;
    }
    Methods::Only(text.split('|').map(|word| word.parse().unwrap()).collect())
}

fn table(routes: &[(&str, &str)]) -> Routes {
    let owned: Vec<_> = routes.iter().map(|(words, path)| (methods(words), pattern(path))).collect();
    Routes::new(owned.iter().map(|(methods, pattern)| (methods, pattern)))
}

#[test]
fn the_most_specific_route_with_the_method_wins() {
    let routes = table(&[
        ("ANY", "/{*all}"),
        ("POST", "/users/{id}"),
        ("GET", "/users/me"),
        ("POST|PUT", "/users"),
        ("PATCH", "/users/{id}/{*rest}"),
        ("DELETE", "/only"),
    ]);
    for (method, path, expected) in [
        ("GET", "/users/me", Some(2)),
        ("POST", "/users/me", Some(1)),
        ("POST", "/users/7", Some(1)),
        ("PUT", "/users", Some(3)),
        ("GET", "/users", Some(0)),
        ("PATCH", "/users/7/a/b", Some(4)),
        ("GET", "/", None),
    ] {
        let found = match routes.find(&method.parse().unwrap(), path) {
            Lookup::Found { route, .. } => Some(route),
            Lookup::MethodNotAllowed(_) | Lookup::NotFound => None,
        };
        assert_eq!(found, expected, "{method} {path}");
    }
}

#[test]
fn a_wrong_method_is_told_from_an_unknown_path() {
    let routes = table(&[("POST|PUT", "/users"), ("POST", "/{any}"), ("DELETE", "/users/{id}")]);
    assert_eq!(
        routes.find(&Method::GET, "/users"),
        Lookup::MethodNotAllowed(vec![Method::POST, Method::PUT])
    );
    assert_eq!(routes.find(&Method::GET, "/users/7"), Lookup::MethodNotAllowed(vec![Method::DELETE]));
    assert_eq!(routes.find(&Method::GET, "/a/b/c"), Lookup::NotFound);
    assert_eq!(Routes::default().find(&Method::GET, "/"), Lookup::NotFound);
}

#[test]
fn clashes_need_a_common_method_and_name_a_common_path() {
    let entries: Vec<_> =
        [("POST", "/a/{x}"), ("POST", "/{y}/b"), ("GET", "/{y}/b"), ("ANY", "/a/{z}"), ("POST", "/a/b")]
            .iter()
            .map(|(words, path)| (methods(words), pattern(path)))
            .collect();
    let borrowed: Vec<_> = entries.iter().map(|(methods, pattern)| (methods, pattern)).collect();
    let found: Vec<_> =
        Routes::clashes(&borrowed).into_iter().map(|c| (c.first, c.second, c.example, c.overlap)).collect();
    assert_eq!(
        found,
        [
            (0, 1, "/a/b".to_owned(), Overlap::Crossing),
            (0, 3, "/a/x".to_owned(), Overlap::Same),
            (1, 3, "/a/b".to_owned(), Overlap::Crossing),
            (2, 3, "/a/b".to_owned(), Overlap::Crossing),
        ]
    );
}

/// Patterns over a small alphabet, so that they meet often.
fn small_pattern() -> impl Strategy<Value = String> {
    let segment = prop_oneof![Just("a"), Just("b"), Just("{}")];
    (prop::collection::vec(segment, 1..4), prop_oneof![Just(""), Just("/"), Just("/{*rest}")]).prop_map(
        |(segments, end)| {
            let named = segments
                .iter()
                .enumerate()
                .map(|(i, s)| if *s == "{}" { format!("/{{p{i}}}") } else { format!("/{s}") });
            named.collect::<String>() + end
        },
    )
}

fn small_path() -> impl Strategy<Value = String> {
    prop::collection::vec(prop_oneof![Just("/a"), Just("/b"), Just("/c"), Just("/")], 1..5)
        .prop_map(|s| s.concat())
}

proptest! {
    #[test]
    fn overlap_agrees_with_matching(left in small_pattern(), right in small_pattern(), path in small_path()) {
        let (one, other) = (pattern(&left), pattern(&right));
        match (one.matches(&path), other.matches(&path)) {
            (true, true) => prop_assert_ne!(overlap(&one, &other), Overlap::Apart),
            (true, false) | (false, true) => prop_assert_ne!(overlap(&one, &other), Overlap::Same),
            (false, false) => {}
        }
    }

    #[test]
    fn a_clash_shows_a_path_that_both_take(left in small_pattern(), right in small_pattern()) {
        let (one, other) = (pattern(&left), pattern(&right));
        for clash in Routes::clashes(&[(&Methods::Any, &one), (&Methods::Any, &other)]) {
            prop_assert!(one.matches(&clash.example), "{} on {}", left, clash.example);
            prop_assert!(other.matches(&clash.example), "{} on {}", right, clash.example);
        }
    }

    #[test]
    fn the_table_finds_the_narrowest_of_the_patterns_that_match(texts in prop::collection::vec(small_pattern(), 1..6), path in small_path()) {
        let mut patterns: Vec<Pattern> = texts.iter().map(|text| pattern(text)).collect();
        let mut kept: Vec<Pattern> = Vec::new();
        patterns.retain(|pattern| {
            let free = kept.iter().all(|other| matches!(overlap(other, pattern), Overlap::Apart | Overlap::Nested));
            if free {
                kept.push(pattern.clone());
            }
            free
        });
        let all: Vec<_> = patterns.iter().map(|pattern| (&Methods::Any, pattern)).collect();
        prop_assert!(Routes::clashes(&all).is_empty());
        match Routes::new(all).find(&Method::POST, &path) {
            Lookup::Found { route, .. } => {
                let found = &patterns[route];
                prop_assert!(found.matches(&path));
                for other in patterns.iter().filter(|other| *other != found && other.matches(&path)) {
                    prop_assert_eq!(overlap(found, other), Overlap::Nested);
                    let (found, other) = (found.segments.iter(), other.segments.iter());
                    let narrower = found.map(Segment::rank).zip(other.map(Segment::rank)).find(|(a, b)| a != b);
                    prop_assert!(narrower.is_some_and(|(found, other)| found < other));
                }
            }
            Lookup::MethodNotAllowed(_) => prop_assert!(false, "ANY allows all methods"),
            Lookup::NotFound => prop_assert!(patterns.iter().all(|pattern| !pattern.matches(&path))),
        }
    }

    #[test]
    fn matching_and_parsing_never_panic(text in ".{0,40}", path in ".{0,40}") {
        if let Ok(pattern) = Pattern::try_new(&text) {
            prop_assert_eq!(pattern.matches(&path), pattern.capture(&path).is_some());
        }
        prop_assert_eq!(pattern("/{a}/{*b}").matches(&path), pattern("/{a}/{*b}").capture(&path).is_some());
    }
}
