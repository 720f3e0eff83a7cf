use super::*;
use crate::domain::id::UserId;
use crate::domain::task::workflow::Status;

fn status(status: Status) -> TaskFilter {
    TaskFilter::Status(Comparison::Equal(status))
}

fn tags(names: &[&str]) -> Tags {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn text(text: &str) -> TaskFilter {
    TaskFilter::Search(text.to_owned())
}

fn simplified(filter: TaskFilter) -> TaskFilter {
    BoundedFilter::try_from(filter).unwrap().0
}

fn refusal(filter: TaskFilter) -> String {
    BoundedFilter::try_from(filter).unwrap_err().to_string()
}

/// A condition inside `levels` nested `not`.
fn nested(levels: usize) -> TaskFilter {
    let innermost = TaskFilter::All(vec![status(Status::Done)]);
    (0..levels).fold(innermost, |filter, _| {
        TaskFilter::All(vec![TaskFilter::Not(Box::new(filter))])
    })
}

#[test]
fn filters_at_a_limit_are_accepted_and_above_it_rejected() {
    let conditions = |count: i32| {
        let owner = |id| TaskFilter::Owner(Comparison::Equal(UserId(id)));
        TaskFilter::All(vec![TaskFilter::Any((0..count).map(owner).collect())])
    };
    let owners = |count: i32| TaskFilter::Owner(Comparison::In((0..count).map(UserId).collect()));
    let words = |count: usize| {
        let words: Vec<String> = (10..10 + count).map(|word| word.to_string()).collect();
        text(&words.join(" "))
    };
    let many = |count: usize| (0..count).map(|tag| format!("tag{tag}")).collect::<Tags>();
    for (allowed, refused, message) in [
        (
            conditions(50),
            conditions(51),
            "filter has 51 conditions; up to 50 are allowed",
        ),
        (
            nested(8),
            nested(9),
            "filter has 9 levels of and, or and not; up to 8 are allowed",
        ),
        (
            owners(100),
            owners(101),
            "filter.owner has 101 values; up to 100 are allowed",
        ),
        (words(16), words(17), "filter.search has 17 words; up to 16 are allowed"),
        (
            TaskFilter::TaggedAll(many(20)),
            TaskFilter::TaggedAll(many(21)),
            "filter.tag.all has 21 tags; up to 20 are allowed",
        ),
        (
            TaskFilter::TaggedAny(many(20)),
            TaskFilter::TaggedAny(many(21)),
            "filter.tag.any has 21 tags; up to 20 are allowed",
        ),
    ] {
        BoundedFilter::try_from(allowed).unwrap();
        assert_eq!(refusal(refused), message);
    }
}

#[test]
fn the_words_of_all_searches_are_counted_together() {
    let searches = (10..27).map(|word| text(&word.to_string())).collect();
    assert_eq!(
        refusal(TaskFilter::Any(searches)),
        "filter.search has 17 words; up to 16 are allowed"
    );
}

#[test]
fn search_words_need_two_characters() {
    assert_eq!(
        refusal(text("fix a")),
        "search: the word 'a' has 1 character; words need at least 2"
    );
}

#[test]
fn levels_count_nested_input_objects() {
    let object = |filter: TaskFilter| TaskFilter::All(vec![filter]);
    let and = |inner: TaskFilter| object(TaskFilter::All(vec![inner]));
    assert_eq!(levels(&object(status(Status::Done))), 0);
    assert_eq!(levels(&and(object(status(Status::Done)))), 1);
    assert_eq!(levels(&and(and(object(status(Status::Done))))), 2);
}

#[test]
fn equal_conditions_are_merged() {
    let done = || status(Status::Done);
    for (filter, expected) in [
        (TaskFilter::All(vec![done(), done()]), done()),
        (TaskFilter::Any(vec![done(), TaskFilter::Any(vec![done()])]), done()),
        (text("Fix fix FIXED"), text("fixed")),
        (
            TaskFilter::All(vec![text("one two"), text("TWO three")]),
            text("one two three"),
        ),
        (
            TaskFilter::All(vec![
                TaskFilter::TaggedAll(tags(&["a", "b"])),
                TaskFilter::TaggedAny(tags(&["c"])),
                TaskFilter::TaggedAll(tags(&["b"])),
            ]),
            TaskFilter::TaggedAll(tags(&["a", "b", "c"])),
        ),
        (
            TaskFilter::Any(vec![
                TaskFilter::TaggedAny(tags(&["a", "b"])),
                TaskFilter::TaggedAll(tags(&["c"])),
            ]),
            TaskFilter::TaggedAny(tags(&["a", "b", "c"])),
        ),
        (
            TaskFilter::Owner(Comparison::In(vec![UserId(1), UserId(1)])),
            TaskFilter::Owner(Comparison::Equal(UserId(1))),
        ),
    ] {
        assert_eq!(simplified(filter), expected);
    }
}

#[test]
fn groups_without_conditions_keep_their_meaning() {
    let done = || status(Status::Done);
    let not = |filter| TaskFilter::Not(Box::new(filter));
    for (filter, expected) in [
        (TaskFilter::All(vec![TaskFilter::All(vec![])]), always()),
        (TaskFilter::Any(vec![TaskFilter::Any(vec![])]), never()),
        (TaskFilter::All(vec![done(), never()]), never()),
        (TaskFilter::Any(vec![done(), always()]), always()),
        (TaskFilter::Any(vec![done(), never()]), done()),
        (not(always()), never()),
        (not(never()), always()),
        (not(not(done())), done()),
        (text("  "), always()),
        (TaskFilter::TaggedAll(tags(&[])), always()),
    ] {
        assert_eq!(simplified(filter), expected);
    }
}
