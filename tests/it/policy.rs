//! The access policy as a readable table: `tests/it/policy_matrix.txt`.

use std::fmt::Write as _;

use chrono::{TimeZone as _, Utc};
use taskwire::domain::actor::{Actor, Role, SignedIn};
use taskwire::domain::error::{Error, SignedOut};
use taskwire::domain::id::{AttachmentId, SessionId, TaskId, UserId};
use taskwire::domain::local_time::DEFAULT_TIME_ZONE;
use taskwire::domain::policy::{
    self, Action, AllTasks, AssignTask, AttachFile, BeginSession, ChangePassword, CreateTask, CreateUser, DeleteFile,
    DeleteUser, DetachFile, Directory, EditTask, EditUser, EndSessions, FILE_ACTIONS, File, Files, Jobs, KeepFile,
    NewUser, Notifications, Own, PurgeTask, QueueJob, ReadNotifications, RemindOfTask, RepeatRequest, Requests,
    ResourceType, RestoreTask, SeeFile, SeeTask, SendVerification, Sessions, SetActive, SetRole, TASK_ACTIONS, TagTask,
    Tasks, TransferTask, TrashTask, USER_ACTIONS, Users, VerifyEmail, Visibility,
};
use taskwire::domain::tag::Tags;
use taskwire::domain::task::workflow::Status;
use taskwire::domain::task::{Priority, Task};
use taskwire::domain::user::User;

const OWNER: UserId = UserId(1);
const ASSIGNEE: UserId = UserId(2);
const OTHER: UserId = UserId(3);
const ADMIN: UserId = UserId(4);

/// The columns of the table. For an account, "owner" is the account's user.
fn actors() -> Vec<(&'static str, Actor)> {
    let user = |id, role| {
        Actor::User(SignedIn {
            id,
            role,
            session: SessionId(1),
            time_zone: DEFAULT_TIME_ZONE,
            users: None,
        })
    };
    vec![
        ("anonymous", Actor::Anonymous(SignedOut::NoToken)),
        ("other", user(OTHER, Role::User)),
        ("assignee", user(ASSIGNEE, Role::User)),
        ("owner", user(OWNER, Role::User)),
        ("admin", user(ADMIN, Role::Admin)),
        ("system", Actor::System),
    ]
}

fn task() -> Task {
    let moment = Utc.with_ymd_and_hms(2026, 1, 15, 12, 0, 0).unwrap();
    Task {
        id: TaskId(1),
        title: "A task".to_owned(),
        description: None,
        status: Status::Todo,
        priority: Priority::Medium,
        due_date: None,
        due_on: None,
        owner_id: OWNER,
        assignee_id: Some(ASSIGNEE),
        tags: Tags::new(),
        client_key: None,
        version: 1,
        completed_at: None,
        deleted_at: None,
        created_at: moment,
        updated_at: moment,
    }
}

struct Matrix {
    text: String,
    actions: usize,
}

impl Matrix {
    fn heading(&mut self, title: &str) {
        write!(self.text, "\n{title:<22}").unwrap();
        for (name, _) in actors() {
            write!(self.text, "{name:<17}").unwrap();
        }
        self.text.truncate(self.text.trim_end().len());
        self.text.push('\n');
    }

    fn row(&mut self, name: &str, cell: impl Fn(&Actor) -> String) {
        write!(self.text, "{name:<22}").unwrap();
        for (_, actor) in actors() {
            write!(self.text, "{:<17}", cell(&actor)).unwrap();
        }
        self.text.truncate(self.text.trim_end().len());
        self.text.push('\n');
    }

    /// Adds an action; `form` is appended to its name if it has several forms.
    fn action<A: Action + Copy>(&mut self, form: &str, action: A, on: &A::On) {
        let debug = format!("{action:?}");
        let name = debug.split([' ', '{']).next().unwrap();
        self.actions += usize::from(form.is_empty());
        self.row(format!("{name} {form}").trim(), |actor| {
            verdict(policy::permit(actor, action, on).map(|_| ()))
        });
    }

    fn visible<R: ResourceType>(&mut self, name: &str) {
        self.row(name, |actor| match policy::scope::<R>(actor) {
            Ok(scope) => match scope.visibility() {
                Visibility::Everything => "everything".to_owned(),
                Visibility::Of(_) => "own".to_owned(),
            },
            Err(error) => verdict(Err(error)),
        });
    }
}

fn verdict(result: Result<(), Error>) -> String {
    match result {
        Ok(()) => "yes".to_owned(),
        Err(error) => error.code().as_str().to_owned(),
    }
}

#[test]
fn the_policy_matches_the_table() {
    let mut matrix = Matrix {
        text: String::from("Who may do what. Compared with the policy by a test.\n"),
        actions: 0,
    };
    let (task, user) = (
        task(),
        User {
            id: OWNER,
            username: None,
            full_name: None,
            account: None,
        },
    );

    matrix.heading("TASKS");
    matrix.action("", CreateTask, &Own::of(OWNER));
    matrix.action("", SeeTask, &task);
    matrix.action("", EditTask, &task);
    matrix.action("", TagTask, &task);
    matrix.action("", AttachFile, &task);
    matrix.action("", DetachFile, &task);
    matrix.action("", AssignTask { to: Some(OTHER) }, &task);
    matrix.action("to nobody", AssignTask { to: None }, &task);
    matrix.action("", TrashTask, &task);
    matrix.action("", RestoreTask, &task);
    matrix.action("", PurgeTask, &task);
    matrix.action("", TransferTask, &task);
    matrix.action("", RemindOfTask, &task);

    let file = File {
        id: AttachmentId(1),
        owner: OWNER,
    };
    matrix.heading("FILES WITHOUT A TASK");
    matrix.action("", KeepFile, &Own::of(OWNER));
    matrix.action("", SeeFile, &file);
    matrix.action("", DeleteFile, &file);

    matrix.heading("ACCOUNTS");
    matrix.action("", CreateUser, &NewUser);
    matrix.action("", EditUser, &user);
    matrix.action("", VerifyEmail, &user);
    matrix.action("", SendVerification, &user);
    matrix.action("", ChangePassword, &user);
    matrix.action("", SetRole, &user);
    matrix.action("", SetActive, &user);
    matrix.action("", DeleteUser, &user);
    matrix.action("", BeginSession, &user);
    matrix.action("", EndSessions, &user);
    matrix.action("", RepeatRequest, &Own::of(OWNER));
    matrix.action("", ReadNotifications, &Own::of(OWNER));
    matrix.action("", QueueJob, &Own::of(OWNER));

    matrix.heading("THE SERVER");
    matrix.row("System", |actor| verdict(policy::system(actor).map(|_| ())));

    matrix.heading("WHAT IS SEEN");
    matrix.visible::<Tasks>("Tasks");
    matrix.visible::<Files>("Files");
    matrix.visible::<AllTasks>("All tasks");
    matrix.visible::<Users>("Users (accounts)");
    matrix.visible::<Directory>("Directory");
    matrix.visible::<Sessions>("Sessions");
    matrix.visible::<Requests>("Requests with a key");
    matrix.visible::<Notifications>("Notifications");
    matrix.visible::<Jobs>("Jobs");

    // Only the rule of `AssignTask` depends on its value, so it is in no list.
    let actions = [TASK_ACTIONS, FILE_ACTIONS, USER_ACTIONS].concat().len() + 1;
    assert_eq!(matrix.actions, actions, "an action has no row in the table");
    let written = include_str!("policy_matrix.txt");
    assert!(written == matrix.text, "the policy is now:\n{}", matrix.text);
}
