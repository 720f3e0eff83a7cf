//! Example tasks.

use std::collections::BTreeSet;

use chrono::{DurationRound as _, TimeDelta};
use rand::rngs::Xoshiro256PlusPlus;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};

use crate::domain::clock::Timestamp;
use crate::domain::id::{TaskId, UserId};
use crate::domain::tag::Tags;
use crate::domain::task::workflow::Status;
use crate::domain::task::{Priority, Snapshot, Task};

use super::words::{DETAILS, OBJECTS, PROJECTS, REASONS, TAGS, VERBS};

/// Any number; another seed creates other tasks.
const SEED: u64 = 0x7461_736b_7769_7265;
/// The number of days before today over which the tasks are created.
const DAYS: i64 = 90;
/// Maximum number of days between creation and due date. It equals `DAYS`, so that half of the due dates have passed.
const MAX_DAYS_TO_DO: i64 = DAYS;
/// The hours of the day at which tasks are due.
const DUE_HOURS: std::ops::RangeInclusive<i64> = 8..=18;
/// Maximum number of tags of a task.
const MAX_TAGS: usize = 3;

/// Shares in percent.
const STATUSES: [(Status, u32); 4] = [
    (Status::Todo, 40),
    (Status::InProgress, 25),
    (Status::Done, 28),
    (Status::Cancelled, 7),
];
/// Shares in percent.
const PRIORITIES: [(Priority, u32); 4] = [
    (Priority::Low, 20),
    (Priority::Medium, 45),
    (Priority::High, 25),
    (Priority::Urgent, 10),
];
/// Percentage of tasks with an assignee.
const ASSIGNED: u32 = 75;
/// Percentage of tasks with a due date.
const DUE: u32 = 80;
/// Percentage with a due day, among the tasks without a due date.
const DUE_ON: u32 = 50;
/// Percentage of tasks with a description.
const DESCRIBED: u32 = 80;
/// Percentage of descriptions with a detail.
const DETAILED: u32 = 40;

/// The last midnight (UTC). All dates are relative to it, so that a plan creates the same rows all day.
pub(super) fn midnight(now: Timestamp) -> Timestamp {
    // It fails only for dates that are centuries away.
    now.duration_trunc(TimeDelta::days(1)).unwrap_or(now)
}

/// Creation time of the users, before the first task.
pub(super) fn first_moment(midnight: Timestamp) -> Timestamp {
    midnight - TimeDelta::days(DAYS + 1)
}

/// Generates the tasks of one plan.
pub(super) struct Source<'a> {
    users: &'a [UserId],
    midnight: Timestamp,
    /// Microseconds between two tasks.
    slot: i64,
}

impl<'a> Source<'a> {
    /// `users` must not be empty.
    pub(super) fn new(users: &'a [UserId], count: u32, midnight: Timestamp) -> Self {
        let slot = TimeDelta::days(DAYS).as_seconds_f64() * 1e6 / f64::from(count.max(1));
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a fraction of a microsecond is not kept anyway"
        )]
        Self {
            users,
            midnight,
            slot: slot as i64,
        }
    }

    /// The task with this number, from 0, without an id. Higher numbers are newer.
    pub(super) fn task(&self, number: u32) -> Snapshot {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(SEED ^ u64::from(number));
        let rng = &mut rng;
        let created_at = self.created_at(rng, number);
        let project = pick(rng, &PROJECTS);
        let status = weighted(rng, STATUSES);
        let mut task = Task {
            id: TaskId(0),
            title: format!("{} the {} of {project}", pick(rng, &VERBS), pick(rng, &OBJECTS)),
            description: percent(rng, DESCRIBED).then(|| description(rng, project, number)),
            status,
            priority: weighted(rng, PRIORITIES),
            due_date: percent(rng, DUE).then(|| due_date(rng, created_at)),
            due_on: None,
            owner_id: self.owner(number),
            assignee_id: percent(rng, ASSIGNED)
                .then(|| self.users.choose(rng).copied())
                .flatten(),
            tags: Tags::new(),
            client_key: None,
            version: 1,
            completed_at: (status == Status::Done).then_some(created_at),
            deleted_at: None,
            created_at,
            updated_at: created_at,
        };
        task.tags = tags(rng);
        if task.due_date.is_none() && percent(rng, DUE_ON) {
            task.due_on = Some(due_date(rng, created_at).date_naive());
        }
        Snapshot {
            task,
            attachments: Vec::new(),
        }
    }

    /// Users take turns.
    fn owner(&self, number: u32) -> UserId {
        let number = usize::try_from(number).unwrap_or_default();
        self.users[number % self.users.len()]
    }

    fn created_at(&self, rng: &mut Xoshiro256PlusPlus, number: u32) -> Timestamp {
        let within = rng.random_range(0..self.slot.max(1));
        self.midnight - TimeDelta::days(DAYS) + TimeDelta::microseconds(self.slot * i64::from(number) + within)
    }
}

