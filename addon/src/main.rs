//! The program `hoop-addon`.

fn main() -> std::process::ExitCode {
    // One TLS stack for everything, as in the buildpack.
    rustls::crypto::ring::default_provider()
        .install_default()
        .expect("nothing has installed another");
    hoop_addon::cli::run()
}
