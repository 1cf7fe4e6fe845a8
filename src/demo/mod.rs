//! x
use crate::failure::Failure;
#[derive(Clone, Debug, clap::Args)]
pub struct DemoArgs {}
pub fn demo_command(_: &DemoArgs) -> Result<(), Failure> { Ok(()) }
#[derive(Default)]
pub struct LogWriter;
impl std::io::Write for LogWriter {
    fn write(&mut self, b: &[u8]) -> std::io::Result<usize> { std::io::stderr().write(b) }
    fn flush(&mut self) -> std::io::Result<()> { Ok(()) }
}
