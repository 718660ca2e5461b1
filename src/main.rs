//! The one binary: arguments, configuration, `app`, exit code.

fn main() -> std::process::ExitCode {
    endcap::cli::main()
}
