//! The syntax tree of a document. Unlike the tree of async-graphql it keeps what validation needs: the order of
//! definitions, duplicates, the spelling of numbers, and the position of each value.

use std::collections::HashSet;

use async_graphql::parser::types::{OperationType, Type};
use async_graphql::{Name, Pos, Positioned};

#[derive(Debug, Default)]
pub(in crate::graphql) struct Document {
    pub(in crate::graphql) operations: Vec<Operation>,
    pub(in crate::graphql) fragments: Vec<Fragment>,
}

impl Document {
    pub(in crate::graphql) fn fragment(&self, name: &str) -> Option<&Fragment> {
        self.fragments.iter().find(|fragment| fragment.name.node == name)
    }

    /// Enters the fragment of a selection. `None` for the spread of a fragment that is in `visited` or does not exist.
    pub(in crate::graphql) fn resolve<'a>(
        &'a self,
        selection: &'a Selection,
        visited: &mut HashSet<&'a Name>,
    ) -> Option<Resolved<'a>> {
        match selection {
            Selection::Field(field) => Some(Resolved::Field(field)),
            Selection::Inline(inline) => {
                let condition = inline.condition.as_ref().map(|condition| &condition.node);
                Some(Resolved::Fragment(condition, &inline.selections))
            }
            Selection::Spread(spread) if !visited.insert(&spread.name.node) => None,
            Selection::Spread(spread) => {
                let fragment = self.fragment(&spread.name.node)?;
                Some(Resolved::Fragment(Some(&fragment.condition.node), &fragment.selections))
            }
        }
    }
}

/// A selection with the content of its fragment.
pub(in crate::graphql) enum Resolved<'a> {
    Field(&'a Field),
    /// The type condition and the selections of a fragment.
    Fragment(Option<&'a Name>, &'a [Selection]),
}

#[derive(Debug)]
pub(in crate::graphql) struct Operation {
    pub(in crate::graphql) pos: Pos,
    pub(in crate::graphql) kind: OperationType,
    pub(in crate::graphql) name: Option<Positioned<Name>>,
    pub(in crate::graphql) variables: Vec<VariableDefinition>,
    pub(in crate::graphql) directives: Vec<Directive>,
    pub(in crate::graphql) selections: Vec<Selection>,
}

#[derive(Debug)]
pub(in crate::graphql) struct VariableDefinition {
    pub(in crate::graphql) name: Positioned<Name>,
    pub(in crate::graphql) kind: Positioned<Type>,
    pub(in crate::graphql) default: Option<Value>,
    pub(in crate::graphql) directives: Vec<Directive>,
}

#[derive(Debug)]
pub(in crate::graphql) struct Fragment {
    pub(in crate::graphql) name: Positioned<Name>,
    pub(in crate::graphql) condition: Positioned<Name>,
    pub(in crate::graphql) directives: Vec<Directive>,
    pub(in crate::graphql) selections: Vec<Selection>,
}

#[derive(Debug)]
pub(in crate::graphql) enum Selection {
    Field(Field),
    Spread(Spread),
    Inline(Inline),
}

impl Selection {
    pub(in crate::graphql) fn directives(&self) -> &[Directive] {
        match self {
            Self::Field(field) => &field.directives,
            Self::Spread(spread) => &spread.directives,
            Self::Inline(inline) => &inline.directives,
        }
    }
}

#[derive(Debug)]
pub(in crate::graphql) struct Field {
    pub(in crate::graphql) alias: Option<Positioned<Name>>,
    pub(in crate::graphql) name: Positioned<Name>,
    pub(in crate::graphql) arguments: Vec<Argument>,
    pub(in crate::graphql) directives: Vec<Directive>,
    pub(in crate::graphql) selections: Vec<Selection>,
}

impl Field {
    /// The response key: the alias, or else the name.
    pub(in crate::graphql) fn key(&self) -> &Positioned<Name> {
        self.alias.as_ref().unwrap_or(&self.name)
    }
}

#[derive(Debug)]
pub(in crate::graphql) struct Spread {
    pub(in crate::graphql) name: Positioned<Name>,
    pub(in crate::graphql) directives: Vec<Directive>,
}

#[derive(Debug)]
pub(in crate::graphql) struct Inline {
    pub(in crate::graphql) condition: Option<Positioned<Name>>,
    pub(in crate::graphql) directives: Vec<Directive>,
    pub(in crate::graphql) selections: Vec<Selection>,
}

#[derive(Debug)]
pub(in crate::graphql) struct Directive {
    pub(in crate::graphql) name: Positioned<Name>,
    pub(in crate::graphql) arguments: Vec<Argument>,
}

/// An argument, or a field of an input object.
#[derive(Debug, PartialEq)]
pub(in crate::graphql) struct Argument {
    pub(in crate::graphql) name: Positioned<Name>,
    pub(in crate::graphql) value: Value,
}

pub(in crate::graphql) type Value = Positioned<Literal>;

#[derive(Debug, PartialEq)]
pub(in crate::graphql) enum Literal {
    Variable(Name),
    /// Numbers are kept as written, because `12345678901234567890` is a valid ID.
    Int(String),
    Float(String),
    String {
        text: String,
        is_block: bool,
    },
    Boolean(bool),
    Null,
    Enum(Name),
    List(Vec<Value>),
    Object(Vec<Argument>),
}
