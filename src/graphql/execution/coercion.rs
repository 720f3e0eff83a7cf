//! Coerces the values of variables to their types by the rules of the specification, and fills in defaults.

use std::collections::HashMap;

use async_graphql::indexmap::IndexMap;
use async_graphql::{Name, Number};
use async_graphql_value::ConstValue;
use serde::Deserialize as _;
use serde_json::{Map, Value as Json};

use super::model::{InputModel, KindModel, Model, Scalar, TypeModel, TypeRef, input};
use super::problem::Problem;
use super::syntax::{Argument, Literal, MAX_VALUE_NESTING, Operation, Value, VariableDefinition};
use super::validation::article;

/// Maximum characters of a value in an error message.
const MAX_SHOWN: usize = 80;

/// Values by variable name, without those that are absent and have no default.
pub(in crate::graphql) type Values = HashMap<Name, ConstValue>;

/// Coerces the variables of a valid operation. Fails on the first wrong value.
pub(in crate::graphql) fn coerce(
    operation: &Operation,
    given: Option<&Map<String, Json>>,
    model: &Model,
) -> Result<Values, Problem> {
    let mut values = Values::new();
    for variable in &operation.variables {
        let name = &variable.name.node;
        let given = given.and_then(|given| given.get(name.as_str()));
        let value = model.variable(variable, given).map_err(|message| Problem {
            message,
            positions: vec![variable.name.pos],
        })?;
        if let Some(value) = value {
            values.insert(name.clone(), value);
        }
    }
    Ok(values)
}

pub(in crate::graphql) fn defaults(operation: &Operation, model: &Model) -> Values {
    let variables = operation.variables.iter();
    let values = variables.filter_map(|variable| {
        let value = model.variable(variable, None).ok()??;
        Some((variable.name.node.clone(), value))
    });
    values.collect()
}

/// A path in the value of a variable, such as `$input.tags.0`.
struct Path<'a> {
    parent: Option<&'a Path<'a>>,
    segment: &'a str,
    level: usize,
}

impl<'a> Path<'a> {
    fn below(&'a self, segment: &'a str) -> Self {
        Self {
            parent: Some(self),
            segment,
            level: self.level + 1,
        }
    }
}

impl std::fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.parent {
            Some(parent) => write!(f, "{parent}.{}", self.segment),
            None => write!(f, "${}", self.segment),
        }
    }
}

impl Model {
    fn variable(&self, variable: &VariableDefinition, given: Option<&Json>) -> Result<Option<ConstValue>, String> {
        let name = &variable.name.node;
        let Some(kind) = self.resolve(&variable.kind.node) else {
            return Ok(None);
        };
        match (given, &variable.default) {
            (None, Some(default)) => Ok(Some(self.literal(default, &kind))),
            (None, None) if kind.is_non_null() => Err(format!(
                "The variable '${name}' is missing; its type is {}",
                self.shown(&kind)
            )),
            (None, None) => Ok(None),
            (Some(given), _) => {
                let path = Path {
                    parent: None,
                    segment: name,
                    level: 0,
                };
                self.value(given, &kind, &path).map(Some)
            }
        }
    }

