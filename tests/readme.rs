//! The README's promises: its commands run, its events are accepted, its topics, routes, reasons and metrics exist.

use bellwether::event::Topic;
use bellwether::wire::{OutTopic, Reason};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

const README: &str = include_str!("../README.md");
const BELLWETHER: &str = env!("CARGO_BIN_EXE_bellwether");

/// The lines of all fenced blocks whose fence says `info`.
fn block_lines(info: &str) -> Vec<&'static str> {
    let mut lines = Vec::new();
    let mut inside = false;
    for line in README.lines() {
        if let Some(fence) = line.strip_prefix("```") {
            inside = !inside && fence == info;
        } else if inside {
            lines.push(line);
        }
    }
    assert!(!lines.is_empty(), "no block ```{info}");
    lines
}

/// Every `code` span of the README.
fn code_spans() -> Vec<&'static str> {
    let prose = README.split("```").step_by(2);
    prose.flat_map(|text| text.split('`').skip(1).step_by(2)).collect()
}

#[test]
fn its_commands_run_one_after_another() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = format!(
        "{}:{}",
        Path::new(BELLWETHER).parent().expect("a folder").display(),
        std::env::var("PATH").unwrap_or_default()
    );
    for line in block_lines("sh") {
        let run = Command::new("sh").args(["-c", line]).env("PATH", &path).current_dir(&folder).output();
        let run = run.expect("sh starts");
        assert!(run.status.success(), "{line}\n{}", String::from_utf8_lossy(&run.stderr));
        assert!(!run.stdout.is_empty() || line.contains("--out"), "{line} prints something");
    }
    let summary = std::fs::read_to_string(folder.path().join("out/summary.json")).expect("replay writes a summary");
    let summary: serde_json::Value = serde_json::from_str(&summary).expect("it is JSON");
    assert!(summary["score_changes"].as_u64() > Some(1000), "{summary}");
}

#[test]
fn its_commands_for_kafka_have_the_flags_that_it_gives_them() {
    for line in block_lines("sh kafka") {
        let mut words = line.split_whitespace();
        assert_eq!(words.next(), Some("bellwether"), "{line}");
        let command = words.next().expect("a command");
        let help = Command::new(BELLWETHER).args([command, "--help"]).output().expect("it starts");
        let help = String::from_utf8_lossy(&help.stdout).into_owned();
        for flag in words.filter(|word| word.starts_with("--")) {
            assert!(help.contains(flag), "{command} has no {flag}");
        }
    }
}

#[test]
fn its_events_are_accepted_and_a_refund_takes_back_what_was_given() {
    let mut replay = Command::new(BELLWETHER)
        .args(["replay", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("replay starts");
    let events = block_lines("json").join("\n");
    replay.stdin.take().expect("a pipe").write_all(events.as_bytes()).expect("replay reads");
    let run = replay.wait_with_output().expect("replay ends");
    assert!(run.status.success());
    let outputs = String::from_utf8_lossy(&run.stdout);
    assert!(!outputs.contains("influence.rejects"), "{outputs}");
    let ada: Vec<&str> = outputs
        .lines()
        .filter(|line| line.contains("influence.scores\"") && line.contains("\"key\":\"ada\""))
        .filter_map(|line| line.split("\"credit\":{\"direct\":").nth(1)?.split(',').next())
        .collect();
    assert!(ada.iter().any(|direct| direct.starts_with("0.5")), "ada earns ben's adoption: {ada:?}");
    assert_eq!(ada.last(), Some(&"0"), "and loses it with the refund: {ada:?}");
}

#[test]
fn its_topics_are_the_topics() {
    let spans = code_spans();
    for name in Topic::ALL.map(Topic::name).into_iter().chain(OutTopic::ALL.map(OutTopic::name)) {
        assert!(spans.contains(&name), "the README does not tell of {name}");
    }
    for span in
        spans.iter().filter(|s| s.starts_with("influence.") || s.starts_with("social.") || s.starts_with("commerce."))
    {
        let known = Topic::ALL.iter().any(|t| t.name() == *span) || OutTopic::ALL.iter().any(|t| t.name() == *span);
        assert!(known, "there is no topic {span}");
    }
}

#[test]
fn its_routes_and_reasons_exist() {
    let routes = include_str!("../src/http/routes.rs");
    let spans = code_spans();
    for route in spans.iter().filter(|span| span.starts_with('/') && span.len() > 1) {
        assert!(routes.contains(&format!("\"{route}\"")), "there is no route {route}");
    }
    for reason in ["not_json", "duplicate_key", "too_deep", "missing_field", "too_late", "unknown_order"] {
        assert!(spans.contains(&reason) && Reason::ALL.iter().any(|known| known.name() == reason), "{reason}");
    }
}
