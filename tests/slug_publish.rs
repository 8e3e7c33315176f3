//! `slug publish`: a slug goes to a platform that checks every request, and fails at every step.

#![expect(clippy::unwrap_used, reason = "a test ends where something is not as it must be")]

mod support;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;
use std::ffi::OsStr;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use support::platform::{Failing, KEY, Phase, Platform, SIGNATURE};
use support::run::Run;
use support::tree::sha256;
use tempfile::TempDir;

/// A pipeline with a slug.
struct Pipeline {
    scratch: TempDir,
}

impl Pipeline {
    fn new() -> Self {
        Self::of("web: PASSWORD=hunter22 ./web\nrelease: ./migrate\n")
    }

    fn of(procfile: &str) -> Self {
        let pipeline = Self {
            scratch: TempDir::new().unwrap(),
        };
        let mut builder = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
        let mut header = tar::Header::new_gnu();
        header.as_gnu_mut().unwrap().name[..14].copy_from_slice(b"./app/Procfile");
        header.set_size(procfile.len() as u64);
        header.set_cksum();
        builder.append(&header, procfile.as_bytes()).unwrap();
        let bytes = builder.into_inner().unwrap().finish().unwrap();
        fs::write(pipeline.at("slug.tgz"), bytes).unwrap();
        pipeline
    }

    fn at(&self, path: &str) -> PathBuf {
        self.scratch.path().join(path)
    }

    fn sha256(&self) -> String {
        sha256(&fs::read(self.at("slug.tgz")).unwrap())
    }

    fn command<A: AsRef<OsStr>>(&self, platform: &Platform, arguments: impl IntoIterator<Item = A>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hoop-buildpack"));
        command
            .args(["slug", "publish", "slug.tgz", "--api-url", &platform.url()])
            .args(arguments)
            .env_clear()
            .env("HOME", self.scratch.path())
            .env("HEROKU_API_KEY", KEY)
            .env("HOOP_BUILDPACK_RETRY_BASE_MS", "1")
            .env("HOOP_BUILDPACK_STALL_MS", "1")
            .env("CURL_CONNECT_TIMEOUT", "1")
            .current_dir(self.scratch.path());
        command
    }

    /// Publishes, and checks what must be so whatever comes of it.
    #[track_caller]
    fn publish<A: AsRef<OsStr>>(&self, platform: &Platform, arguments: impl IntoIterator<Item = A>) -> Run {
        let run = Run::of(self.command(platform, arguments));
        let said = run.stdout().to_owned() + run.stderr();
        for secret in [KEY, SIGNATURE, "hunter22", "panicked"] {
            assert!(!said.contains(secret), "{secret}: {said}");
        }
        platform.is_content();
        run
    }
}

#[track_caller]
fn says(run: &Run, parts: &[&str]) {
    let said = run.stdout().to_owned() + run.stderr();
    for part in parts {
        assert!(said.contains(part), "{part}\n{said}");
    }
}

#[test]
fn a_slug_is_uploaded_once_and_released_to_each_app() {
    let platform = Platform::new().with_app("my-staging").with_app("my-app");
    let pipeline = Pipeline::new();
    let run = pipeline.publish(
        &platform,
        [
            "--app",
            "my-staging,my-app",
            "--stack",
            "heroku-24",
            "--commit",
            "0123abc",
        ],
    );
    run.exits(0);
    says(
        &run,
        &[
            &format!("sha256 {})", pipeline.sha256()),
            "       release: ./migrate\n",
            "-----> Uploading\n",
            "-----> Releasing to my-staging\n       v4 of my-staging\n",
            "-----> my-staging: released as v4\n-----> my-app: released as v4\n",
        ],
    );
    assert_eq!(
        platform.log(),
        [
            "GET /apps/my-staging",
            "GET /apps/my-app",
            "POST /apps/my-staging/slugs",
            "PUT /store/0",
            "GET /apps/my-staging/releases",
            "POST /apps/my-staging/releases",
            "GET /apps/my-app/releases",
            "POST /apps/my-app/releases",
        ]
    );
    platform.slugs(|slugs| {
        assert_eq!(slugs.len(), 1);
        assert_eq!(
            slugs[0].body,
            json!({
                "process_types": {"web": "PASSWORD=hunter22 ./web", "release": "./migrate"},
                "checksum": format!("SHA256:{}", pipeline.sha256()),
                "buildpack_provided_description": "Hoop agent",
                "stack": "heroku-24",
                "commit": "0123abc",
            })
        );
    });
}