/// A reason, sometimes a detail, and a unique reference.
fn description(rng: &mut Xoshiro256PlusPlus, project: &str, number: u32) -> String {
    let reason = pick(rng, &REASONS);
    let detail = if percent(rng, DETAILED) {
        format!(" {}", pick(rng, &DETAILS))
    } else {
        String::new()
    };
    format!("{reason}{detail}\n\n{}-{}", project.to_uppercase(), number + 1)
}

/// A full hour on a later day.
fn due_date(rng: &mut Xoshiro256PlusPlus, created_at: Timestamp) -> Timestamp {
    let day = midnight(created_at) + TimeDelta::days(rng.random_range(1..=MAX_DAYS_TO_DO));
    day + TimeDelta::hours(rng.random_range(DUE_HOURS))
}

fn tags(rng: &mut Xoshiro256PlusPlus) -> Tags {
    let count = rng.random_range(0..=MAX_TAGS);
    TAGS.sample(rng, count)
        .map(ToString::to_string)
        .collect::<BTreeSet<_>>()
}

fn percent(rng: &mut Xoshiro256PlusPlus, share: u32) -> bool {
    rng.random_range(0..100) < share
}

fn pick<'a>(rng: &mut Xoshiro256PlusPlus, words: &[&'a str]) -> &'a str {
    words.choose(rng).copied().unwrap_or_default()
}

