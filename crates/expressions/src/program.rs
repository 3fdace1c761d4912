//! A checked and compiled expression.

use crate::bound::Proof;
use crate::nesting;
use crate::responses;
use crate::vocabulary::{self, Data};
use contract::mould::Reading;
use jaq_core::load::lex::{self, Lexer, StrPart, Tok, Token};
use jaq_core::load::parse::{self, Parser};
use jaq_core::load::{self, Arena, File, Loader};
use jaq_core::{Compiler, Filter, compile};
use std::slice;
use std::sync::Arc;

/// The longest expression, in bytes.
const TEXT_BYTES_MAX: usize = 16 * 1024;
/// The longest expression, in tokens: the parser may need a frame for each, as in `- - - 1`.
const TOKENS_MAX: usize = 4000;
/// The deepest expression, in nested terms; what one needs of the child's stack is tested.
const DEPTH_MAX: usize = 400;
/// The deepest expression that may run on the stack of a thread of the runtime (2 MiB).
const INLINE_DEPTH_MAX: usize = 100;
/// The most brackets that are open at once. They leave no trace in the tree, but the parser recurses over them.
const BRACKETS_MAX: usize = 200;
/// Fits the parser's recursion over so many tokens, also without optimisation. Reserved, and seldom used.
const COMPILE_STACK_BYTES: usize = 128 * 1024 * 1024;

/// An expression that may be run. Cheap to clone.
#[derive(Clone)]
pub struct Program(Arc<Parts>);

struct Parts {
    text: String,
    filter: Filter<Data>,
    proof: Proof,
    reading: Reading,
}

/// Why a text is no expression.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct CompileError {
    /// What is wrong and what would be right.
    pub message: String,
    /// Where, in bytes from the start of the text.
    pub offset: Option<usize>,
}

impl Program {
    /// Compiles `text`.
    ///
    /// # Errors
    /// [`CompileError`]: what is wrong, and where.
    pub fn compile(text: &str) -> Result<Self, CompileError> {
        if text.len() > TEXT_BYTES_MAX {
            let message = format!("an expression may have {TEXT_BYTES_MAX} bytes, this has {}", text.len());
            return Err(CompileError { message, offset: Some(TEXT_BYTES_MAX) });
        }
        std::thread::scope(|scope| {
            let thread = std::thread::Builder::new().stack_size(COMPILE_STACK_BYTES);
            let compiled = thread.spawn_scoped(scope, || Self::compile_on_this_stack(text));
            let Ok(compiled) = compiled.map(std::thread::ScopedJoinHandle::join) else {
                return Err(nowhere("no thread could be started to compile the expression"));
            };
            compiled.unwrap_or_else(|_| Err(nowhere("the jq compiler cannot handle this expression")))
        })
    }

    /// Compiles a text that [`Self::compile`] has accepted before, so that it needs little stack.
    pub(crate) fn compile_on_this_stack(text: &str) -> Result<Self, CompileError> {
        let (mut proof, reading) = check(text)?;
        let filter = if reading.is_empty() {
            compiled(text)?
        } else {
            let whole = [responses::BEFORE, text, responses::BEHIND].concat();
            let before = |error: CompileError| CompileError {
                offset: error.offset.map(|at| at.saturating_sub(responses::BEFORE.len())),
                ..error
            };
            proof = check(&whole).map_err(before)?.0;
            compiled(&whole).map_err(before)?
        };
        Ok(Self(Arc::new(Parts { text: text.to_owned(), filter, proof, reading })))
    }

    /// Whether the expression is proven to end quickly, for small bodies at least.
    #[must_use]
    pub fn is_bounded(&self) -> bool {
        self.0.proof.exists()
    }

    /// Whether the expression is proven to end quickly for `body`.
    pub(crate) fn is_bounded_for(&self, body: &[u8]) -> bool {
        self.0.proof.covers(body)
    }

    /// The text that was compiled.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// What it reads of the answers of other deliveries.
    #[must_use]
    pub fn reading(&self) -> &Reading {
        &self.0.reading
    }

    pub(crate) fn filter(&self) -> &Filter<Data> {
        &self.0.filter
    }
}

impl std::fmt::Debug for Program {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Program").field(&self.text()).finish()
    }
}