#[test]
fn what_a_build_has_written_is_told_to_the_platform() {
    let platform = Platform::new().with_app("my-app");
    let pipeline = Pipeline::new();
    let built = json!({
        "sha256": pipeline.sha256(), "stack": "heroku-24", "commit": null, "description": "Python",
        "process_types": {"web": "python app.py", "rake": "x"}, "size": 1, "folders": [],
    });
    fs::write(pipeline.at("slug.json"), built.to_string()).unwrap();
    pipeline
        .publish(&platform, ["--app", "my-app", "--build", "slug.json"])
        .exits(0);
    platform.slugs(|slugs| {
        assert_eq!(
            slugs[0].body["process_types"],
            json!({"web": "python app.py", "rake": "x"})
        );
        assert_eq!(slugs[0].body["buildpack_provided_description"], "Python");
        assert_eq!(slugs[0].body.get("commit"), None);
    });
    // That of another slug is not taken.
    fs::write(
        pipeline.at("slug.json"),
        json!({"sha256": "0".repeat(64), "process_types": {}}).to_string(),
    )
    .unwrap();
    let run = pipeline.publish(&platform, ["--app", "my-app", "--build", "slug.json"]);
    run.exits(1);
    says(&run, &["slug.json is of another slug", "[slug::build-differs]"]);
    assert_eq!(platform.released("my-app"), 1);
}

#[test]
fn nothing_is_sent_by_a_dry_run_and_nothing_released_without_a_release() {
    let platform = Platform::new().with_app("my-app");
    let pipeline = Pipeline::new();
    let run = pipeline.publish(&platform, ["--app", "my-app", "--dry-run"]);
    run.exits(0);
    says(&run, &["It would be released to my-app; nothing was sent"]);
    assert_eq!(platform.log(), ["GET /apps/my-app"]);

    let run = pipeline.publish(&platform, ["--app", "my-app", "--no-release"]);
    run.exits(0);
    says(
        &run,
        &[
            "slug aaaaaaaa-0000-0000-0000-000000000000",
            "a slug of no release is destroyed by the platform",
        ],
    );
    assert_eq!(platform.released("my-app"), 0);
}

#[test]
fn an_app_that_takes_no_such_slug_is_told_before_anything_is_sent() {
    let platform = Platform::new()
        .with("container", "container", "cedar")
        .with("fir", "cnb", "fir")
        .with("old", "heroku-22", "cedar");
    let pipeline = Pipeline::new();
    for (app, part, id) in [
        (
            "container",
            "container takes no slugs: it is on the stack container",
            "slug::app-takes-no-slugs",
        ),
        ("fir", "fir takes no slugs: it is a Fir app", "slug::app-takes-no-slugs"),
        ("old", "heroku stack:set heroku-24 --app old", "slug::stack-differs"),
        (
            "nowhere",
            "answered 404, not_found: Couldn't find that app. (Request-Id req-0815)",
            "slug::app-not-found",
        ),
    ] {
        let run = pipeline.publish(&platform, ["--app", app, "--stack", "heroku-24"]);
        run.exits(1);
        says(&run, &[part, &format!("[{id}]")]);
    }
    assert!(platform.log().iter().all(|line| line.starts_with("GET ")));
    let run = Pipeline::of("# nothing\n").publish(&platform, ["--app", "old"]);
    says(&run, &["[slug::process-types]"]);
}

#[test]
fn a_release_phase_is_shown_and_waited_for() {
    let phase = |status: &'static str, late: usize, cut: Option<usize>| Phase {
        output: "Migrating\n== 1 ==\ndone with it\n",
        looks: 4,
        status,
        late,
        cut,
    };
    for (phase, status, part) in [
        (phase("succeeded", 0, None), 0, "my-app: released as v4"),
        (phase("succeeded", 2, None), 0, "my-app: released as v4"),
        (phase("succeeded", 0, Some(3)), 0, "my-app: released as v4"),
        (
            phase("failed", 0, None),
            1,
            "release v4 of my-app failed; my-app still runs what it ran before",
        ),
        (phase("expired", 0, None), 1, "release v4 of my-app ended as expired"),
    ] {
        let platform = Platform::new().with_app("my-app").with_phase("my-app", phase.clone());
        let run = Pipeline::new().publish(&platform, ["--app", "my-app"]);
        run.exits(status);
        says(&run, &[part]);
        // All of it, and once.
        assert_eq!(
            run.stdout().matches(phase.output).count(),
            1,
            "{phase:?}\n{}",
            run.stdout()
        );
        assert_eq!(
            run.stdout().matches("Migrating").count(),
            1,
            "{phase:?}\n{}",
            run.stdout()
        );
    }
    let platform = Platform::new().with_app("my-app").with_phase(
        "my-app",
        Phase {
            looks: usize::MAX,
            ..phase("succeeded", 0, None)
        },
    );
    let run = Pipeline::new().publish(&platform, ["--app", "my-app", "--timeout", "0"]);
    run.exits(1);
    says(
        &run,
        &[
            "release v4 of my-app has not ended after 0 s",
            "[slug::release-timeout]",
        ],
    );
}

