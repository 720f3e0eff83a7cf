//! Lexer and parser of documents, with bounded recursion.
//!
//! The parser of async-graphql is not used: its recursion is unbounded, it alters block strings and rejects `\u{..}`.

mod ast;
mod lexer;
mod parser;
#[cfg(test)]
mod tests;

use async_graphql::Pos;

pub(in crate::graphql) use self::ast::{
    Argument, Directive, Document, Field, Literal, Operation, Selection, Spread, Value, VariableDefinition,
};
pub(in crate::graphql) use self::parser::parse;

/// Maximum nesting of lists and input objects in a value, and of lists in a type.
pub(in crate::graphql) const MAX_VALUE_NESTING: usize = 32;

/// Why a document cannot be parsed.
#[derive(Debug)]
pub(in crate::graphql) enum Unreadable {
    /// The message has the limit, the value and the maximum.
    Limit(String),
    /// Not valid GraphQL.
    Syntax { message: String, pos: Pos },
}

impl Unreadable {
    fn limit(message: String) -> Self {
        Self::Limit(message)
    }

    fn syntax(message: &str, pos: Pos) -> Self {
        Self::Syntax {
            message: format!("Syntax error: {message}"),
            pos,
        }
    }
}