/// Parses `text` and says what is proven, and what it reads.
fn check(text: &str) -> Result<(Proof, Reading), CompileError> {
    if let Some(offset) = too_many_brackets(text) {
        let message = format!("more than {BRACKETS_MAX} brackets are open here");
        return Err(CompileError { message, offset: Some(offset) });
    }
    let tokens = Lexer::new(text).lex().map_err(|errors| first(&errors, |error| lexing(text, error)))?;
    let tokens_count = count(&tokens);
    if tokens_count > TOKENS_MAX {
        return Err(nowhere(&format!("the expression has {tokens_count} tokens; {TOKENS_MAX} are possible")));
    }
    let parsed = Parser::new(&tokens).parse(|parser| parser.term());
    let term = parsed.map_err(|errors| first(&errors, |error| parsing(text, error)))?;
    let depth = nesting::depth(&term);
    if depth > DEPTH_MAX {
        return Err(nowhere(&format!(
            "the expression is nested {depth} terms deep; {DEPTH_MAX} are possible"
        )));
    }
    let proof = if depth > INLINE_DEPTH_MAX { Proof::default() } else { Proof::of(&term) };
    Ok((proof, responses::reading(&term)))
}

fn count(tokens: &[Token<&str>]) -> usize {
    let inside = |token: &Token<&str>| match &token.1 {
        Tok::Block(tokens) => count(tokens),
        Tok::Str(parts) => parts
            .iter()
            .map(|part| if let StrPart::Term(term) = part { count(slice::from_ref(term)) } else { 1 })
            .sum(),
        Tok::Word | Tok::Var | Tok::Fmt | Tok::Num | Tok::Sym => 0,
    };
    tokens.iter().map(|token| 1 + inside(token)).sum()
}

fn compiled(text: &str) -> Result<Filter<Data>, CompileError> {
    let arena = Arena::default();
    let loader = Loader::new(vocabulary::definitions());
    let modules = loader.load(&arena, File { code: text, path: () });
    let modules = modules.map_err(|_| nowhere("the expression cannot be parsed"))?;
    let compiled = Compiler::default().with_funs(vocabulary::natives()).compile(modules);
    compiled.map_err(|errors| {
        let errors: Vec<_> = errors.into_iter().flat_map(|(_, errors)| errors).collect();
        first(&errors, |error| undefined(text, error))
    })
}

/// Where more brackets are open than the parser may recurse over. Brackets in strings count too, which is no loss.
fn too_many_brackets(text: &str) -> Option<usize> {
    let mut open = 0_usize;
    text.bytes().position(|byte| {
        match byte {
            b'(' | b'[' | b'{' => open += 1,
            b')' | b']' | b'}' => open = open.saturating_sub(1),
            _ => {}
        }
        open > BRACKETS_MAX
    })
}

fn first<E>(errors: &[E], explain: impl Fn(&E) -> CompileError) -> CompileError {
    errors.first().map_or_else(|| nowhere("the expression cannot be compiled"), explain)
}

fn lexing(text: &str, (expected, rest): &lex::Error<&str>) -> CompileError {
    let found = rest.chars().next().map_or_else(|| "the end".to_owned(), |found| format!("`{found}`"));
    let message = format!("expected {}, found {found}", expected.as_str());
    CompileError { message, offset: Some(load::span(text, rest).start) }
}

fn parsing(text: &str, (expected, found): &parse::TError<'_, &str>) -> CompileError {
    let place = Token::opt_as_str(*found, text);
    let found = if place.is_empty() { "the end".to_owned() } else { format!("`{place}`") };
    let message = format!("expected {}, found {found}", expected.as_str());
    CompileError { message, offset: Some(load::span(text, place).start) }
}

fn undefined(text: &str, (name, kind): &compile::Error<&str>) -> CompileError {
    let message = match (vocabulary::forbidden(name), kind) {
        (Some(why), _) => format!("`{name}` cannot be used: {why}"),
        (None, compile::Undefined::Filter(arity)) => format!("there is no filter `{name}/{arity}`"),
        (None, kind) => format!("there is no {} `{name}`", kind.as_str()),
    };
    CompileError { message, offset: Some(load::span(text, name).start) }
}

fn nowhere(message: &str) -> CompileError {
    CompileError { message: message.to_owned(), offset: None }
}
