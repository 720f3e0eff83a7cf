//! Documents as text: cut into tokens and parsed, within bounds.
//!
//! The library has a parser too, but it recurses without a bound, alters block strings and knows no `\u{..}`.

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

/// The most levels of lists and input objects in a value, and of lists in a type.
pub(in crate::graphql) const MAX_VALUE_NESTING: usize = 32;

/// Why a text is not read as a document.
#[derive(Debug)]
pub(in crate::graphql) enum Unreadable {
    /// It passes a limit. The text names the limit, the value reached and what is allowed.
    Limit(String),
    /// It is not GraphQL.
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
