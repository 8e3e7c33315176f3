//! The page of a resource in a real browser: from the button at Heroku to an agent that is connected.

#![allow(clippy::unwrap_used, reason = "in a test, it is what fails")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::routing::get;
use fantoccini::key::Key;
use maud::{DOCTYPE, Markup, html};
use serde_json::{Value, json};
use sha1::Sha1;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use driver::{Browser, in_browser, skipped};
use support::{SALT, Server, World, agent_name};

#[path = "browser/driver.rs"]
mod driver;
#[path = "support/mod.rs"]
mod support;

/// The resource of all tests, so that pictures of it are always the same.
const UUID: Uuid = Uuid::from_u128(0x0123_4567_89ab_4cde_8f01_2345_6789_abcd);

/// The smallest width that a page has to fit into, in CSS pixels: that of WCAG 2.1, 1.4.10.
const NARROW: u32 = 320;

/// A provider with one resource.
struct Scene {
    world: World,
    server: Server,
    key: String,
    /// Who comes from Heroku, and from which app.
    email: &'static str,
    app: &'static str,
}

impl Scene {
    async fn new(changes: &Value) -> Self {
        Self::of(World::new().await, changes).await
    }

    async fn of(world: World, changes: &Value) -> Self {
        let server = world.serve().await;
        let (_, made) = server.provision(UUID, changes).await;
        let key = made["config"]["HOOP_KEY"].as_str().unwrap().to_owned();
        Self {
            world,
            server,
            key,
            email: "someone@example.com",
            app: "orders",
        }
    }

    /// The provider's address under the name that a browser takes for a safe one, as it does with https.
    fn address(&self) -> String {
        self.server.address.replace("127.0.0.1", "localhost")
    }

    fn home(&self) -> String {
        format!("{}/resources/{UUID}", self.address())
    }

    /// Opens the page as someone does who comes from Heroku.
    async fn enter(&self, browser: &Browser, salt: &'static str) {
        let form = SignIn {
            provider: self.address(),
            salt,
            email: self.email,
            app: self.app,
        };
        browser.open(&dashboard(form).await).await;
        browser.click("button").await;
    }

    async fn sign_in(&self, browser: &Browser) {
        self.enter(browser, SALT).await;
        browser
            .until(&format!(
                "location.href === '{}' && document.readyState === 'complete'",
                self.home()
            ))
            .await;
    }

    /// The agent of the gateway connects with a key.
    fn connect(&self, key: &str) {
        assert!(self.world.gateway.connect(key), "{key} is not a key of an agent");
    }

    /// The key that the gateway knows now.
    fn newest_key(&self) -> String {
        self.world.gateway.agent(&agent_name(UUID)).unwrap().key
    }
}

/// Serves what stands for Heroku's dashboard, with a button that opens the add-on. It is of another site than the
/// provider. Returns its address.
async fn dashboard(form: SignIn) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/", listener.local_addr().unwrap());
    let router = Router::new().route("/", get(move || async move { form.page() }));
    tokio::spawn(async { axum::serve(listener, router).await });
    address
}

/// The form that Heroku sends, with all the fields it has.
#[derive(Clone)]
struct SignIn {
    provider: String,
    salt: &'static str,
    email: &'static str,
    app: &'static str,
}

impl SignIn {
    fn page(&self) -> Markup {
        let Self {
            provider,
            salt,
            email,
            app,
        } = self;
        let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let (id, time) = (UUID.to_string(), time.to_string());
        let user = "01234567-89ab-cdef-0123-456789abcdef";
        let token = hex::<Sha1>(&[&id, salt, &time]);
        let fields = [
            ("email", *email),
            ("user_id", user),
            ("app", app),
            ("context_app", app),
            ("timestamp", &time),
            ("nav-data", "bmF2"),
            ("id", &id),
            ("token", &token),
            ("resource_id", &id),
            ("resource_token", &token),
            (
                "user_scoped_resource_token",
                &hex::<Sha256>(&[&id, salt, &time, user, email]),
            ),
        ];
        html! {
            (DOCTYPE)
            html lang="en" {
                head { title { "Heroku" } link rel="icon" href="data:,"; }
                body {
                    form method="post" action={ (provider) "/heroku/sso" } {
                        @for (name, value) in fields { input type="hidden" name=(name) value=(value); }
                        button { "Open the add-on" }
                    }
                }
            }
        }
    }
}

fn hex<D: Digest>(parts: &[&str]) -> String {
    let digest = D::digest(parts.join(":"));
    digest.iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").unwrap();
        hex
    })
}

