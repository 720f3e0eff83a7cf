//! Lexer and parser of documents, with bounded recursion.
//!
//! The parser of async-graphql is not used: its recursion is unbounded, it alters block strings and rejects `\u{..}`.

mod ast;
mod lexer;
mod parser;
#[cfg(test)]
mod tests;

pub(in crate::graphql) use self::ast::{
    Argument, Directive, Document, Field, Literal, Operation, Resolved, Selection, Spread, Value, VariableDefinition,
};
pub(in crate::graphql) use self::parser::parse;

/// Maximum nesting of lists and input objects in a value, and of lists in a type.
pub(in crate::graphql) const MAX_VALUE_NESTING: usize = 32;
