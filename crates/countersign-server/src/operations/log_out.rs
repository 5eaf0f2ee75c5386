//! Logging out: here, elsewhere, everywhere.

use countersign::EndReason;
pub use countersign::sessions::LogoutScope;
use futures::FutureExt as _;

use super::{Caller, record::Record};
use crate::app::App;
use crate::error::{Error, Result};
use crate::tables::user;

impl App {
    /// Ends the session with this id. Ending one that has ended, or is long forgotten, is success.
    pub async fn log_out(&self, caller: &Caller, session_id: &str) -> Result<()> {
        let Some(session) = self.find_session(session_id).await? else { return Ok(()) };
        // Of two logouts at once, both are answered alike.
        let caller = &Caller { session_id: None, ..caller.clone() };
        self.end_one(caller, &session.user_id, session_id, EndReason::Logout).await.map(drop)
    }

    /// Ends the user's sessions, all or all but `except`, and every login that is under way.
    pub async fn log_out_everywhere(
        &self,
        caller: &Caller,
        user_id: &str,
        except: Option<&str>,
        reason: EndReason,
    ) -> Result<()> {
        let job = (caller.clone(), user_id.to_owned(), except.map(str::to_owned));
        self.write_as("log_out_everywhere", (caller, &[user_id]), job, move |tx, app, job| {
            async move {
                let (caller, user_id, except) = &*job;
                if !user::bump_epoch(tx, user_id).await? {
                    return Err(Error::NotFound("user"));
                }
                let ended =
                    app.end_sessions(tx, caller, user_id, (except.as_deref(), reason)).await?;
                let mut record = Record::of("logout_all").because(reason.as_str());
                if let Some(session_id) = except {
                    record = record.session(session_id);
                }
                Ok(app.record(tx, caller, record.user(user_id).times(ended)).await?)
            }
            .boxed()
        })
        .await?;
        self.copied(user_id).await;
        Ok(())
    }
}
