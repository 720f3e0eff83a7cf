//! The workflow, whatever the steps.

use proptest::prelude::*;
use taskwire::domain::task::workflow::Status;

/// The design's table, written a second time on purpose.
fn may_follow(from: Status, to: Status) -> bool {
    use Status::{Cancelled, Done, InProgress, Todo};

    matches!(
        (from, to),
        (Todo, InProgress | Done | Cancelled) | (InProgress, Todo | Done | Cancelled) | (Done | Cancelled, Todo)
    )
}

fn status() -> impl Strategy<Value = Status> {
    prop::sample::select(Status::ALL.to_vec())
}

proptest! {
    #[test]
    fn a_walk_through_the_workflow_moves_only_where_the_table_says(start in status(), steps in prop::collection::vec(status(), 0..40)) {
        let mut current = start;
        for step in steps {
            match current.transition(step) {
                Ok(next) => {
                    prop_assert!(step == current || may_follow(current, step), "{current} to {step}");
                    prop_assert_eq!(next, step);
                    current = next;
                }
                Err(error) => {
                    prop_assert!(!may_follow(current, step) && step != current);
                    prop_assert_eq!(error.to_string(), format!("Invalid transition from '{current}' to '{step}'"));
                }
            }
        }
    }

    #[test]
    fn what_is_listed_as_allowed_is_what_works(from in status(), to in status()) {
        let listed = from.allowed_transitions().contains(&to);
        prop_assert_eq!(listed, from != to && from.transition(to).is_ok());
    }
}