    fn value(&self, given: &Json, kind: &TypeRef, path: &Path<'_>) -> Result<ConstValue, String> {
        if path.level > MAX_VALUE_NESTING {
            return Err(format!(
                "The variable '{path}' has more than {MAX_VALUE_NESTING} levels of lists and objects"
            ));
        }
        if given.is_null() {
            if kind.is_non_null() {
                return Err(format!(
                    "The variable '{path}' is null; its type is {}",
                    self.shown(kind)
                ));
            }
            return Ok(ConstValue::Null);
        }
        match (kind, given) {
            (TypeRef::List(item, _), Json::Array(items)) => {
                let items = items.iter().enumerate().map(|(index, value)| {
                    let index = index.to_string();
                    self.value(value, item, &path.below(&index))
                });
                items.collect::<Result<_, _>>().map(ConstValue::List)
            }
            (TypeRef::List(item, _), one) => Ok(ConstValue::List(vec![self.value(one, item, &path.below("0"))?])),
            (TypeRef::Named(named, _), given) => {
                let TypeModel { name, kind } = self.get(*named);
                match (kind, given) {
                    (KindModel::Input(fields), _) => self.object(given, name, fields, path),
                    (KindModel::Enum(values), Json::String(text)) if values.iter().any(|value| value == text) => {
                        Ok(ConstValue::Enum(Name::new(text)))
                    }
                    (KindModel::Enum(values), _) if self.is_introspectable() => {
                        let allowed = format!("; use one of {}", values.join(", "));
                        Err(wrong(given, name, &allowed, path))
                    }
                    (KindModel::Enum(_), _) => Err(wrong(given, name, "", path)),
                    (KindModel::Scalar(scalar), _) => {
                        scalar_value(*scalar, given, path.level).ok_or_else(|| wrong(given, name, scalar.hint(), path))
                    }
                    (KindModel::Object(_) | KindModel::Interface(..), _) => Ok(ConstValue::Null),
                }
            }
        }
    }

    fn object(
        &self,
        given: &Json,
        name: &Name,
        definitions: &[InputModel],
        path: &Path<'_>,
    ) -> Result<ConstValue, String> {
        let Json::Object(given) = given else {
            return Err(wrong(given, name, "; use an object", path));
        };
        let mut object = IndexMap::with_capacity(given.len());
        for definition in definitions {
            let name = &definition.name;
            match (given.get(name.as_str()), &definition.default) {
                (Some(value), _) => {
                    let value = self.value(value, &definition.kind, &path.below(name))?;
                    object.insert(name.clone(), value);
                }
                (None, Some(default)) => {
                    object.insert(name.clone(), default.clone());
                }
                (None, None) if definition.kind.is_non_null() => {
                    let (path, kind) = (path.below(name), self.shown(&definition.kind));
                    return Err(format!("The variable '{path}' is missing; its type is {kind}"));
                }
                (None, None) => {}
            }
        }
        match given.keys().find(|key| input(definitions, key).is_none()) {
            None => Ok(ConstValue::Object(object)),
            Some(unknown) => {
                let unknown: String = unknown.chars().take(MAX_SHOWN).collect();
                let fields: Vec<&str> = definitions.iter().map(|field| field.name.as_str()).collect();
                let allowed = if self.is_introspectable() {
                    format!("; its fields are {}", fields.join(", "))
                } else {
                    String::new()
                };
                Err(format!(
                    "The variable '{path}' has a field '{unknown}' that input '{name}' does not define{allowed}"
                ))
            }
        }
    }

    /// Converts a valid literal. Callers keep variables in the document, so the literal has none.
    pub(super) fn literal(&self, value: &Value, kind: &TypeRef) -> ConstValue {
        match (kind, &value.node) {
            (_, Literal::Null | Literal::Variable(_)) => ConstValue::Null,
            (TypeRef::List(item, _), Literal::List(items)) => {
                ConstValue::List(items.iter().map(|value| self.literal(value, item)).collect())
            }
            (TypeRef::List(item, _), _) => ConstValue::List(vec![self.literal(value, item)]),
            (TypeRef::Named(named, _), literal) => match (&self.get(*named).kind, literal) {
                (KindModel::Input(definitions), Literal::Object(fields)) => self.literal_object(fields, definitions),
                (KindModel::Scalar(scalar), literal) => scalar_literal(*scalar, literal),
                (_, literal) => scalar_literal(Scalar::Custom, literal),
            },
        }
    }

    fn literal_object(&self, fields: &[Argument], definitions: &[InputModel]) -> ConstValue {
        let values = definitions.iter().filter_map(|definition| {
            let given = fields.iter().find(|field| field.name.node == definition.name);
            let value = match given {
                Some(field) => self.literal(&field.value, &definition.kind),
                None => definition.default.clone()?,
            };
            Some((definition.name.clone(), value))
        });
        ConstValue::Object(values.collect())
    }
}

