//! The logins that an older system keeps in Redis, beside its table of users.

use futures::future::join_all;
use redis::cmd;

use super::Source;
use crate::operations::import::row::{Field, Page, Row, Unreadable, Value};
use crate::redis::{NoHelp, Redis};
use crate::tables::import::LOGGED_OUT;

/// Rows of users, which say of whoever has no token there that they have logged out.
pub struct Logins<S> {
    rows: S,
    redis: Redis,
}

impl<S> Logins<S> {
    /// The rows, as the tokens in this Redis have it, which is connected.
    pub fn new(rows: S, redis: Redis) -> Self {
        Self { rows, redis }
    }
}

impl<S: Source<Row = Row>> Source for Logins<S> {
    type Row = Row;

    async fn page(&mut self) -> Result<Option<Page<Row>>, Unreadable> {
        let Some(mut page) = self.rows.page().await? else { return Ok(None) };
        let rows = || page.rows.iter().flatten();
        let logged_in = join_all(rows().map(|row| is_logged_in(&self.redis, row))).await;
        for (row, logged_in) in page.rows.iter_mut().flatten().zip(logged_in) {
            if !logged_in.map_err(|error| Unreadable(format!("its Redis: {error}")))? {
                row.set(Field::LoginStamp, Value::Text(LOGGED_OUT.to_string()));
            }
        }
        Ok(Some(page))
    }
}

async fn is_logged_in(redis: &Redis, row: &Row) -> Result<bool, NoHelp> {
    let Some(number) = row.text(Field::Number) else { return Ok(false) };
    redis.ask(cmd("EXISTS").arg(format!("jwt_token:{}", number.trim()))).await
}
