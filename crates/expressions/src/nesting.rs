//! How deep a program is nested: jq's compiler and interpreter are recursive, and a stack is finite.

use jaq_core::load::lex::StrPart;
use jaq_core::load::parse::{BinaryOp, Pattern, Term};
use jaq_core::path::Part;

/// The depth of the stack that running `term` needs, in terms.
pub(crate) fn depth(term: &Term<&str>) -> usize {
    let mut deepest = 0;
    children(term, &mut |child| deepest = deepest.max(depth(child)));
    deepest.saturating_add(own(term))
}

/// Objects and strings are compiled to nested sums of their parts.
fn own(term: &Term<&str>) -> usize {
    match term {
        Term::Obj(entries) => entries.len().max(1),
        Term::Str(_, parts) => parts.len().max(1),
        Term::Path(_, path) => path.0.len().max(1),
        Term::IfThenElse(branches, _) => branches.len(),
        Term::Def(definitions, _) => definitions.len(),
        Term::Id
        | Term::Recurse
        | Term::Num(_)
        | Term::Arr(_)
        | Term::Neg(_)
        | Term::BinOp(..)
        | Term::Label(..)
        | Term::Break(_)
        | Term::Fold(..)
        | Term::TryCatch(..)
        | Term::Call(..)
        | Term::Var(_) => 1,
    }
}

/// The terms that a term is directly made of.
pub(crate) fn children<'a, 'p>(term: &'a Term<&'p str>, visit: &mut dyn FnMut(&'a Term<&'p str>)) {
    match term {
        Term::Id | Term::Recurse | Term::Num(_) | Term::Break(_) | Term::Var(_) | Term::Arr(None) => {}
        Term::Str(_, parts) => parts.iter().for_each(|part| {
            if let StrPart::Term(part) = part {
                visit(part);
            }
        }),
        Term::Arr(Some(inner)) | Term::Neg(inner) | Term::Label(_, inner) => visit(inner),
        Term::Obj(entries) => entries.iter().for_each(|(key, value)| {
            visit(key);
            value.iter().for_each(&mut *visit);
        }),
        Term::BinOp(left, operator, right) => {
            visit(left);
            if let BinaryOp::Pipe(Some(pattern)) = operator {
                pattern_children(pattern, visit);
            }
            visit(right);
        }
        Term::Fold(_, over, pattern, arguments) => {
            visit(over);
            pattern_children(pattern, visit);
            arguments.iter().for_each(visit);
        }
        Term::TryCatch(inner, catch) => {
            visit(inner);
            catch.iter().for_each(|catch| visit(catch));
        }
        Term::IfThenElse(branches, otherwise) => {
            branches.iter().for_each(|(condition, then)| {
                visit(condition);
                visit(then);
            });
            otherwise.iter().for_each(|otherwise| visit(otherwise));
        }
        Term::Def(definitions, inner) => {
            definitions.iter().for_each(|definition| visit(&definition.body));
            visit(inner);
        }
        Term::Call(_, arguments) => arguments.iter().for_each(visit),
        Term::Path(head, path) => {
            visit(head);
            path.0.iter().for_each(|(part, _)| match part {
                Part::Index(index) => visit(index),
                Part::Range(from, to) => from.iter().chain(to).for_each(&mut *visit),
            });
        }
    }
}

fn pattern_children<'a, 'p>(pattern: &'a Pattern<&'p str>, visit: &mut dyn FnMut(&'a Term<&'p str>)) {
    match pattern {
        Pattern::Var(_) => {}
        Pattern::Arr(patterns) => patterns.iter().for_each(|pattern| pattern_children(pattern, visit)),
        Pattern::Obj(entries) => entries.iter().for_each(|(key, pattern)| {
            visit(key);
            pattern_children(pattern, visit);
        }),
    }
}