#[test]
fn a_failed_release_stops_the_others_only_if_that_is_asked_for() {
    let failing = Phase {
        output: "no\n",
        looks: 1,
        status: "failed",
        late: 0,
        cut: None,
    };
    for (options, released) in [
        (&["--app", "one,two"][..], 1),
        (&["--app", "one,two", "--stop-on-failure"], 0),
    ] {
        let platform = Platform::new()
            .with_app("one")
            .with_app("two")
            .with_phase("one", failing.clone());
        let run = Pipeline::new().publish(&platform, options);
        run.exits(1);
        assert_eq!(platform.released("two"), released);
        says(&run, &["one: failed", "of 2 apps do not have the slug"]);
    }
}

/// Whatever happens on the way, there is one release, and it is known.
#[test]
fn a_release_is_never_made_twice() {
    for failing in [
        vec![Failing::CutAfter],
        vec![Failing::CutAnswer],
        vec![Failing::CutBefore],
        vec![Failing::CutBefore, Failing::CutAfter],
        vec![Failing::Answer(500, &[], "oops"), Failing::Answer(503, &[], "")],
        vec![Failing::Answer(
            429,
            &[("Retry-After", "0")],
            r#"{"id": "rate_limit", "message": "Your account reached the API rate limit"}"#,
        )],
        vec![Failing::Stall],
    ] {
        let mut platform = Platform::new().with_app("my-app");
        for failing in &failing {
            platform = platform.fails("POST /releases", failing.clone());
        }
        let run = Pipeline::new().publish(&platform, ["--app", "my-app"]);
        run.exits(0);
        says(&run, &["my-app: released as v4"]);
        assert_eq!(platform.released("my-app"), 1, "{failing:?}");
    }
    // Where it cannot be known, that is said, and nothing more is tried.
    let mut platform = Platform::new()
        .with_app("my-app")
        .fails("POST /releases", Failing::CutAfter)
        .fails("GET /apps/my-app/releases", Failing::NotThisTime);
    for _ in 0..6 {
        platform = platform.fails("GET /apps/my-app/releases", Failing::Answer(500, &[], ""));
    }
    let run = Pipeline::new().publish(&platform, ["--app", "my-app"]);
    run.exits(1);
    assert_eq!(platform.released("my-app"), 1);
    says(
        &run,
        &[
            "it is not known whether my-app was released",
            "heroku releases --app my-app",
            "[slug::release-unknown]",
        ],
    );
}

#[test]
fn every_step_is_tried_again_where_that_may_help() {
    for (request, failing) in [
        ("GET /apps/my-app", Failing::CutBefore),
        ("GET /apps/my-app", Failing::Answer(429, &[("Retry-After", "0")], "")),
        (
            "GET /apps/my-app",
            Failing::Answer(502, &[], "<html>Bad Gateway</html>"),
        ),
        ("GET /apps/my-app", Failing::Stall),
        ("POST /slugs", Failing::CutAfter),
        ("POST /slugs", Failing::Answer(503, &[], "")),
        ("PUT /store/0", Failing::CutBefore),
        ("PUT /store/0", Failing::CutAfter),
        (
            "PUT /store/0",
            Failing::Answer(500, &[], "<Error><Code>InternalError</Code></Error>"),
        ),
        (
            "PUT /store/0",
            Failing::Answer(404, &[], "<Error><Code>NoSuchBucket</Code></Error>"),
        ),
        (
            "PUT /store/0",
            Failing::Answer(
                403,
                &[],
                "<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>",
            ),
        ),
        ("GET /apps/my-app/releases", Failing::CutAnswer),
    ] {
        let platform = Platform::new().with_app("my-app").fails(request, failing.clone());
        let run = Pipeline::new().publish(&platform, ["--app", "my-app"]);
        run.exits(0);
        assert_eq!(platform.released("my-app"), 1, "{request} {failing:?}");
        let said = run.stderr();
        assert!(
            said.contains("trying again in") || said.contains("making another slug"),
            "{said}"
        );
    }
}

