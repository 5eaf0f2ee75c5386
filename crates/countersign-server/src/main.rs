//! The `countersign` binary.

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// glibc keeps what a flood of requests took.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    // The one TLS provider, chosen before anything connects.
    if rustls::crypto::aws_lc_rs::default_provider().install_default().is_err() {
        eprintln!("countersign: another TLS provider is installed already");
        return ExitCode::FAILURE;
    }
    countersign_server::cli::run()
}
