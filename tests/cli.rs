//! The command line: exit codes, what goes to stdout and what to stderr.

use std::fs;
use std::process::{Command, Output, Stdio};

fn bellwether(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bellwether"));
    command.args(arguments).stdin(Stdio::null());
    command
}

fn run(arguments: &[&str]) -> Output {
    bellwether(arguments).output().expect("the binary runs")
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn exit_codes_tell_what_kind_of_failure_it_was() {
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &[u8]| {
        let path = directory.path().join(name);
        fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let bad_config = file("bad.toml", b"kafka.broker = 1");
    let empty = file("empty.ndjson", b"");
    let broken_gzip = file("broken.gz", b"\x1f\x8b\x08\x00 not really");
    let folder = directory.path().to_str().unwrap();
    for (arguments, code, fragment) in [
        (vec!["check"], 0, ""),
        (vec!["replay", &empty], 0, "adoptions"),
        (vec!["--version"], 0, ""),
        (vec![], 2, "Usage"),
        (vec!["fly"], 2, "fly"),
        (vec!["replay"], 2, "FILE"),
        (vec!["replay", "-", "-"], 2, "only once"),
        (vec!["check", "--log", "loud=quiet=x"], 2, "--log"),
        (vec!["check", "--config", &bad_config], 2, "kafka.broker: unknown key (did you mean `brokers`?)"),
        (vec!["replay", &empty, "--config", &bad_config], 2, "1 error in the configuration"),
        (vec!["check", "--config", "no-such.toml"], 2, "no-such.toml: cannot be read"),
        (vec!["replay", "no-such.ndjson"], 3, "cannot read no-such.ndjson"),
        (vec!["replay", folder], 3, folder),
        (vec!["replay", &broken_gzip], 3, "broken.gz"),
        (vec!["replay", &empty, "--out", "/dev/null/x"], 1, "/dev/null/x"),
    ] {
        let output = run(&arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(fragment), "{arguments:?}: {}", stderr(&output));
    }
}

#[test]
fn check_shows_what_differs_and_where_it_comes_from_but_no_secret() {
    let output = bellwether(&["check"])
        .env("BELLWETHER_EPOCH__MAX_MS", "20")
        .env("BELLWETHER_HTTP__TOKEN", "hush-hush-hush-hush")
        .output()
        .expect("the binary runs");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(text.contains("epoch.max_ms  20   (BELLWETHER_EPOCH__MAX_MS)"), "{text}");
    assert!(text.contains("http.token    (secret)   (BELLWETHER_HTTP__TOKEN)"), "{text}");
    assert!(!text.contains("hush") && !text.contains("epoch.max_records"), "{text}");
    assert!(text.ends_with("configuration ok\n"), "{text}");
    let all = String::from_utf8(run(&["check", "--all"]).stdout).expect("UTF-8");
    assert!(all.contains("epoch.max_records") && all.contains("score.reach.weight"), "{all}");
}

#[test]
fn help_of_every_command_has_an_example() {
    let help = String::from_utf8(run(&["--help"]).stdout).expect("UTF-8");
    let (_, commands) = help.split_once("Commands:").expect("a list of commands");
    let (commands, _) = commands.split_once("\n\n").expect("an end of the list");
    let names = commands.lines().filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help");
    let mut count = 0;
    for name in names {
        let help = String::from_utf8(run(&[name, "--help"]).stdout).expect("UTF-8");
        assert!(help.contains("Examples:") && help.contains(&format!("bellwether {name}")), "{name}: {help}");
        count += 1;
    }
    assert!(count >= 2, "{help}");
}

#[test]
fn a_reader_that_has_seen_enough_ends_the_replay_quietly() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("bad.ndjson");
    // Every line becomes a reject, which is longer than a pipe holds.
    fs::write(&path, "no event\n".repeat(100_000)).unwrap();
    let mut child = bellwether(&["replay", path.to_str().unwrap()])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("it ends");
    assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(0), ""));
}
