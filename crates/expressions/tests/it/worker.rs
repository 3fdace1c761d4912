//! The child process of the tests.

fn main() -> std::io::Result<()> {
    expressions::worker::run(std::io::stdin().lock(), std::io::stdout().lock())
}
