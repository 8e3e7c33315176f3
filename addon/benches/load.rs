//! What the provider stands: 200 requests at once, and the machine's end amid 200 others.
//!
//! `cargo bench -p hoop-addon` runs the release build on SQLite, beside a gateway that takes 50 ms for each call. It
//! prints how long requests wait, how much memory the provider has had at most, and how the same requests fare one
//! after another, as ratios of the same run. It fails if 1 in 100 waits a second or longer, if 64 MiB are not enough,
//! or if anything is lost: each request must be answered with the key of the only agent of its resource, before and
//! after a SIGKILL. Requests that were underway then wait until the hold of the killed process is over.
//!
//! With `LOAD_DATABASE_URL=postgres://…` it does the same with an empty database of PostgreSQL after that.

#![allow(clippy::unwrap_used, reason = "what fails here ends the measurement")]

use std::error::Error;
use std::io::{self, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use reqwest::{Client, StatusCode};
use serde_json::Value;
use support::gateway::FaultKind;
use support::{PASSWORD, SLUG, Server, V3, World, agent_name, until, v3_body};
use uuid::Uuid;

#[path = "../tests/support/mod.rs"]
mod support;

/// How many resources are made at once.
const RESOURCES: usize = 200;

/// How long the gateway takes for a call.
const CALL: Duration = Duration::from_millis(50);

/// How many requests are answered before the provider is killed.
const BEFORE_KILL: usize = 60;

const LONGEST_OF_99_IN_100: Duration = Duration::from_secs(1);

const MOST_MEMORY: u32 = 64;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// The answer to a request, if there was one, and how long it took.
struct Asked {
    uuid: Uuid,
    answer: Option<(StatusCode, Value)>,
    took: Duration,
}

#[tokio::main]
async fn main() -> Result<()> {
    measure("SQLite", World::new().await).await?;
    if let Ok(url) = std::env::var("LOAD_DATABASE_URL") {
        measure("PostgreSQL", World::with_database(tempfile::tempdir()?, url).await).await?;
    }
    Ok(())
}

async fn measure(database: &str, world: World) -> Result<()> {
    let mut out = io::stdout();
    world.gateway.misbehave("", FaultKind::SlowBefore(CALL));
    let server = world.serve().await;
    let (asked, took) = at_once(&server, &uuids(), &Arc::default()).await;
    check(&world, &asked, RESOURCES);
    let memory = peak_memory(&server)?;

    let mut alone = Vec::new();
    let started = Instant::now();
    for uuid in uuids() {
        alone.push(ask(&server.client, &server.address, uuid).await);
    }
    let took_alone = started.elapsed();
    check(&world, &alone, 2 * RESOURCES);

    let (at_once_50, at_once_99) = (percentile(&asked, 50), percentile(&asked, 99));
    writeln!(
        out,
        "{database}, {RESOURCES} resources, {} ms for a call",
        CALL.as_millis()
    )?;
    let figures = format!(
        "p50 {at_once_50:.0?}, p99 {at_once_99:.0?}, max {:.0?}",
        percentile(&asked, 100)
    );
    writeln!(out, "at once                    {figures}, {:.0} a second", rate(took))?;
    let figures = format!(
        "p50 {:.0?}, p99 {:.0?}, max {:.0?}",
        percentile(&alone, 50),
        percentile(&alone, 99),
        percentile(&alone, 100)
    );
    writeln!(
        out,
        "one after another          {figures}, {:.0} a second",
        rate(took_alone)
    )?;
    writeln!(out, "throughput, at once        {:.2}", ratio(took_alone, took))?;
    writeln!(
        out,
        "wait, at once              {:.2}",
        ratio(at_once_50, percentile(&alone, 50))
    )?;
    writeln!(out, "peak memory                {memory:.1} MiB")?;
    assert!(at_once_99 < LONGEST_OF_99_IN_100, "{at_once_99:?}");
    assert!(memory < f64::from(MOST_MEMORY), "{memory} MiB");

    kill_amid(&world, server, &mut out).await
}

/// Kills the provider amid requests, and repeats all of them at one that was started again.
async fn kill_amid(world: &World, server: Server, out: &mut impl io::Write) -> Result<()> {
    let uuids = uuids();
    let answered = Arc::new(AtomicUsize::new(0));
    let before = {
        let (client, address) = (server.client.clone(), server.address.clone());
        let (uuids, answered) = (uuids.clone(), Arc::clone(&answered));
        tokio::spawn(async move { all(&client, &address, &uuids, &answered).await })
    };
    until("requests are answered", || {
        answered.load(Ordering::SeqCst) >= BEFORE_KILL
    })
    .await;
    server.kill().await;
    let before = before.await?;
    let answered: Vec<_> = before.iter().filter_map(|asked| asked.answer.as_ref()).collect();
    assert!(answered.len() < RESOURCES, "it was killed too late");

    let started = Instant::now();
    let server = world.serve().await;
    let started = started.elapsed();
    let (repeated, took) = at_once(&server, &uuids, &Arc::default()).await;
    check(world, &repeated, 3 * RESOURCES);
    for (before, after) in before.iter().zip(&repeated) {
        assert!(
            before.answer.is_none() || before.answer == after.answer,
            "{}",
            before.uuid
        );
    }
    writeln!(
        out,
        "killed at {} answers       serves again after {started:.0?}, all repeated in {took:.1?}, none lost",
        answered.len()
    )?;
    server.kill().await;
    Ok(())
}

async fn at_once(server: &Server, uuids: &[Uuid], answered: &Arc<AtomicUsize>) -> (Vec<Asked>, Duration) {
    let started = Instant::now();
    let asked = all(&server.client, &server.address, uuids, answered).await;
    (asked, started.elapsed())
}

/// Asks for all at once. What was asked is returned in the order of `uuids`.
async fn all(client: &Client, address: &str, uuids: &[Uuid], answered: &Arc<AtomicUsize>) -> Vec<Asked> {
    let ask = |uuid: &Uuid| {
        let (client, address, uuid) = (client.clone(), address.to_owned(), *uuid);
        let answered = Arc::clone(answered);
        tokio::spawn(async move {
            let asked = ask(&client, &address, uuid).await;
            answered.fetch_add(usize::from(asked.answer.is_some()), Ordering::SeqCst);
            asked
        })
    };
    let running: Vec<_> = uuids.iter().map(ask).collect();
    let mut asked = Vec::new();
    for request in running {
        asked.push(request.await.unwrap());
    }
    asked
}

async fn ask(client: &Client, address: &str, uuid: Uuid) -> Asked {
    let started = Instant::now();
    let request = client
        .post(format!("{address}/heroku/resources"))
        .basic_auth(SLUG, Some(PASSWORD))
        .header("accept", V3);
    let answer = match request.json(&v3_body(uuid)).send().await {
        Ok(answer) => {
            let status = answer.status();
            answer.json().await.ok().map(|body| (status, body))
        }
        Err(_) => None,
    };
    Asked {
        uuid,
        answer,
        took: started.elapsed(),
    }
}

/// Each was answered with the key of its agent, and there are as many agents as were asked for so far.
fn check(world: &World, asked: &[Asked], agents_so_far: usize) {
    let agents = world.gateway.agents();
    assert_eq!(agents.len(), agents_so_far);
    for Asked { uuid, answer, .. } in asked {
        let (status, body) = answer.as_ref().unwrap();
        assert_eq!(*status, StatusCode::CREATED, "{body}");
        let agent = agents.get(&agent_name(*uuid)).unwrap();
        assert_eq!(body["config"]["HOOP_KEY"], agent.key.as_str(), "{uuid}");
    }
}

/// The most memory that the provider has had at a time, in MiB.
fn peak_memory(server: &Server) -> Result<f64> {
    let status = fs_err::read_to_string(format!("/proc/{}/status", server.pid()))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next());
    let kilobytes: u32 = kilobytes.ok_or("the kernel does not say it")?.parse()?;
    Ok(f64::from(kilobytes) / 1024.0)
}

fn uuids() -> Vec<Uuid> {
    (0..RESOURCES).map(|_| Uuid::new_v4()).collect()
}

fn percentile(asked: &[Asked], percent: usize) -> Duration {
    let mut times: Vec<_> = asked.iter().map(|asked| asked.took).collect();
    times.sort();
    times[(times.len() * percent).div_ceil(100).saturating_sub(1)]
}

fn rate(took: Duration) -> f64 {
    f64::from(u32::try_from(RESOURCES).unwrap()) / took.as_secs_f64()
}

fn ratio(one: Duration, other: Duration) -> f64 {
    one.as_secs_f64() / other.as_secs_f64()
}
