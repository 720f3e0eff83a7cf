//! Tests of the grammar, the nesting limit and the error messages.

use super::parse;
use crate::config::GraphqlLimits;

const LIMITS: GraphqlLimits = GraphqlLimits::DEFAULT;

#[track_caller]
fn refusal(text: &str) -> String {
    parse(text, &LIMITS).unwrap_err().problems.remove(0).message
}

#[test]
fn documents_follow_the_grammar() {
    for text in [
        "{ a }",
        "query { a }",
        "query A($a: [[Int!]]! = [[1]] @d(x: 1), $b: T) @d { a: b(c: $a, d: [$b, {e: null}]) @d(f: E) { g } }",
        "{ ...F ... on T @d { a } ... { b } } fragment F on T @d { a }",
        "\"text\" query A(\"\"\"text\"\"\" $a: T) { a } \"text\" fragment F on T { a }",
        "{ on: type(fragment: true, query: on) }",
        "{ a(b: {}, c: []) }",
    ] {
        assert!(parse(text, &LIMITS).is_ok(), "{text}");
    }
    for text in [
        "",
        "{",
        "{}",
        "{ a {} }",
        "query A() { a }",
        "{ a() }",
        "{ a(b) }",
        "{ a(b:) }",
        "{ ...F(a: 1) }",
        "\"text\" { a }",
        "fragment on on T { a }",
        "fragment F(a: Int) on T { a }",
        "query A($a: Int = $b) { a }",
        "query A($a) { a }",
        "query A($a: Int!!) { a }",
        "{ a } }",
        "{ a: }",
        "{ a @ }",
        "type T { a: Int }",
        "extend type T { a: Int }",
        "query A($a: Int @d(x: $a)) { a }",
        "{ a | b }",
        "subscription",
        "{ a(b: [1) }",
        "{ a(b: {c: 1]) }",
        "{ ... on { a } }",
    ] {
        assert!(parse(text, &LIMITS).is_err(), "{text}");
    }
}

#[test]
fn nesting_is_bounded_before_the_stack_is() {
    for count in [33, 300, 30_000] {
        let lists = format!("{{a(b:{})}}", "[".repeat(count));
        let objects = format!("{{a(b:{})}}", "{a:".repeat(count));
        let kinds = format!("query($a:{})", "[".repeat(count));
        let limits = GraphqlLimits {
            tokens: 1_000_000,
            ..LIMITS
        };
        for text in [
            lists,
            objects,
            kinds,
            "{a".repeat(count),
            format!("{{{}", "...{".repeat(count)),
        ] {
            let rejection = parse(&text, &limits).unwrap_err();
            assert_eq!(rejection.code, "LIMIT_EXCEEDED", "{text}");
            let message = &rejection.problems[0].message;
            assert!(message.contains("levels of nested"), "{message}");
        }
    }
}

#[test]
fn an_error_says_what_was_expected_and_what_was_found() {
    assert_eq!(
        refusal("{ viewer { id }"),
        "Syntax error: expected a selection, found the end of the document"
    );
    assert_eq!(refusal("{ a(b: ) }"), "Syntax error: expected a value, found ')'");
    assert!(refusal(&format!("{{ a {{ b }} }} {}", "c".repeat(500))).len() < 200);
}
