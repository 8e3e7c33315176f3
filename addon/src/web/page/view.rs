//! The page as HTML.

use axum::http::StatusCode;
use maud::{DOCTYPE, Markup, html};
use secrecy::ExposeSecret as _;
use time::OffsetDateTime;
use time::macros::format_description;

use super::{AgentView, Notice, Page};
use crate::gateway::Agent;
use crate::resource::{Seen, State};

pub(super) fn page(page: &Page) -> Markup {
    let id = page.resource.id;
    let app = page.session.app.as_deref();
    let name = app.unwrap_or_else(|| {
        if page.resource.order.name.is_empty() {
            "your app"
        } else {
            &page.resource.order.name
        }
    });
    let is_waiting = !page
        .agent
        .as_ref()
        .and_then(|view| view.agent.as_ref())
        .is_some_and(Agent::is_connected);
    let home = format!("/resources/{id}");
    let head = html! {
        @if !page.is_at_home {
            meta http-equiv="refresh" content={ "0; url=" (home) };
        } @else if is_waiting && !matches!(page.notice, Some(Notice::Key(_))) {
            noscript { meta http-equiv="refresh" content={ "10; url=" (home) }; }
        }
    };
    document(
        &format!("hoop for {name}"),
        &head,
        &html! {
            main {
                h1 { "hoop for " (name) }
                @if let Some(notice) = &page.notice { (told(notice, app)) }
                @if page.resource.unpushed && page.notice.is_none() { (unpushed(page)) }
                section #agent aria-live="polite" data-waiting[is_waiting] { (agent(page)) }
                section #connections { (connections(page)) }
                section {
                    h2 { "Start the agent" }
                    p { "Begin a line of the Procfile with " code { "hoopstart --" } ", such as:" }
                    pre tabindex="0" { "web: hoopstart -- bundle exec puma" }
                    p { "Or leave the Procfile as it is:" }
                    pre tabindex="0" { (command("config:set HOOP_AUTOSTART=true", app)) }
                    p { "Both need hoop's buildpack in the app. Then deploy." }
                }
                section {
                    h2 { "Agent key" }
                    p {
                    "Rotate the key if someone may have seen it. The former key ends, and the app restarts with the "
                    "new one."
                }
                    form method="post" action={ (home) "/rotate" } {
                        input type="hidden" name="form_token" value=(page.session.form_token);
                        button type="submit" { "Rotate the key" }
                    }
                }
            }
            footer {
                p { a href=(page.gateway) { "Open hoop" } }
                p { "Plan: " (page.resource.order.plan) }
                @if let Some(email) = &page.session.email { p { "Signed in as " (email) } }
            }
        },
    )
}

fn agent(page: &Page) -> Markup {
    let name = page.resource.id.agent_name();
    html! {
        h2 { "Agent" }
        @match &page.agent {
            None => {
                p.status.absent { "Not known" }
                p { "The hoop gateway does not answer. The agent may be connected all the same." }
            }
            Some(AgentView { agent: None, .. }) => {
                p.status.absent { "Missing" }
                @if page.resource.state == State::Rotating {
                    p { "It is being made again, with a new key." }
                } @else {
                    p { "The gateway has no agent " code { (name) } ". Rotate the key to make it again." }
                }
            }
            Some(AgentView { agent: Some(agent), seen, .. }) => {
                @if agent.is_connected() {
                    p.status.connected { "Connected" }
                } @else {
                    p.status.absent { "Not connected" }
                }
                dl {
                    dt { "Name" } dd { (name) }
                    @if let Some(seen) = seen { dt { "Seen so since" } dd { (since(seen)) } }
                    @if !agent.version.is_empty() { dt { "Version" } dd { (agent.version) } }
                    @if !agent.hostname.is_empty() { dt { "Dyno's host name" } dd { (agent.hostname) } }
                }
            }
        }
    }
}

fn connections(page: &Page) -> Markup {
    let found = page
        .agent
        .as_ref()
        .map(|view| view.connections.as_slice())
        .unwrap_or_default();
    html! {
        h2 { "Connections" }
        @if found.is_empty() {
            p { "There are none yet." }
        } @else {
            ul { @for connection in found {
                li { (connection.name) @if !connection.status.is_empty() { " (" (connection.status) ")" } }
            } }
        }
    }
}

fn told(notice: &Notice, app: Option<&str>) -> Markup {
    html! { @match notice {
        Notice::Pushed => div.notice role="status" { p { "The key is rotated. The app restarts with the new one." } },
        Notice::PushedLater => div.notice role="status" {
            p { "The key is rotated. Heroku does not take the new one right now, so it follows in a few minutes." }
        },
        Notice::Key(key) => div.notice role="status" {
            p { "The key is rotated. Give the app the new one, which is shown only now:" }
            pre.once tabindex="0" {
                (command(&format!("config:set HOOP_KEY={}", shell_words::quote(key.expose_secret())), app))
            }
        },
        Notice::Failed(error) => div.notice.failed role="alert" { p { (error) } },
    } }
}

fn unpushed(page: &Page) -> Markup {
    html! { div.notice role="status" {
        @if page.resource.has_tokens {
            p { "The app does not have the newest key yet. It follows in a few minutes." }
        } @else {
            p { "If the app does not have the key that was shown last, rotate the key once more." }
        }
    } }
}

/// A line of Heroku's command line.
fn command(words: &str, app: Option<&str>) -> String {
    format!("heroku {words} --app {}", app.unwrap_or("YOUR-APP"))
}

fn since(seen: &Seen) -> String {
    let format = format_description!("[year]-[month]-[day] [hour]:[minute] UTC");
    let time = OffsetDateTime::from_unix_timestamp(seen.since).ok();
    time.and_then(|time| time.format(format).ok()).unwrap_or_default()
}

/// A page that says why there is nothing to see.
pub(super) fn refusal(status: StatusCode) -> Markup {
    let (title, text) = match status {
        StatusCode::NOT_FOUND => ("This add-on is gone", "It was removed from its app."),
        StatusCode::TOO_MANY_REQUESTS => ("Too many attempts", "Wait a minute and try again."),
        StatusCode::SERVICE_UNAVAILABLE => ("Not now", "Try again in a few minutes."),
        _ => (
            "Sign in at Heroku",
            "This page opens from Heroku, for an hour at a time:",
        ),
    };
    document(
        title,
        &html! {},
        &html! {
            main {
                h1 { (title) }
                p { (text) }
                @if status == StatusCode::FORBIDDEN { pre tabindex="0" { "heroku addons:open hoop --app YOUR-APP" } }
            }
        },
    )
}

fn document(title: &str, head: &Markup, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) }
                link rel="stylesheet" href="/page.css";
                link rel="icon" href="data:,";
                script src="/page.js" defer {}
                (head)
            }
            body {
                // Heroku's tester looks for this id.
                header #heroku-header-bar { div #heroku-header { "Heroku add-on: hoop" } }
                (body)
            }
        }
    }
}
