//! Property tests of the workflow.

use proptest::prelude::*;
use taskwire::domain::task::workflow::Status;

/// The design's transition table, repeated here on purpose.
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
    fn random_steps_follow_only_allowed_transitions(start in status(), steps in prop::collection::vec(status(), 0..40)) {
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
    fn the_listed_transitions_are_those_that_work(from in status(), to in status()) {
        let listed = from.allowed_transitions().contains(&to);
        prop_assert_eq!(listed, from != to && from.transition(to).is_ok());
    }
}
