//! What is selected of rows, found out once for a list and not for each row.

use async_graphql::parser::types::{Field, Selection, SelectionSet};
use async_graphql::registry::MetaTypeName;
use async_graphql::{ContextSelectionSet, Name, Positioned};

/// A field that is selected, with what is selected below it.
pub struct Planned<'a> {
    pub(super) field: &'a Positioned<Field>,
    /// Its key as JSON, with the colon.
    pub(super) label: String,
    below: Vec<Planned<'a>>,
}

impl Planned<'_> {
    pub(super) fn key(&self) -> Name {
        self.field.node.response_key().node.clone()
    }
}

/// A field that is selected on a row.
#[derive(Clone, Copy)]
pub struct Selected<'a> {
    /// What the row's list was resolved in.
    pub ctx: &'a ContextSelectionSet<'a>,
    pub(super) plan: &'a Planned<'a>,
}

impl<'a> Selected<'a> {
    /// Which field.
    #[must_use]
    pub fn name(self) -> &'a str {
        &self.plan.field.node.name.node
    }

    /// What is selected below the field.
    pub fn below(self) -> impl Iterator<Item = Self> {
        of(self.ctx, &self.plan.below)
    }
}

/// The planned fields in the context of their list.
pub(super) fn of<'a>(
    ctx: &'a ContextSelectionSet<'a>,
    fields: &'a [Planned<'a>],
) -> impl ExactSizeIterator<Item = Selected<'a>> {
    fields.iter().map(move |plan| Selected { ctx, plan })
}

/// The fields that are selected of objects of this type, in order. A normalised operation has no fragments on objects.
pub(super) fn plan<'a>(ctx: &'a ContextSelectionSet<'a>, kind: &str, set: &'a SelectionSet) -> Vec<Planned<'a>> {
    let fields = set.items.iter().filter_map(|selection| match &selection.node {
        Selection::Field(field) => Some(planned(ctx, kind, field)),
        Selection::InlineFragment(_) | Selection::FragmentSpread(_) => None,
    });
    fields.collect()
}

fn planned<'a>(ctx: &'a ContextSelectionSet<'a>, kind: &str, field: &'a Positioned<Field>) -> Planned<'a> {
    let set = &field.node.selection_set.node;
    let below = if set.items.is_empty() {
        Vec::new()
    } else {
        let kind = ctx.schema_env.registry.types.get(kind);
        let definition = kind.and_then(|kind| kind.field_by_name(&field.node.name.node));
        // A document with an unknown field is refused before it is executed.
        definition.map_or_else(Vec::new, |definition| {
            plan(ctx, MetaTypeName::concrete_typename(&definition.ty), set)
        })
    };
    Planned {
        field,
        // A name has no characters that JSON writes otherwise.
        label: format!("\"{}\":", field.node.response_key().node),
        below,
    }
}