/// A random value, by shares in percent.
fn weighted<T: Copy, const N: usize>(rng: &mut Xoshiro256PlusPlus, shares: [(T, u32); N]) -> T {
    let mut at = rng.random_range(0..100);
    let mut chosen = shares[0].0;
    for (value, share) in shares {
        chosen = value;
        if at < share {
            break;
        }
        at -= share;
    }
    chosen
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use chrono::TimeZone as _;

    use super::*;

    const COUNT: u32 = 20_000;

    fn users() -> Vec<UserId> {
        (1..=100).map(UserId).collect()
    }

    fn today() -> Timestamp {
        chrono::Utc.with_ymd_and_hms(2026, 3, 1, 0, 0, 0).unwrap()
    }

    fn sample() -> Vec<Task> {
        let users = users();
        let source = Source::new(&users, COUNT, today());
        (0..COUNT).map(|number| source.task(number).task).collect()
    }

    /// Percentage of tasks that match.
    fn share(tasks: &[Task], holds: impl Fn(&Task) -> bool) -> f64 {
        let count = tasks.iter().filter(|task| holds(task)).count();
        f64::from(u32::try_from(count).unwrap()) * 100.0 / f64::from(COUNT)
    }

    #[test]
    fn equal_plans_create_equal_tasks() {
        let users = users();
        for number in [0, 1, 4_711] {
            let first = Source::new(&users, COUNT, today()).task(number);
            assert_eq!(first, Source::new(&users, COUNT, today()).task(number));
        }
    }

    #[test]
    fn a_day_has_one_midnight() {
        assert_eq!(
            midnight(today() + TimeDelta::hours(23)),
            midnight(today() + TimeDelta::minutes(1))
        );
    }

    #[test]
    fn tasks_were_created_one_after_the_other_before_today() {
        let tasks = sample();
        assert!(tasks.is_sorted_by(|a, b| a.created_at < b.created_at));
        assert!(tasks[0].created_at >= today() - TimeDelta::days(DAYS));
        assert!(tasks.last().unwrap().created_at < today());
        assert!(first_moment(today()) < tasks[0].created_at);
    }

    #[test]
    fn the_largest_plan_has_distinct_creation_times() {
        let users = users();
        assert!(Source::new(&users, super::super::MAX_TASKS, today()).slot > 0);
    }

    #[test]
    fn statuses_and_priorities_have_their_shares() {
        let tasks = sample();
        for (status, percent) in STATUSES {
            let share = share(&tasks, |task| task.status == status);
            assert!((share - f64::from(percent)).abs() < 1.5, "{status}: {share}");
        }
        for (priority, percent) in PRIORITIES {
            let share = share(&tasks, |task| task.priority == priority);
            assert!((share - f64::from(percent)).abs() < 1.5, "{priority:?}: {share}");
        }
    }

    #[test]
    fn users_own_equally_many_tasks_and_are_assigned_to_about_as_many() {
        let tasks = sample();
        let mut owned: HashMap<UserId, u32> = HashMap::new();
        let mut assigned: HashMap<UserId, u32> = HashMap::new();
        for task in &tasks {
            *owned.entry(task.owner_id).or_default() += 1;
            if let Some(assignee) = task.assignee_id {
                *assigned.entry(assignee).or_default() += 1;
            }
        }
        assert!(owned.len() == 100 && owned.values().all(|count| *count == 200));
        assert!(assigned.len() == 100 && assigned.values().all(|count| (100..=200).contains(count)));
        let unassigned = share(&tasks, |task| task.assignee_id.is_none());
        assert!((unassigned - 25.0).abs() < 1.5, "{unassigned}");
    }

    #[test]
    fn due_dates_lie_on_both_sides_of_today_and_after_the_start() {
        let tasks = sample();
        assert!(
            tasks
                .iter()
                .all(|task| task.due_date.is_none_or(|due| due > task.created_at))
        );
        for share in [
            share(&tasks, |task| task.due_date.is_none()),
            2.0 * share(&tasks, |task| task.due_on.is_some()),
            100.0 * share(&tasks, |task| task.due_on.is_some_and(|due| due < today().date_naive())),
            share(&tasks, |task| task.due_date.is_some_and(|due| due < today())),
            share(&tasks, |task| task.due_date.is_some_and(|due| due > today())),
        ] {
            assert!(share > 15.0, "{share}");
        }
    }

    #[test]
    fn done_tasks_have_a_completion_time() {
        assert!(
            sample()
                .iter()
                .all(|task| task.completed_at.is_some() == (task.status == Status::Done))
        );
    }

    #[test]
    fn tasks_have_no_tags_or_up_to_three() {
        let users = users();
        let source = Source::new(&users, COUNT, today());
        let counts: BTreeSet<usize> = (0..500).map(|number| source.task(number).task.tags.len()).collect();
        assert_eq!(counts, BTreeSet::from([0, 1, 2, 3]));
    }

    #[test]
    fn titles_and_descriptions_use_the_word_lists() {
        let tasks = sample();
        assert!(
            VERBS
                .iter()
                .all(|verb| tasks.iter().any(|task| task.title.starts_with(verb)))
        );
        assert!(
            OBJECTS
                .iter()
                .all(|object| tasks.iter().any(|task| task.title.contains(object)))
        );
        let seventeenth = tasks[16].description.as_deref().unwrap_or_default();
        assert!(seventeenth.is_empty() || seventeenth.ends_with("-17"), "{seventeenth}");
    }
}