/// Whether the page says so of the agent.
fn status(text: &str) -> String {
    format!("document.querySelector('#agent .status')?.innerText.trim() === '{text}'")
}

#[tokio::test]
async fn from_heroku_to_an_agent_that_is_connected() {
    in_browser(|browser| async move {
        let scene = Scene::new(&json!({ "plan": "console" })).await;
        scene.sign_in(&browser).await;
        let text = browser.text().await;
        let name = agent_name(UUID);
        for part in [
            "hoop for orders",
            "Not connected",
            "web: hoopstart -- bundle exec puma",
            "heroku config:set HOOP_AUTOSTART=true --app orders",
            "Signed in as someone@example.com",
            "Plan: console",
            "(offline)",
            &name,
        ] {
            assert!(text.contains(part), "{part}:\n{text}");
        }
        // It changes in place: a mark outlives it, and so does the part of the page that is read aloud.
        browser
            .load("window.mark = document.getElementById('agent'); mark.scrollIntoView();")
            .await;
        scene.connect(&scene.key);
        browser.until(&status("Connected")).await;
        assert_eq!(
            browser.value("window.mark === document.getElementById('agent')").await,
            true
        );
        assert_eq!(browser.value("mark.matches('[data-waiting]')").await, false);
        let text = browser.text().await;
        for part in ["1.148.0", "web.1", "(online)"] {
            assert!(text.contains(part), "{part}:\n{text}");
        }
    })
    .await;
}

#[tokio::test]
async fn without_scripts_the_page_loads_itself_anew() {
    in_browser(|browser| async move {
        let scene = Scene::new(&json!({})).await;
        browser.without_scripts().await;
        scene.sign_in(&browser).await;
        browser.until(&status("Not connected")).await;
        scene.connect(&scene.key);
        browser.until(&status("Connected")).await;
        // Then there is nothing more to wait for.
        assert_eq!(
            browser.value("document.querySelector('[http-equiv]')").await,
            Value::Null
        );
        browser.click("form button").await;
        browser.until("document.querySelector('.once') !== null").await;
        assert!(browser.text().await.contains("HOOP_KEY="));
    })
    .await;
}

#[tokio::test]
async fn the_page_asks_no_more_where_it_gets_no_answer_any_more() {
    in_browser(|browser| async move {
        let scene = Scene::new(&json!({})).await;
        scene.sign_in(&browser).await;
        browser.load(COUNT).await;
        browser.until("counted.answers.includes(200)").await;
        scene.server.deprovision(UUID).await;
        browser.until("counted.answers.includes(404)").await;
        let (answers, rounds) = (
            browser.value("counted.answers.length").await,
            browser.value("counted.rounds").await,
        );
        // Each answer but the last is followed by another round.
        assert_eq!(answers.as_u64(), rounds.as_u64().map(|rounds| rounds + 1));
        let console = browser.console().await;
        assert!(
            matches!(console.as_slice(), [line] if line.contains("status of 404")),
            "{console:?}"
        );
    })
    .await;
}

/// Counts how often the page asks, and how often it means to ask again.
const COUNT: &str = "
    window.counted = { answers: [], rounds: 0 };
    const [ask, wait] = [fetch, setTimeout];
    window.fetch = async (...words) => {
        const answer = await ask(...words);
        counted.answers.push(answer.status);
        return answer;
    };
    window.setTimeout = (...words) => { counted.rounds += 1; return wait(...words); };
";

#[tokio::test]
async fn a_new_key_is_shown_once_where_the_provider_cannot_set_it() {
    in_browser(|browser| async move {
        let scene = Scene::new(&json!({})).await;
        scene.sign_in(&browser).await;
        browser.click("form button").await;
        browser.until("document.querySelector('.once') !== null").await;
        let key = scene.newest_key();
        assert_ne!(key, scene.key);
        let line = browser.value("document.querySelector('.once').innerText").await;
        let line = line.as_str().unwrap();
        assert_eq!(
            shell_words::split(line).unwrap(),
            ["heroku", "config:set", &format!("HOOP_KEY={key}"), "--app", "orders"]
        );
        // The line stays while the agent connects with the key, after which someone may copy it once more.
        scene.connect(&key);
        browser.until(&status("Connected")).await;
        assert!(browser.text().await.contains(line));
        browser.open(&scene.home()).await;
        let source = browser.value("document.documentElement.outerHTML").await.to_string();
        assert!(
            source.contains("hoop for orders") && !source.contains("xagt-"),
            "{source}"
        );
    })
    .await;
}

