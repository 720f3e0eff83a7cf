//! The variables that an operation cannot do without. Execution would find out only at the field that uses
//! one, when other fields have run already.

use async_graphql::parser::types::OperationDefinition;
use serde_json::{Map, Value};

/// Says which variable of the operation is missing, or null where it may not be.
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
}
