//! What all writes to one task share: actor, task id and precondition.

use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse as _, Response};

use super::output::{self, TaskBody};
use crate::domain::actor::Actor;
use crate::domain::error::{self, Error, excerpt};
use crate::domain::id::TaskId;
use crate::domain::task::{ExpectedVersion, TaskChange, Tasks, WrittenTask};
use crate::rest::error::{Problem, Result};
use crate::rest::extract::{PathId, SignedIn};
use crate::rest::precondition::Precondition;
use crate::rest::rules::Rules;
use crate::state::AppState;

pub(in crate::rest) struct TaskWrite {
    app: AppState,
    pub(super) actor: Actor,
    pub(super) id: TaskId,
    precondition: Precondition,
    rules: Rules,
}

impl FromRequestParts<AppState> for TaskWrite {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &AppState) -> Result<Self> {
        let SignedIn(app, actor) = SignedIn::from_request_parts(parts, app).await?;
        let PathId(id) = PathId::from_request_parts(parts, &app).await?;
        Ok(Self {
            app,
            actor,
            id: TaskId(id),
            precondition: Precondition::of(&parts.headers)?,
            rules: Rules::of(parts),
        })
    }
}

impl TaskWrite {
    pub(super) fn expecting(self, version: Option<i32>) -> Result<Self> {
        Ok(Self {
            precondition: self.precondition.or(version)?,
            ..self
        })
    }

    pub(super) fn expected(&self) -> ExpectedVersion {
        self.precondition.expected()
    }

    pub(super) fn tasks(&self) -> Tasks<'_> {
        self.app.domain().tasks()
    }

    pub(super) async fn task(&self, outcome: error::Result<WrittenTask>) -> Result<TaskBody> {
        let written = outcome.map_err(|error| self.precondition.problem(error))?;
        Ok(output::one(&self.app, &self.actor, written.snapshot.task).await?)
    }

    pub(super) async fn update(self, change: TaskChange) -> Result<TaskBody> {
        let (tasks, moves) = (self.tasks(), self.rules.moves);
        let outcome = tasks.update_by(&self.actor, self.id, change, self.expected(), moves);
        self.task(outcome.await).await
    }

    /// A write without a cursor changed nothing: the task did not have the tag.
    pub(super) async fn untagged(&self, outcome: error::Result<WrittenTask>, tag: &str) -> Result<Response> {
        if outcome.as_ref().is_ok_and(|written| written.cursor.is_none()) {
            return Err(Error::NotFound {
                noun: "tag",
                key: "name",
                value: excerpt(tag).to_string(),
            }
            .into());
        }
        Ok(if self.rules.untag_shows_task {
            self.task(outcome).await?.into_response()
        } else {
            self.nothing(outcome)?.into_response()
        })
    }

    pub(super) fn nothing(&self, outcome: error::Result<WrittenTask>) -> Result<StatusCode> {
        outcome.map_err(|error| self.precondition.problem(error))?;
        Ok(StatusCode::NO_CONTENT)
    }
}