#[tokio::test]
async fn a_new_key_is_set_where_heroku_lets_the_provider() {
    in_browser(|browser| async move {
        let world = World::new().await;
        let grant = world.heroku.grant("code");
        let scene = Scene::of(world, &json!({ "oauth_grant": grant })).await;
        scene.sign_in(&browser).await;
        browser.click("form button").await;
        browser.until("document.querySelector('.notice') !== null").await;
        let text = browser.text().await;
        assert!(text.contains("The app restarts with the new one."), "{text}");
        assert!(!text.contains("HOOP_KEY="), "{text}");
        let key = scene.newest_key();
        assert_ne!(key, scene.key);
        let config = scene.world.heroku.kept().config[&UUID.to_string()].clone();
        assert_eq!(config["HOOP_KEY"], key);
        // As the app does when it restarts.
        scene.connect(&key);
        browser.until(&status("Connected")).await;
    })
    .await;
}

#[tokio::test]
async fn all_of_it_can_be_done_with_a_keyboard() {
    in_browser(|browser| async move {
        let scene = Scene::new(&json!({})).await;
        scene.sign_in(&browser).await;
        for scheme in ["dark", "light"] {
            browser.open(&scene.home()).await;
            browser.prefer(scheme).await;
            reach_everything(&browser, 4).await;
        }
        to(&browser, "form button").await;
        browser.press(Key::Enter).await;
        browser.until("document.querySelector('.once') !== null").await;
        // With the line to copy, which can be longer than the window.
        reach_everything(&browser, 5).await;
    })
    .await;
}

/// Goes through the page with the tab key. Each thing that can have the focus gets it in order, and shows that.
async fn reach_everything(browser: &Browser, count: usize) {
    const ALL: &str = "[...document.querySelectorAll('a[href], button, input:not([type=hidden]), [tabindex]')]";
    assert_eq!(browser.value(&format!("{ALL}.length")).await, count);
    for index in 0..count {
        browser.press(Key::Tab).await;
        assert_eq!(
            browser.value(&format!("{ALL}.indexOf(document.activeElement)")).await,
            index,
            "{}",
            browser.value("document.activeElement.outerHTML.slice(0,300)").await
        );
        let contrast = browser.run(RING, Value::Null).await.as_f64();
        assert!(
            contrast.is_some_and(|contrast| contrast >= 3.0),
            "{index}: {contrast:?}"
        );
    }
}

