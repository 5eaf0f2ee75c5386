//! There is always somebody who may administer.

use countersign_server::app::App;
use countersign_server::operations::Caller;
use countersign_server::sql;
use reqwest::Method;
use serde_json::{Value, json};

use crate::admin::{admin, patch};
use crate::server::{Answer, PASSWORD, Session, TestApp};

sql! {
    ADMINS = "SELECT user_id FROM admins ORDER BY user_id";
}

async fn admins(app: &App) -> Vec<String> {
    app.db.list(ADMINS, &[]).await.expect("the database answers")
}

async fn delete(server: &TestApp, admin: &Session, user_id: &str) -> Answer {
    let path = format!("/v1/admin/users/{user_id}");
    server.send(Method::DELETE, &path, &admin.access, Value::Null).await
}

async fn delete_own(server: &TestApp, session: &Session) -> Answer {
    server.send(Method::DELETE, "/v1/me", &session.access, json!({ "password": PASSWORD })).await
}

on_each_database! {
    async fn f11_the_last_admin_cannot_be_demoted_disabled_or_deleted(server: TestApp) {
        let last = admin(&server, "root").await;
        let disabled = admin(&server, "toor").await;
        let body = json!({ "active": false });
        assert_eq!(patch(&server, &last, &disabled.user_id, body).await.status, 200);
        assert_eq!(admins(&server.app).await, [&*last.user_id]);
        let refused = [
            patch(&server, &last, &last.user_id, json!({ "roles": [] })).await,
            patch(&server, &last, &last.user_id, json!({ "roles": ["administrator"] })).await,
            patch(&server, &last, &last.user_id, json!({ "active": false })).await,
            delete(&server, &last, &last.user_id).await,
            delete_own(&server, &last).await,
        ];
        for refused in refused {
            assert_eq!(refused.code(), (409, "last_admin".into()), "{refused:?}");
        }
        assert_eq!(server.get("/v1/admin/users", &last.access).await.status, 200);

        let body = json!({ "active": true });
        assert_eq!(patch(&server, &last, &disabled.user_id, body).await.status, 200);
        assert_eq!(admins(&server.app).await.len(), 2);
        assert_eq!(delete_own(&server, &last).await.status, 204);
        assert_eq!(admins(&server.app).await, [&*disabled.user_id]);
    }

    async fn f11_of_two_admins_who_remove_each_other_at_once_one_is_left(server: TestApp) {
        for round in 0..20 {
            let one = admin(&server, &format!("one{round}")).await;
            let two = admin(&server, &format!("two{round}")).await;
            for other in admins(&server.app).await {
                if ![&one.user_id, &two.user_id].contains(&&other) {
                    assert_eq!(delete(&server, &one, &other).await.status, 204);
                }
            }
            let demote = json!({ "roles": [] });
            let disable = json!({ "active": false });
            let (first, second) = match round % 3 {
                0 => tokio::join!(
                    patch(&server, &one, &two.user_id, demote.clone()),
                    patch(&server, &two, &one.user_id, demote),
                ),
                1 => tokio::join!(
                    patch(&server, &one, &two.user_id, disable),
                    delete(&server, &two, &one.user_id),
                ),
                _ => tokio::join!(delete_own(&server, &one), delete_own(&server, &two)),
            };
            assert_eq!(admins(&server.app).await.len(), 1, "{first:?} {second:?}");
            let done = [&first, &second].into_iter().filter(|answer| answer.status.is_success());
            assert_eq!(done.count(), 1, "{first:?} {second:?}");
        }
    }

    async fn a_command_may_remove_the_last_admin(server: TestApp) {
        let last = admin(&server, "root").await;
        let caller = Caller::command(server.app.clock.now());
        server.app.delete_user(&caller, &last.user_id).await.expect("it can be done");
        assert_eq!(admins(&server.app).await, Vec::<String>::new());
        let next = admin(&server, "toor").await;
        assert_eq!(server.get("/v1/admin/users", &next.access).await.status, 200);
    }
}
