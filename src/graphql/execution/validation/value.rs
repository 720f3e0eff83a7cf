//! Rules for arguments and literals.

use async_graphql::Pos;

use super::variable::Usage;
use super::{Uses, Validator};
use crate::graphql::execution::model::{InputModel, KindModel, Scalar, TypeId, TypeRef, input};
use crate::graphql::execution::syntax::{Argument, Literal, Value};

/// Maximum characters of a value in an error message.
const MAX_SHOWN: usize = 80;

impl<'a> Validator<'a> {
    /// Checks the arguments or the input fields of `of`. `definitions` is `None` if they are unknown.
    pub(super) fn inputs<'v>(
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
            let expected = definition.map(|definition| &definition.kind);
            self.value(&one.value, expected, has_default, uses);
        }
        for definition in definitions.into_iter().flatten() {
            if definition.is_required() && given.iter().all(|one| one.name.node != definition.name) {
                let (name, kind) = (&definition.name, self.model.shown(&definition.kind));
                self.report(
                    format!("The {what} '{name}' is missing in the {of}; its type is {kind}"),
                    [pos],
                );
            }
        }
    }

    /// Checks a value against its expected type, if known.
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
                    // The items of a custom scalar have no type.
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

    /// Checks a value against a scalar or an enum.
    fn leaf_value(&mut self, value: &Value, expected: Option<TypeId>) {
        let Some(expected) = expected else { return };
        let allowed = match (&self.model.get(expected).kind, &value.node) {
            (KindModel::Scalar(scalar), literal) => {
                if scalar.accepts(literal) {
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
        let message = format!("{} is not {article} {name}{allowed}", shown(value));
        self.report(message, [value.pos]);
    }
}

/// The indefinite article for a type name.
pub(in crate::graphql) fn article(name: &str) -> &'static str {
    if name.starts_with(['A', 'E', 'I', 'O']) {
        "an"
    } else {
        "a"
    }
}

impl Scalar {
    fn accepts(self, literal: &Literal) -> bool {
        match self {
            Self::Int => matches!(literal, Literal::Int(number) if number.parse::<i32>().is_ok()),
            Self::Float => matches!(literal, Literal::Int(_) | Literal::Float(_)),
            Self::String => matches!(literal, Literal::String { .. }),
            Self::Boolean => matches!(literal, Literal::Boolean(_)),
            Self::Id => matches!(literal, Literal::String { .. } | Literal::Int(_)),
            Self::Custom => true,
        }
    }

    /// The end of an error message: the allowed values.
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