fn wrong(given: &Json, kind: &str, allowed: &str, path: &Path<'_>) -> String {
    let shown = match given {
        Json::Array(_) => "a list".to_owned(),
        Json::Object(_) => "an object".to_owned(),
        Json::String(text) => format!("'{}'", text.chars().take(MAX_SHOWN).collect::<String>()),
        other => format!("'{other}'"),
    };
    format!(
        "The variable '{path}' is {shown}, which is not {} {kind}{allowed}",
        article(kind)
    )
}

/// Converts a JSON value to a scalar. `None` if it is invalid.
fn scalar_value(scalar: Scalar, given: &Json, level: usize) -> Option<ConstValue> {
    match (scalar, given) {
        (Scalar::Int, Json::Number(number)) => whole(number)
            .and_then(|number| i32::try_from(number).ok())
            .map(Into::into),
        (Scalar::Float, Json::Number(number)) => number.as_f64().filter(|number| number.is_finite()).map(Into::into),
        (Scalar::String | Scalar::Id, Json::String(text)) => Some(text.clone().into()),
        (Scalar::Boolean, Json::Bool(value)) => Some((*value).into()),
        (Scalar::Id, Json::Number(number)) => id_of(number).map(Into::into),
        // The resolver validates the value.
        (Scalar::Custom, any) if is_shallow(any, level) => ConstValue::deserialize(any).ok(),
        _ => None,
    }
}

/// The number as an integer. `None` if it has a fraction.
fn whole(number: &Number) -> Option<i64> {
    let rounded = number
        .as_f64()
        .filter(|number| number.fract() == 0.0 && number.abs() < 1e15);
    #[expect(clippy::cast_possible_truncation, reason = "every whole number below 1e15 is an i64")]
    number.as_i64().or_else(|| rounded.map(|number| number as i64))
}

/// A whole number as an ID, formatted as JavaScript does.
fn id_of(number: &Number) -> Option<String> {
    if number.is_i64() || number.is_u64() {
        return Some(number.to_string());
    }
    let number = number.as_f64().filter(|number| number.fract() == 0.0)?;
    Some(if number == 0.0 {
        "0".to_owned()
    } else if number.abs() < 1e21 {
        format!("{number:.0}")
    } else {
        format!("{number:e}").replace('e', "e+")
    })
}

/// Whether a value at this level is within the limit of nesting.
fn is_shallow(given: &Json, level: usize) -> bool {
    level <= MAX_VALUE_NESTING
        && match given {
            Json::Array(items) => items.iter().all(|item| is_shallow(item, level + 1)),
            Json::Object(fields) => fields.values().all(|value| is_shallow(value, level + 1)),
            _ => true,
        }
}

/// Converts a valid literal of a scalar or an enum.
fn scalar_literal(scalar: Scalar, literal: &Literal) -> ConstValue {
    match literal {
        Literal::Int(number) if scalar == Scalar::Id => number.clone().into(),
        Literal::Int(number) | Literal::Float(number) => number_of(scalar, number),
        Literal::String { text, .. } => text.clone().into(),
        Literal::Boolean(value) => (*value).into(),
        Literal::Enum(name) => ConstValue::Enum(name.clone()),
        Literal::List(items) => {
            let items = items.iter().map(|item| scalar_literal(Scalar::Custom, &item.node));
            ConstValue::List(items.collect())
        }
        Literal::Object(fields) => {
            let fields = fields.iter().map(|field| {
                let value = scalar_literal(Scalar::Custom, &field.value.node);
                (field.name.node.clone(), value)
            });
            ConstValue::Object(fields.collect())
        }
        Literal::Null | Literal::Variable(_) => ConstValue::Null,
    }
}

/// Parses a number. Beyond the range of floats it stays text, which is no valid date. Null would be valid: it clears a
/// field.
fn number_of(scalar: Scalar, spelled: &str) -> ConstValue {
    let whole = spelled.parse::<i64>().ok().filter(|_| scalar != Scalar::Float);
    let number = whole.map(Number::from);
    let number = number.or_else(|| spelled.parse().ok().and_then(Number::from_f64));
    number.map_or_else(|| spelled.to_owned().into(), ConstValue::Number)
}
