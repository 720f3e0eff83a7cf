//! The variables that an operation cannot do without. Execution would find out only at the field that uses
//! one, when other fields have run already.

use async_graphql::Name;
use async_graphql::parser::types::{ExecutableDocument, OperationDefinition};
use serde_json::{Map, Value};

/// Says which variable of the operation that would run is missing, or null where it may not be.
pub(super) fn check(
    document: &ExecutableDocument,
    operation: Option<&str>,
    given: Option<&Map<String, Value>>,
) -> Result<(), String> {
    let Some(operation) = chosen(document, operation) else {
        // Which operation is meant is a question that execution answers.
        return Ok(());
    };
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

fn chosen<'a>(document: &'a ExecutableDocument, name: Option<&str>) -> Option<&'a OperationDefinition> {
    let mut candidates = document
        .operations
        .iter()
        .filter(|(candidate, _)| name.is_none() || candidate.map(Name::as_str) == name);
    let (_, operation) = candidates.next()?;
    candidates.next().is_none().then_some(&operation.node)
}

#[cfg(test)]
mod tests {
    use async_graphql::parser::parse_query;
    use serde_json::json;

    use super::*;

    const DOCUMENT: &str = "query A($id: ID!, $n: Int! = 5, $text: String) { a } query B($ids: [ID!]!) { b }";

    fn checked(operation: Option<&str>, variables: &Value) -> Result<(), String> {
        check(&parse_query(DOCUMENT).unwrap(), operation, variables.as_object())
    }

    #[test]
    fn one_that_is_needed_is_missed_by_name_and_type() {
        assert_eq!(checked(Some("A"), &json!({ "id": "1" })), Ok(()));
        assert_eq!(
            checked(Some("A"), &json!({})),
            Err("The variable '$id' is missing; its type is ID!".to_owned())
        );
        assert_eq!(
            checked(Some("B"), &Value::Null),
            Err("The variable '$ids' is missing; its type is [ID!]!".to_owned())
        );
        assert_eq!(
            checked(Some("A"), &json!({ "id": "1", "n": null })),
            Err("The variable '$n' is null; its type is Int!".to_owned())
        );
    }

    #[test]
    fn without_a_known_operation_nothing_is_missed() {
        assert_eq!(checked(None, &json!({})), Ok(()));
        assert_eq!(checked(Some("C"), &json!({})), Ok(()));
    }
}