/// How much the ring around what has the focus differs from the page's ground, by WCAG's formula. `null` without one.
const RING: &str = "
    const element = document.activeElement, { outlineStyle, outlineWidth, outlineColor } = getComputedStyle(element);
    const { top, bottom } = element.getBoundingClientRect();
    const light = color => {
        const [red, green, blue] = color.match(/\\d+/g).map(part => part / 255)
            .map(part => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    };
    const [a, b] = [light(outlineColor), light(getComputedStyle(document.body).backgroundColor)];
    const isSeen = element.matches(':focus-visible') && outlineStyle === 'solid' && parseFloat(outlineWidth) >= 2
        && top >= 0 && bottom <= innerHeight;
    done(isSeen ? (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05) : null);
";

/// Presses the tab key until a thing has the focus.
async fn to(browser: &Browser, css: &str) {
    for _ in 0..20 {
        if browser.value(&format!("document.activeElement.matches('{css}')")).await == true {
            return;
        }
        browser.press(Key::Tab).await;
    }
    panic!("{css} is not reached");
}

/// The pages that there are.
#[derive(Clone, Copy, Debug)]
enum View {
    NotConnected,
    Connected,
    /// With the line that sets the new key.
    Notice,
    /// Where the gateway has no agent for it.
    Missing,
    /// Where the gateway does not answer.
    Unknown,
    Refusal,
}

impl View {
    const ALL: [Self; 6] = [
        Self::NotConnected,
        Self::Connected,
        Self::Notice,
        Self::Missing,
        Self::Unknown,
        Self::Refusal,
    ];

    /// Opens it, from whichever view of the same scene stood there before.
    async fn open(self, browser: &Browser, scene: &Scene) {
        scene.world.gateway.behave();
        match self {
            Self::NotConnected => {
                scene.sign_in(browser).await;
                browser.until(&status("Not connected")).await;
            }
            Self::Connected => {
                scene.connect(&scene.newest_key());
                browser.open(&scene.home()).await;
                browser.until(&status("Connected")).await;
            }
            Self::Notice => {
                browser.click("form button").await;
                browser.until("document.querySelector('.once') !== null").await;
            }
            Self::Missing => {
                scene.world.gateway.remove_agent(&agent_name(UUID));
                browser.open(&scene.home()).await;
                browser.until(&status("Missing")).await;
            }
            Self::Unknown => {
                let fault = support::gateway::FaultKind::Status(503);
                scene.world.gateway.misbehave("GET", fault);
                browser.open(&scene.home()).await;
                browser.until(&status("Not known")).await;
            }
            Self::Refusal => {
                scene.enter(browser, "another salt").await;
                browser
                    .until("document.querySelector('h1')?.innerText === 'Sign in at Heroku'")
                    .await;
                // Chromium says so of itself of each page with such a status. It is all that it says.
                let console = browser.console().await;
                assert!(
                    matches!(console.as_slice(), [line] if line.contains("status of 403")),
                    "{console:?}"
                );
            }
        }
    }
}

#[tokio::test]
async fn everyone_can_read_it() {
    let Some(axe) = axe() else {
        return skipped("axe-core is not installed");
    };
    in_browser(|browser| async move {
        let scene = Scene::new(&json!({ "plan": "console" })).await;
        let mut passed = 0;
        for view in View::ALL {
            view.open(&browser, &scene).await;
            for scheme in ["light", "dark"] {
                browser.prefer(scheme).await;
                browser.load(&axe).await;
                let found = browser.run(AXE, Value::Null).await;
                assert_eq!(
                    found["violations"],
                    json!([]),
                    "{view:?}, {scheme}: {:#}",
                    found["violations"]
                );
                passed += found["passes"].as_u64().unwrap();
            }
        }
        assert!(passed > 100, "the rules were not applied: {passed}");
    })
    .await;
}

/// Applies the rules. What they do not know for sure counts, too.
const AXE: &str = "
    const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
    axe.run(document, { runOnly: { type: 'tag', values: tags } }).then(({ violations, incomplete, passes }) => done({
        violations: [...violations, ...incomplete].map(({ id, help, nodes }) =>
            ({ id, help, nodes: nodes.map(node => node.html + ' ' + node.failureSummary) })),
        passes: passes.length,
    }), error => done({ violations: String(error) }));
";

/// The rules of axe-core, of version 4.14.1: `npm install --prefix target/axe --ignore-scripts axe-core@4.14.1`.
fn axe() -> Option<String> {
    let file = std::env::var_os("HOOP_ADDON_AXE").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/axe/node_modules/axe-core/axe.min.js"),
        PathBuf::from,
    );
    fs_err::read_to_string(file).ok()
}

#[tokio::test]
async fn it_fits_into_the_narrowest_window() {
    in_browser(|browser| async move {
        let mut scene = Scene::new(&json!({ "plan": "console" })).await;
        // As long as they can be, without a place to break them at.
        scene.email = "someone.with.one.of.the.longest.of.names.that.there.are@mail.example.com";
        scene.app = "thelongestnamethatanapphasever";
        browser.resize(NARROW, 640).await;
        for view in View::ALL {
            view.open(&browser, &scene).await;
            // Less than the window, where a scrollbar takes its part.
            let widths = browser
                .value("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
                .await;
            let [page, space] = [0, 1].map(|index| widths[index].as_u64().unwrap());
            assert!(page <= space && space <= NARROW.into(), "{view:?}: {page} in {space}");
        }
    })
    .await;
}

/// Makes the pictures of the documentation, where it is told a folder for them.
#[tokio::test]
async fn pictures() {
    let Some(folder) = std::env::var_os("HOOP_ADDON_SCREENSHOTS").map(PathBuf::from) else {
        return skipped("HOOP_ADDON_SCREENSHOTS names no folder");
    };
    in_browser(|browser| async move {
        let take = async |name: &str| fs_err::write(folder.join(name), browser.picture().await).unwrap();
        let scene = Scene::new(&json!({ "plan": "console" })).await;
        browser.resize(800, 1010).await;
        View::NotConnected.open(&browser, &scene).await;
        take("not-connected.png").await;
        View::Connected.open(&browser, &scene).await;
        take("connected.png").await;
        browser.prefer("dark").await;
        take("dark.png").await;
        browser.prefer("light").await;
        browser.resize(NARROW, 640).await;
        take("narrow.png").await;
    })
    .await;
}
