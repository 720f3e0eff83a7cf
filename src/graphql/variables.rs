//! The variables of an operation: those that it cannot do without, and those that cannot be wrong.

use async_graphql::parser::types::{BaseType, OperationDefinition, Type};
use serde_json::{Map, Value};

/// Says which variable of the operation is missing, or null where it may not be. Execution would find out only at the
/// field that uses it, when other fields have run already.
pub(super) fn check(operation: &OperationDefinition, given: Option<&Map<String, Value>>) -> Result<(), String> {
    for variable in &operation.variable_definitions {
        let (name, kind) = (variable.node.name.node.as_str(), &variable.node.var_type.node);
        if kind.nullable {
            continue;
        }
        match given.and_then(|given| given.get(name)) {
            Some(Value::Null) => return Err(format!("The variable '${name}' is null; its type is {kind}")),
            None if variable.node.default_value.is_none() => {
                return Err(format!("The variable '${name}' is missing; its type is {kind}"));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Whether every variable has a value of its type for certain: it was given as a plain scalar of that type, or is left to
/// its default. Then an operation that was valid with other values is so with these.
pub(super) fn are_plain(operation: &OperationDefinition, given: Option<&Map<String, Value>>) -> bool {
    operation.variable_definitions.iter().all(|variable| {
        match given.and_then(|given| given.get(variable.node.name.node.as_str())) {
            Some(value) => is_of(&variable.node.var_type.node, value),
            None => variable.node.default_value.is_some(),
        }
    })
}

/// Whether the value is one of this type, if that is one of the scalars that every schema has.
fn is_of(kind: &Type, value: &Value) -> bool {
    let BaseType::Named(name) = &kind.base else {
        return false;
    };
    match name.as_str() {
        "ID" => value.is_string() || value.is_i64(),
        "String" => value.is_string(),
        "Boolean" => value.is_boolean(),
        "Int" => value.as_i64().is_some_and(|number| i32::try_from(number).is_ok()),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use async_graphql::parser::parse_query;
    use serde_json::json;

    use super::*;

    const DOCUMENT: &str = "query A($id: ID!, $n: Int! = 5, $text: String) { a } query B($ids: [ID!]!) { b }";

    fn checked(operation: &str, variables: &Value) -> Result<(), String> {
        let document = parse_query(DOCUMENT).unwrap();
        let operation = document.operations.iter().find(|(name, _)| name.unwrap() == operation);
        check(&operation.unwrap().1.node, variables.as_object())
    }

    #[test]
    fn one_that_is_needed_is_missed_by_name_and_type() {
        assert_eq!(checked("A", &json!({ "id": "1" })), Ok(()));
        assert_eq!(
            checked("A", &json!({})),
            Err("The variable '$id' is missing; its type is ID!".to_owned())
        );
        assert_eq!(
            checked("B", &Value::Null),
            Err("The variable '$ids' is missing; its type is [ID!]!".to_owned())
        );
        assert_eq!(
            checked("A", &json!({ "id": "1", "n": null })),
            Err("The variable '$n' is null; its type is Int!".to_owned())
        );
    }

    #[test]
    fn plain_are_values_of_the_scalars_that_every_schema_has() {
        let plain = |operation: &str, variables: &Value| {
            let document = parse_query(DOCUMENT).unwrap();
            let operation = document.operations.iter().find(|(name, _)| name.unwrap() == operation);
            are_plain(&operation.unwrap().1.node, variables.as_object())
        };
        assert!(plain("A", &json!({ "id": "1", "n": 7, "text": "T" })));
        assert!(
            plain("A", &json!({ "id": 1, "text": "T", "other": [] })),
            "n has a default"
        );
        for variables in [
            json!({ "id": "1", "n": 7 }),
            json!({ "id": "1", "n": 7, "text": null }),
            json!({ "id": 1.5, "text": "T" }),
            json!({ "id": "1", "n": 2_147_483_648_i64, "text": "T" }),
            json!({ "id": "1", "n": "7", "text": "T" }),
            json!({ "id": "1", "text": 7 }),
        ] {
            assert!(!plain("A", &variables), "{variables}");
        }
        assert!(!plain("B", &json!({ "ids": ["1"] })));
    }
}
