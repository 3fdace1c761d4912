//! Random programs over awkward bodies: nothing puts out more than the proof says, and what is proven ends.

use super::{DENSE, Flow, SPARSE, flow};
use crate::program::Program;
use crate::vocabulary::Data;
use jaq_core::load::lex::Lexer;
use jaq_core::load::parse::Parser;
use jaq_core::{Ctx, Vars};
use jaq_json::Val;
use proptest::prelude::*;

const LEAVES: &str = r#". .a .b .[] .[]? .a[]? 1 2.5 "x" null true [] {} empty length keys? add? to_entries? tojson tostring
    type sort? unique? first? reverse? not .. [range(3)] ascii_downcase? from_entries? numbers strings arrays any? min?
    explode? @html floor? error max? @uri keys_unsorted?"#;

/// Forms with one or two parts, which stand for `§`.
const FORMS: &str = r#"[§] ; (§)? ; map(§)? ; select(§) ; -(§)? ; {a: (§)} ; "<\(§)>" ; del(.a, .b)? | § ; first(§) ; with_entries(§)?
    ; map_values(§)? ; sort_by(§)? ; group_by(§)? ; join(§)? ; contains(§)? ; try error(§) catch . ; any(§)? ; has(§)?
    ; .[§]? ; add(§)? ; split(§)? ; .a |= (§) ; .[] |= (§) ; .a.b = (§) ; .a += (§) ; {(§): 1}? ; . as [$x] | §
    ; isempty(§) ; .[1:] | § ; max_by(§)? ; @json "\(§)" ; § | @base64 ; ltrimstr(§) ; 2 * (§) ; . as {a: $x} | §
    ; reduce (§) as $i (0 ;; . + 1) ; def f: § ;; f ; (§) | (§) ; (§), (§) ; (§) + (§) ; (§) == (§) ; (§) < (§)
    ; (§) // (§) ; (§) and (§) ; (§) as $x | (§) + $x ; if § then § end ; {a: (§), b: (§)} ; (§) - (§) ; (§) / (§)
    ; (§) % (§) ; (§) * (§) ; any(§ ;; §) ; {"a\(§)"} | (§) ; unique_by(§)? | § ; (§)[(§)]? ; .[(§):(§)]?"#;

/// Expressions of a grammar that has more than the proof accepts.
fn expression() -> impl Strategy<Value = String> {
    let leaves: Vec<_> = LEAVES.split_ascii_whitespace().map(str::to_owned).collect();
    prop::sample::select(leaves).prop_recursive(5, 24, 2, |inner| {
        let forms: Vec<_> = FORMS.split(" ; ").map(|form| form.trim().replace(" ;;", ";")).collect();
        let fill = |form: String, parts: [String; 2]| {
            parts.iter().fold(form, |form, part| form.replacen('§', part, 1))
        };
        let parts = (inner.clone(), inner);
        (prop::sample::select(forms), parts).prop_map(move |(form, (left, right))| fill(form, [left, right]))
    })
}

/// Bodies that make programs do much: dense lists, lists of objects, texts, nesting.
fn bodies(items: usize) -> Vec<String> {
    let numbers = "7,".repeat(items * 3);
    let list = vec![r#"{"a":[1,2],"b":{"a":"x"}}"#; items / 4 + 1].join(",");
    let pairs: Vec<_> =
        (0..items).map(|item| format!(r#"{{"key":"some key {item}","value":"a value"}}"#)).collect();
    vec![
        format!("[{numbers}7]"),
        format!("[{list}]"),
        format!("[{}]", pairs.join(",")),
        format!(r#"{{"a":[{list}],"b":"{}"}}"#, "y&\\\"é".repeat(items)),
        format!("\"{}\"", "z".repeat(items * 8)),
        format!("[{}0.1]", "12345678901234567890123,".repeat(items)),
        format!("{}1{}", "[".repeat(items), "]".repeat(items)),
    ]
}

/// What `program` really puts out for `body`, until it fails.
fn outputs(program: &Program, body: &str) -> Flow {
    let filter = program.filter();
    let context = Ctx::<Data>::new(&filter.lut, Vars::new([]));
    let input = crate::json::read(body.as_bytes()).unwrap();
    let outputs = filter.id.run((context, input)).map_while(Result::ok);
    outputs.fold(Flow::NONE, |flow, value| {
        let bytes = value.to_string().len() as f64;
        let (text, nested) = (matches!(value, Val::TStr(_)), matches!(value, Val::Arr(_) | Val::Obj(_)));
        flow.and(Flow { count: 1.0, fan: 1.0, total: bytes, max: bytes, text, nested })
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// If the proof were wrong about what ends, this would not end.
    #[test]
    fn programs_put_out_no_more_than_is_proven(text in expression(), items in prop::sample::select(vec![1_usize, 20, 80])) {
        let program = Program::compile(&text).unwrap();
        let tokens = Lexer::new(&text).lex().unwrap();
        let term = Parser::new(&tokens).parse(|parser| parser.term()).unwrap();
        for body in bodies(items) {
            let size = body.len() as f64;
            for density in [SPARSE, DENSE] {
                let values = body.bytes().filter(|byte| b",[{".contains(byte)).count() + 1;
                let Some(proven) = flow(&term, size, density) else { continue };
                if values as f64 * density > size && density > DENSE {
                    continue;
                }
                let real = outputs(&program, &body);
                prop_assert!(real.count <= proven.count && real.fan <= proven.fan, "{text} {body}: {real:?}, {proven:?}");
                prop_assert!(real.total <= proven.total && real.max <= proven.max, "{text} {body}: {real:?}, {proven:?}");
                prop_assert!(real.text <= proven.text && real.nested <= proven.nested, "{text} {body}: {real:?}, {proven:?}");
            }
        }
    }
}