#[test]
fn what_the_platform_refuses_is_shown_as_it_says_it() {
    for (request, failing, id, parts) in [
        (
            "POST /slugs",
            Failing::Answer(422, &[("Request-Id", "r-1")], ""),
            "slug::api-refused",
            &["cannot make a slug: the platform answered 422 (Request-Id r-1)"][..],
        ),
        (
            "POST /slugs",
            Failing::Answer(422, &[], r#"{"id":"invalid_params","message":"Slug too large"}"#),
            "slug::api-refused",
            &["answered 422, invalid_params: Slug too large"],
        ),
        (
            "POST /slugs",
            Failing::Answer(418, &[], "raw text\u{1b}[31m"),
            "slug::api-refused",
            &["answered 418, raw text"],
        ),
        (
            "GET /apps/my-app",
            Failing::Answer(
                403,
                &[],
                r#"{"id":"forbidden","message":"You do not have access to the app my-app."}"#,
            ),
            "slug::key-refused",
            &["forbidden: You do not have access"],
        ),
        (
            "PUT /store/0",
            Failing::Answer(400, &[], "<Error><Code>BadDigest</Code><Message>no</Message></Error>"),
            "slug::upload-failed",
            &["the store answered 400 Bad Request, BadDigest: no"],
        ),
        (
            "POST /releases",
            Failing::Answer(
                422,
                &[],
                r#"{"id":"invalid_params","message":"Slug not compatible with space"}"#,
            ),
            "slug::api-refused",
            &["cannot release to my-app", "Slug not compatible with space"],
        ),
        (
            "GET /apps/my-app",
            Failing::Answer(200, &[], "<html>a proxy</html>"),
            "slug::api-unreachable",
            &["the answer cannot be understood"],
        ),
    ] {
        let platform = Platform::new().with_app("my-app").fails(request, failing);
        let run = Pipeline::new().publish(&platform, ["--app", "my-app"]);
        run.exits(1);
        says(&run, parts);
        says(&run, &[&format!("[{id}]")]);
        assert!(!run.stderr().contains('\u{1b}'));
        assert_eq!(platform.released("my-app"), 0);
    }
    let mut platform = Platform::new().with_app("my-app");
    for _ in 0..3 {
        platform = platform.fails(
            "PUT ",
            Failing::Answer(403, &[], "<Error><Code>AccessDenied</Code></Error>"),
        );
    }
    // Each has a URL of its own, and then enough is enough.
    let run = Pipeline::new().publish(&platform, ["--app", "my-app"]);
    run.exits(1);
    says(&run, &["making another slug", "[slug::upload-failed]"]);
    assert_eq!(platform.slugs(<[_]>::len), 3);
}

#[test]
fn the_key_is_that_of_the_environment_or_of_netrc() {
    let platform = Platform::new().with_app("my-app");
    let pipeline = Pipeline::new();
    let without_key = |netrc: Option<&str>| {
        let _ = fs::remove_file(pipeline.at(".netrc"));
        if let Some(text) = netrc {
            fs::write(pipeline.at(".netrc"), text).unwrap();
        }
        let mut command = pipeline.command(&platform, ["--app", "my-app", "--dry-run"]);
        command.env_remove("HEROKU_API_KEY");
        let run = Run::of(command);
        assert!(!(run.stdout().to_owned() + run.stderr()).contains(KEY));
        run
    };
    without_key(Some(&format!("machine 127.0.0.1\n  login me\n  password {KEY}\n"))).exits(0);
    for netrc in [None, Some("machine api.heroku.com password x\n")] {
        let run = without_key(netrc);
        run.exits(1);
        says(&run, &["there is no key for 127.0.0.1", "[slug::key-missing]"]);
    }
    let run = without_key(Some("machine 127.0.0.1 password wrong\n"));
    says(
        &run,
        &["the platform answered 401, unauthorized", "[slug::key-refused]"],
    );
    let mut command = pipeline.command(&platform, ["--app", "my-app"]);
    command.env("HEROKU_API_KEY", "a\nb");
    says(&Run::of(command), &["it has a character that no key has"]);
}

#[test]
fn arguments_that_make_no_sense_are_told() {
    let platform = Platform::new().with_app("my-app");
    let pipeline = Pipeline::new();
    for (arguments, status, part) in [
        (&["--app", "My App"][..], 2, "it is no name of an app"),
        (&["--app", "a,"], 2, "it is no name of an app"),
        (&["--app", "my-app,my-app"], 2, "my-app is named twice"),
        (&[], 2, "--app"),
        (&["--app", "my-app", "--timeout", "soon"], 2, "soon"),
        (
            &["--app", "my-app", "--build", "nowhere"],
            1,
            "nowhere is not what slug build --json writes",
        ),
    ] {
        let run = pipeline.publish(&platform, arguments);
        run.exits(status);
        says(&run, &[part]);
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_hoop-buildpack"));
    command.args([
        "slug",
        "publish",
        "x",
        "--app",
        "a",
        "--api-url",
        "http://api.example.com",
    ]);
    let run = Run::of(command);
    run.exits(2);
    says(&run, &["the key is only sent over https"]);
}
