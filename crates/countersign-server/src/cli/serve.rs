//! `countersign serve`

use std::net::SocketAddr;

use clap::Args;
use futures::FutureExt as _;
use futures::future::try_join_all;
use sd_notify::NotifyState;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::{Failure, Settings};
use crate::app::{App, Notices, check_database_file};
use crate::config::Overrides;
use crate::http::cors::Cors;
use crate::http::router::{metrics_router, router};
use crate::http::server;
use crate::tables::user;

/// How many connections those may have who read the metrics on an address of their own.
const METRICS_CONNECTIONS: usize = 64;

/// Serves until SIGTERM or SIGINT. SIGHUP opens the audit file anew.
#[derive(Args, Default, PartialEq)]
pub(super) struct Serve {
    /// Where to listen.
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<String>,
    /// What clients call the server.
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
    /// Switch on a dialect of older clients; may be repeated.
    #[arg(long = "dialect", value_name = "NAME[=PREFIX]")]
    dialects: Vec<String>,
    /// Begin with an empty database although files beside it show that there was one.
    #[arg(long)]
    new_database: bool,
}

impl Serve {
    /// Whether nothing was asked for.
    pub(super) fn is_default(&self) -> bool {
        *self == Self::default()
    }

    pub(super) async fn run(self, settings: &Settings) -> Result<(), Failure> {
        // First, since it ends a process that does not wait for it.
        let hang_up = signal(SignalKind::hangup()).map_err(Failure::of)?;
        let new_database = self.new_database;
        let config = settings.load(self.overrides())?;
        if !new_database {
            check_database_file(&config)?;
        }
        let (app, notices) = settings.build(config, false).await?;
        let router = router(&app).map_err(Failure::of)?;
        let listener = bind("listen", app.config.listen).await?;
        let metrics = match app.config.metrics.listen {
            Some(address) => Some(bind("metrics.listen", address).await?),
            None => None,
        };
        // Before the server reports that it is ready: a SIGTERM may follow at once.
        let stop = stop_signal().map_err(Failure::of)?.shared();
        tell(settings, &app, &notices, (&listener, metrics.as_ref())).await?;
        // To systemd, where it started this; without it nobody is told.
        if let Err(error) = sd_notify::notify(&[NotifyState::Ready]) {
            tracing::warn!("NOTIFY_SOCKET: systemd was not told that this is ready: {error}");
        }
        let limits = server::Limits::of(&app.config);
        let mut served =
            vec![server::serve(listener, router, limits.clone(), stop.clone()).boxed()];
        if let Some(listener) = metrics {
            let limits = server::Limits {
                max_connections: METRICS_CONNECTIONS,
                cors: Cors::default(),
                ..limits
            };
            served.push(server::serve(listener, metrics_router(&app), limits, stop).boxed());
        }
        tokio::select! {
            served = try_join_all(served) => served.map(drop).map_err(Failure::of)?,
            () = app.attend() => {}
            () = reopen_files(&app, hang_up) => {}
        }
        tracing::info!("stopped");
        app.shut_down().await.map_err(Failure::of)
    }

    fn overrides(self) -> Overrides {
        let mut flags = Overrides::default();
        if let Some(listen) = self.listen {
            flags = flags.set("--listen", "listen", listen);
        }
        if let Some(public_url) = self.public_url {
            flags = flags.set("--public-url", "public_url", public_url);
        }
        self.dialects.into_iter().fold(flags, Overrides::dialect)
    }
}

/// What clients may ask for, as the operator set it.
async fn bind(key: &str, address: SocketAddr) -> Result<TcpListener, Failure> {
    let bound = TcpListener::bind(address).await;
    bound.map_err(|error| Failure::Failed(format!("{key}: {address}: {error}")))
}

/// Says where the server listens, where its data lies, and what to do first.
async fn tell(
    settings: &Settings,
    app: &App,
    notices: &Notices,
    (listener, metrics): (&TcpListener, Option<&TcpListener>),
) -> Result<(), Failure> {
    for warning in &notices.warnings {
        tracing::warn!("{warning}");
    }
    let address = listener.local_addr().map_err(Failure::of)?;
    println!("Countersign listens on http://{address}");
    println!("  data: {}", app.config.data_dir.display());
    if let Some(metrics) = metrics {
        let address = metrics.local_addr().map_err(Failure::of)?;
        println!("  metrics: http://{address}/metrics (for everybody who reaches it)");
    }
    if let Some(path) = &notices.created {
        println!("  master secret: {} (made just now; keep a copy)", path.display());
    }
    let nobody = user::list_after(&app.db, "", 1).await.map_err(Failure::of)?.is_empty();
    if nobody {
        let program = settings.command_line();
        println!("  the first admin: {program} user create --email you@example.org --admin");
    }
    Ok(())
}

impl Settings {
    /// What begins a command that works on the same data, for a shell.
    fn command_line(&self) -> String {
        let program = std::env::args_os().next().unwrap_or_else(|| "countersign".into());
        let mut line = quoted(&program.to_string_lossy());
        let config = self.config.as_ref().map(|path| path.to_string_lossy().into_owned());
        for (flag, value) in [("--config", config), ("--data-dir", self.data_dir.clone())] {
            if let Some(value) = value {
                line = format!("{line} {flag} {}", quoted(&value));
            }
        }
        line
    }
}

fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+=:,@".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// Opens the audit file anew at each SIGHUP, as programs that rotate files expect. Never ends.
async fn reopen_files(app: &App, mut hang_up: Signal) {
    while hang_up.recv().await.is_some() {
        app.audit.reopen();
        tracing::info!("SIGHUP: the audit file is opened anew");
    }
    std::future::pending::<()>().await;
}

/// Ends at SIGTERM and at SIGINT.
fn stop_signal() -> std::io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
