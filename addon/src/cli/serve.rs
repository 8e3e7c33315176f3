//! `hoop-addon serve`

use std::io::IsTerminal as _;
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use metrics_exporter_prometheus::PrometheusBuilder;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

use crate::config::{ConfigError, ServerSettings, Settings};
use crate::web::{App, router};

/// How often what is left undone is tried again.
const BETWEEN_FINISHES: Duration = Duration::from_secs(15);

/// How long requests have to end after SIGTERM. Heroku kills after 30 seconds.
const LONGEST_END: Duration = Duration::from_secs(25);

/// Serves until SIGTERM or SIGINT. `environment` returns the value of a variable, `plans` is the file with the plans.
pub async fn run(environment: &dyn Fn(&str) -> Option<String>, plans: Option<&Path>) -> anyhow::Result<ExitCode> {
    let (settings, server) = match (Settings::read(environment, plans), ServerSettings::read(environment)) {
        (Ok(settings), Ok(server)) => (settings, server),
        (settings, server) => return Err(ConfigError::both(settings.err(), server.err()).into()),
    };
    log();
    let metrics = PrometheusBuilder::new()
        .install_recorder()
        .context("cannot keep figures")?;
    let address = server.address;
    let listener = listen(address)
        .await
        .with_context(|| format!("cannot listen at port {}", address.port()))?;
    let provider = settings.open().await?;
    let sealed_anew = provider.store.seal_anew().await?;
    if sealed_anew > 0 {
        tracing::info!(values = sealed_anew, "sealed anew with HOOP_ADDON_SECRET");
    }
    let app = Arc::new(App::new(provider, server, metrics));
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let finisher = tokio::spawn(finish(Arc::clone(&app)));
    tracing::info!(address = %listener.local_addr()?, "serving");
    let service = router(&app).into_make_service_with_connect_info::<SocketAddr>();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let server = axum::serve(listener, service).with_graceful_shutdown(async {
        stopped.await.ok();
    });
    let server = tokio::spawn(async { server.await });
    tokio::select! { _ = terminate.recv() => {} _ = interrupt.recv() => {} }
    tracing::info!("stopping: requests that are being worked on end, and no new ones are accepted");
    stop.send(()).ok();
    finisher.abort();
    app.tasks.close();
    let end = async {
        server.await.ok();
        app.tasks.wait().await;
    };
    if tokio::time::timeout(LONGEST_END, end).await.is_err() {
        tracing::warn!("some requests did not end in time");
    }
    app.provider().store.close().await;
    tracing::info!("stopped");
    Ok(ExitCode::SUCCESS)
}

/// Listens at an address of IPv6 for both, or of IPv4 where there is no IPv6.
async fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    match TcpListener::bind(address).await {
        Err(error) if error.kind() != std::io::ErrorKind::AddrInUse => {
            TcpListener::bind((std::net::Ipv4Addr::UNSPECIFIED, address.port())).await
        }
        bound => bound,
    }
}

async fn finish(app: Arc<App>) {
    let mut turn = tokio::time::interval(BETWEEN_FINISHES);
    loop {
        turn.tick().await;
        let worker = Arc::clone(&app);
        // A task of its own, so that the end of the program waits for it.
        let work = app.tasks.spawn(async move { worker.provider().finish_all().await });
        if let Ok(Err(error)) = work.await {
            tracing::error!(%error, "what is left undone cannot be finished");
        }
        app.forget_failures();
    }
}

/// Logs to stdout, where Heroku reads logs: for people on a terminal, else a JSON object a line.
fn log() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_target(false);
    if std::io::stdout().is_terminal() {
        builder
            .with_ansi(std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()))
            .init();
    } else {
        builder.json().flatten_event(true).with_span_list(false).init();
    }
}
