//! Arguments and literals.

use async_graphql::Pos;

use super::variable::Usage;
use super::{Uses, Validator};
use crate::graphql::execution::model::{InputModel, KindModel, Scalar, TypeId, TypeRef, input};
use crate::graphql::execution::syntax::{Argument, Literal, Value};

/// The most characters of a value that an error repeats.
const MAX_SHOWN: usize = 80;

impl<'a> Validator<'a> {
    /// Checks the arguments of `of`, which takes those of `definitions` if they are known.
    pub(super) fn arguments<'v>(
        &mut self,
        of: &str,
        arguments: &'v [Argument],
        definitions: Option<&'v [InputModel]>,
        pos: Pos,
        uses: &mut Uses<'v>,
    ) where
        'a: 'v,
    {
        self.inputs(("argument", of), arguments, definitions, pos, uses);
    }

    /// Checks arguments or fields of an input object.
    fn inputs<'v>(
        &mut self,
        (what, of): (&str, &str),
        given: &'v [Argument],
        definitions: Option<&'v [InputModel]>,
        pos: Pos,
        uses: &mut Uses<'v>,
    ) where
        'a: 'v,
    {
        self.unique(what, given.iter().map(|one| (&one.name.node, one.name.pos)));
        for one in given {
            let name = &one.name.node;
            let definition = definitions.and_then(|definitions| input(definitions, name));
            if let (Some(definitions), None) = (definitions, definition) {
                let names = definitions.iter().map(|definition| definition.name.as_str());
                let similar = self.similar(name, names.clone());
                let allowed = if self.model.is_introspectable() && similar.is_empty() {
                    format!("; its {what}s are {}", names.collect::<Vec<_>>().join(", "))
                } else {
                    similar
                };
                self.report(format!("The {of} has no {what} '{name}'{allowed}"), [one.name.pos]);
            }
            let has_default = definition.is_some_and(|definition| definition.default.is_some());
            self.value(
                &one.value,
                definition.map(|definition| &definition.kind),
                has_default,
                uses,
            );
        }
        for definition in definitions.into_iter().flatten() {
            if definition.is_required() && given.iter().all(|one| one.name.node != definition.name) {
                let kind = self.model.shown(&definition.kind);
                self.report(
                    format!(
                        "The {what} '{}' is missing of the {of}; its type is {kind}",
                        definition.name
                    ),
                    [pos],
                );
            }
        }
    }

    /// Checks a value where a type is expected, if that is known.
    pub(super) fn value<'v>(
        &mut self,
        value: &'v Value,
        expected: Option<&'v TypeRef>,
        has_default: bool,
        uses: &mut Uses<'v>,
    ) where
        'a: 'v,
    {
        let named = expected.map(TypeRef::named);
        match &value.node {
            Literal::Variable(name) => uses.variables.push(Usage {
                name,
                pos: value.pos,
                expected,
                has_default,
            }),
            Literal::Null => {
                if let Some(expected) = expected.filter(|expected| expected.is_non_null()) {
                    let kind = self.model.shown(expected);
                    self.report(format!("The value is null; its type is {kind}"), [value.pos]);
                }
            }
            Literal::List(items) => {
                let item = expected.and_then(TypeRef::item);
                if item.is_none() {
                    // What a scalar takes as it is has no types of its own.
                    self.leaf_value(value, named);
                }
                for value in items {
                    self.value(value, item, false, uses);
                }
            }
            Literal::Object(fields) => {
                let kind = named.map(|named| (named, &self.model.get(named).kind));
                if let Some((named, KindModel::Input(definitions))) = kind {
                    let of = format!("input '{}'", self.model.name(named));
                    self.inputs(("field", &of), fields, Some(definitions), value.pos, uses);
                } else {
                    self.leaf_value(value, named);
                    self.inputs(("field", "value"), fields, None, value.pos, uses);
                }
            }
            _ => self.leaf_value(value, named),
        }
    }

    /// Checks a value where a scalar or an enum is expected.
    fn leaf_value(&mut self, value: &Value, expected: Option<TypeId>) {
        let Some(expected) = expected else { return };
        let allowed = match (&self.model.get(expected).kind, &value.node) {
            (KindModel::Scalar(scalar), literal) => {
                if scalar.takes(literal) {
                    return;
                }
                scalar.hint().to_owned()
            }
            (KindModel::Enum(values), Literal::Enum(name)) if values.contains(name) => return,
            (KindModel::Enum(values), _) if self.model.is_introspectable() => {
                format!("; use one of {}", values.join(", "))
            }
            (KindModel::Input(_), _) => "; use an input object, such as {a: 1}".to_owned(),
            _ => String::new(),
        };
        let name = self.model.name(expected);
        let article = article(name);
        self.report(
            format!("{} is not {article} {name}{allowed}", shown(value)),
            [value.pos],
        );
    }
}

/// The article of a type's name.
pub(in crate::graphql) fn article(name: &str) -> &'static str {
    if name.starts_with(['A', 'E', 'I', 'O']) {
        "an"
    } else {
        "a"
    }
}

impl Scalar {
    /// Whether a literal is one of this scalar.
    fn takes(self, literal: &Literal) -> bool {
        match self {
            Self::Int => matches!(literal, Literal::Int(number) if number.parse::<i32>().is_ok()),
            Self::Float => matches!(literal, Literal::Int(_) | Literal::Float(_)),
            Self::String => matches!(literal, Literal::String { .. }),
            Self::Boolean => matches!(literal, Literal::Boolean(_)),
            Self::Id => matches!(literal, Literal::String { .. } | Literal::Int(_)),
            Self::Custom => true,
        }
    }

    /// What is allowed, to end a message with.
    pub(in crate::graphql) fn hint(self) -> &'static str {
        match self {
            Self::Int => "; use a whole number from -2147483648 to 2147483647",
            Self::Float => "; use a number",
            Self::String => "; use a string",
            Self::Boolean => "; use true or false",
            Self::Id => "; use a string or a whole number",
            Self::Custom => "",
        }
    }
}

/// A value as its error shows it.
fn shown(value: &Value) -> String {
    let text = match &value.node {
        Literal::Variable(name) => format!("${name}"),
        Literal::Int(number) | Literal::Float(number) => number.clone(),
        Literal::String { text, .. } => format!("\"{text}\""),
        Literal::Boolean(value) => value.to_string(),
        Literal::Null => "null".to_owned(),
        Literal::Enum(name) => name.to_string(),
        Literal::List(_) => return "A list".to_owned(),
        Literal::Object(_) => return "An input object".to_owned(),
    };
    format!("'{}'", text.chars().take(MAX_SHOWN).collect::<String>())
}
