use serde_json::json;
use taskwire::domain::policy::{Notifications, Own, ReadNotifications};

use super::{Id, NOT_FOUND, Noun, Prepared, Rows, SIGNED_IN};
use crate::policy::OWNER;
use crate::support::person::Person;

pub const NOUN: Noun = Noun {
    prepare,
    fields: &[
        ("notifications", "{ nodes { id } }", SIGNED_IN),
        ("notificationsMarkRead", "(ids: [NOTICE])", NOT_FOUND),
        ("notificationReceived", "{ cursor }", SIGNED_IN),
    ],
    actions: |matrix| matrix.action("", ReadNotifications, &Own::of(OWNER)),
    scopes: |matrix| matrix.visible::<Notifications>("Notifications"),
    rows: Some(Rows {
        name: "NOTIFICATION",
        fields: "id databaseId kind taskId taskTitle previousStatus status isRead readAt createdAt actor { USER }",
        queries: &[(
            "notifications(first: 50) { nodes { NOTIFICATION task { TASK @ } } }",
            "waits: history(first: 1) { nodes { cursor } }",
        )],
    }),
    ..Noun::NONE
};

fn prepare<'a>(owner: &'a Person<'a>, other: &'a Person<'a>) -> Prepared<'a> {
    Box::pin(async move {
        let handed_over = json!({ "title": "Handed over", "assigneeId": owner.global_id() });
        other.creates_task(handed_over).await;
        let newest = owner
            .graphql("{ notifications { nodes { databaseId } } }", json!({}))
            .await;
        let number = newest.at("/data/notifications/nodes/0/databaseId").as_i64();
        vec![Id::new("NOTICE", "Notification", number.unwrap())]
    })
}
