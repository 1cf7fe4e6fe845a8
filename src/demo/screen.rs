//! The terminal: colours only where they are wanted, a status line at the bottom that nothing tears.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// The status line, if there is one: logs must go around it.
static STATUS: OnceLock<ProgressBar> = OnceLock::new();

/// Writes logs to stderr, above the status line.
#[derive(Debug, Default)]
pub struct LogWriter;

impl Write for LogWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match STATUS.get() {
            Some(status) => status.suspend(|| io::stderr().write(bytes)),
            None => io::stderr().write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

/// Where the demo is told.
pub struct Screen {
    colours: bool,
    status: Option<ProgressBar>,
    /// Set when nobody reads any more.
    stop: Arc<AtomicBool>,
}

impl Screen {
    /// Colours need a terminal, and nobody who objects.
    pub fn open(no_colours: bool, stop: Arc<AtomicBool>) -> Screen {
        let terminal = io::stdout().is_terminal();
        let objection = no_colours || std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let colours = terminal && !objection;
        let status = (terminal && io::stderr().is_terminal()).then(|| {
            let template = if colours { "{spinner:.cyan} {msg}" } else { "{spinner} {msg}" };
            let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner());
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr()).with_style(style);
            bar.enable_steady_tick(Duration::from_millis(120));
            STATUS.get_or_init(|| bar).clone()
        });
        Screen { colours, status, stop }
    }

    /// Prints a line above the status line. If the reader has left, the demo ends.
    pub fn say(&self, text: &str) {
        let print = || writeln!(io::stdout(), "{text}").and_then(|()| io::stdout().flush());
        let printed = match &self.status {
            Some(status) => status.suspend(print),
            None => print(),
        };
        if printed.is_err() {
            self.stop.store(true, Ordering::Relaxed);
        }
    }

    /// Replaces the status line.
    pub fn status(&self, text: &str) {
        if let Some(status) = &self.status {
            status.set_message(text.to_owned());
        }
    }

    /// Takes the status line away.
    pub fn clear(&self) {
        if let Some(status) = &self.status {
            status.finish_and_clear();
        }
    }

    /// A heading.
    pub fn bold(&self, text: &str) -> String {
        self.paint("1", text)
    }

    /// What the eye should find.
    pub fn strong(&self, text: &str) -> String {
        self.paint("1;36", text)
    }

    /// What went up, and what turned out true.
    pub fn good(&self, text: &str) -> String {
        self.paint("32", text)
    }

    /// What turned out otherwise.
    pub fn bad(&self, text: &str) -> String {
        self.paint("33", text)
    }

    /// What may be overlooked.
    pub fn faint(&self, text: &str) -> String {
        self.paint("2", text)
    }

    fn paint(&self, code: &str, text: &str) -> String {
        if self.colours { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// 50687 becomes `50,687`.
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    #[test]
    fn thousands_are_told_apart() {
        for (number, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(super::thousands(number), text);
        }
    }
}
