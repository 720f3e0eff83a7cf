//! What is selected of rows, found out once for a list and not for each row.

use async_graphql::parser::types::{Field, Selection, SelectionSet};
use async_graphql::registry::MetaTypeName;
use async_graphql::{ContextSelectionSet, Name, Positioned};

/// A field that is selected, with what is selected below it.
pub struct Planned<'a> {
    pub(super) field: &'a Positioned<Field>,
    /// Its key as JSON, with the colon.
    pub(super) label: String,
    /// The same key stands before it: it is the same field.
    pub(super) is_repeated: bool,
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

/// The fields that are selected of objects of this type, in order, from fragments too. What `@skip` and `@include`
/// leave out is no longer there when a document is executed.
pub(super) fn plan<'a>(ctx: &'a ContextSelectionSet<'a>, kind: &str, set: &'a SelectionSet) -> Vec<Planned<'a>> {
    let mut fields = Vec::with_capacity(set.items.len());
    add(&mut fields, ctx, kind, set);
    fields
}

fn add<'a>(fields: &mut Vec<Planned<'a>>, ctx: &'a ContextSelectionSet<'a>, kind: &str, set: &'a SelectionSet) {
    for selection in &set.items {
        let (condition, set) = match &selection.node {
            Selection::Field(field) => {
                let planned = planned(fields, ctx, kind, field);
                fields.push(planned);
                continue;
            }
            Selection::InlineFragment(fragment) => {
                (fragment.node.type_condition.as_ref(), &fragment.node.selection_set)
            }
            // A document with an unknown fragment is refused before it is executed.
            Selection::FragmentSpread(spread) => match ctx.query_env.fragments.get(&spread.node.fragment_name.node) {
                Some(fragment) => (Some(&fragment.node.type_condition), &fragment.node.selection_set),
                None => continue,
            },
        };
        let condition = condition.map(|condition| condition.node.on.node.as_str());
        let is_meant = condition.is_none_or(|condition| {
            let interfaces = ctx.schema_env.registry.implements.get(kind);
            condition == kind || interfaces.is_some_and(|interfaces| interfaces.contains(condition))
        });
        if is_meant {
            add(fields, ctx, kind, &set.node);
        }
    }
}

fn planned<'a>(
    before: &[Planned<'a>],
    ctx: &'a ContextSelectionSet<'a>,
    kind: &str,
    field: &'a Positioned<Field>,
) -> Planned<'a> {
    let key = &field.node.response_key().node;
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
        label: format!("\"{key}\":"),
        is_repeated: before.iter().any(|other| other.field.node.response_key().node == *key),
        below,
    }
}
