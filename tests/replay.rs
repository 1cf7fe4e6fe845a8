//! `bellwether replay`: the same events give the same outputs, however they are packed, and nothing is lost.
// .clippy.toml allows it in #[test] functions, but not in what they share.
#![allow(clippy::unwrap_used)]

use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// All files of an output directory, but what a run's circumstances change.
type Outputs = BTreeMap<String, String>;

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Folder(tempfile::tempdir().unwrap())
    }

    fn write(&self, name: &str, content: &[u8]) -> String {
        let path = self.0.path().join(name);
        fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// Replays into a fresh directory.
    fn replay(&self, files: &[&str], stdin: Option<&str>) -> PathBuf {
        let out = self.0.path().join(format!("out-{}", fs::read_dir(self.0.path()).unwrap().count()));
        let input = stdin.map_or_else(Stdio::null, |path| Stdio::from(File::open(path).unwrap()));
        let run = Command::new(env!("CARGO_BIN_EXE_bellwether"))
            .arg("replay")
            .args(files)
            .args([Path::new("--out"), &out])
            .stdin(input)
            .output()
            .expect("the binary runs");
        assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
        assert!(run.stdout.is_empty(), "with --out, nothing goes to stdout");
        out
    }
}

fn summary(out: &Path) -> Value {
    serde_json::from_slice(&fs::read(out.join("summary.json")).unwrap()).unwrap()
}

fn lines(out: &Path, topic: &str) -> Vec<Value> {
    let text = fs::read_to_string(out.join(format!("{topic}.ndjson"))).unwrap();
    text.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
}

/// Keys and values of all outputs (headers hold positions), and the summary without what was measured.
fn outputs(out: &Path) -> Outputs {
    let mut outputs = Outputs::new();
    for topic in ["score-changes", "scores", "cascades", "alerts", "rejects"] {
        let mut text = String::new();
        for line in lines(out, &format!("influence.{topic}")) {
            writeln!(text, "{} {} {}", line["key"], line["value"], line["value_text"]).unwrap();
        }
        outputs.insert(topic.to_owned(), text);
    }
    let mut summary = summary(out);
    for measured in ["elapsed_seconds", "events_per_second", "peak_memory_bytes"] {
        assert!(summary.as_object_mut().unwrap().remove(measured).is_some(), "{measured}");
    }
    outputs.insert("summary".to_owned(), summary.to_string());
    outputs
}

/// A market of 60 customers who follow each other, buy, review, return and use codes: (topic, event time, line).
fn market() -> Vec<(&'static str, String)> {
    let mut state = 7_u64;
    let mut draw = |bound: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % bound
    };
    let mut events = Vec::new();
    for i in 0..4_000_u64 {
        let at = 1_700_000_000_000 + i * 120_000;
        let (a, b, p) = (draw(60), draw(60), draw(25));
        let head = format!("\"event_id\":\"e{i}\",\"occurred_at\":{at}");
        let bought = format!("\"customer_id\":\"c{a}\",\"product_id\":\"p{p}\",\"category\":\"k{}\"", p % 3);
        let (topic, value) = match draw(10) {
            0..=2 => {
                let followee = if a == b { b + 60 } else { b };
                let ids = format!("\"follower_id\":\"c{a}\",\"followee_id\":\"c{followee}\"");
                let action = if draw(8) == 0 { "unfollow" } else { "follow" };
                ("social.follows", format!("{{{head},{ids},\"action\":\"{action}\"}}"))
            }
            3 => {
                let said =
                    format!("\"author_id\":\"c{a}\",\"platform\":\"x\",\"product_id\":\"p{p}\",\"sentiment\":0.8");
                ("social.mentions", format!("{{{head},{said},\"referral_code\":\"code-{a}\"}}"))
            }
            4 | 5 => ("commerce.reviews", format!("{{{head},{bought},\"rating\":{}}}", 1 + draw(5))),
            6 => {
                let refund = format!("\"order_id\":\"o{}\",\"kind\":\"refund\"", draw(i.max(1)));
                ("commerce.purchases", format!("{{{head},{bought},{refund},\"amount\":\"1.99\",\"currency\":\"EUR\"}}"))
            }
            _ => {
                let order = format!("\"order_id\":\"o{i}\",\"referral_code\":\"code-{b}\"");
                let amount = format!("\"amount\":\"{}.{:02}\",\"currency\":\"EUR\"", draw(90), draw(100));
                ("commerce.purchases", format!("{{{head},{bought},{order},{amount}}}"))
            }
        };
        events.push((topic, format!("{{\"topic\":\"{topic}\",\"value\":{value}}}\n")));
    }
    events
}

fn text<'a>(events: impl IntoIterator<Item = &'a (&'static str, String)>) -> String {
    events.into_iter().map(|(_, line)| line.as_str()).collect()
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn packing_does_not_matter() {
    let folder = Folder::new();
    let market = text(&market());
    let (first, second) = market.as_bytes().split_at(market.len() / 2);
    let plain = folder.write("market.ndjson", market.as_bytes());
    // Told by their first bytes, not their names; gzip files may have several members, zstd files several frames.
    let gz = folder.write("gzipped", &[gzip(first), gzip(second)].concat());
    let frame = |content| zstd::encode_all(content, 1).unwrap();
    let zst = folder.write("zstandard.ndjson", &[frame(first), frame(second)].concat());
    let expected = outputs(&folder.replay(&[&plain], None));
    assert!(expected["score-changes"].lines().count() > 100, "the market moves scores");
    for (files, stdin) in
        [([gz.as_str()], None), ([zst.as_str()], None), (["-"], Some(plain.as_str())), (["-"], Some(&gz))]
    {
        assert_eq!(outputs(&folder.replay(&files, stdin)), expected, "{files:?}");
    }
}

#[test]
fn one_file_per_topic_is_merged_by_event_time() {
    let folder = Folder::new();
    let market = market();
    let whole = folder.write("market.ndjson", text(&market).as_bytes());
    let split: Vec<String> = ["social.follows", "social.mentions", "commerce.reviews", "commerce.purchases"]
        .iter()
        .map(|topic| folder.write(topic, text(market.iter().filter(|(t, _)| t == topic)).as_bytes()))
        .collect();
    let mut files: Vec<&str> = split.iter().map(String::as_str).collect();
    let expected = outputs(&folder.replay(&[&whole], None));
    assert_eq!(outputs(&folder.replay(&files, None)), expected);
    files.reverse();
    assert_eq!(outputs(&folder.replay(&files, None)), expected, "the order of the arguments does not matter");
}

#[test]
fn stdout_has_the_lines_of_all_topics() {
    let folder = Folder::new();
    let plain = folder.write("market.ndjson", text(&market()).as_bytes());
    let run = Command::new(env!("CARGO_BIN_EXE_bellwether")).args(["replay", &plain]).output().unwrap();
    assert!(run.status.success());
    let out = folder.replay(&[&plain], None);
    let mut expected: Vec<String> = Vec::new();
    for topic in ["score-changes", "scores", "cascades", "alerts", "rejects"] {
        let file = fs::read_to_string(out.join(format!("influence.{topic}.ndjson"))).unwrap();
        expected.extend(file.lines().map(str::to_owned));
    }
    let mut lines: Vec<String> = String::from_utf8(run.stdout).unwrap().lines().map(str::to_owned).collect();
    lines.sort();
    expected.sort();
    assert_eq!(lines, expected);
}

/// Exact decimal text in billionths.
fn billionths(text: &Value) -> i128 {
    let text = text.as_str().expect("decimal text");
    let (whole, fraction) = text.split_once('.').expect("a point");
    format!("{whole}{fraction:0<9}").parse().expect("digits")
}

#[test]
fn the_summary_conserves_events_credit_and_revenue() {
    let folder = Folder::new();
    let market = market();
    let twice = market.iter().chain(&market[3_990..]);
    let summary = summary(&folder.replay(&[&folder.write("market.ndjson", text(twice).as_bytes())], None));
    let adoptions = i128::from(summary["adoptions"].as_u64().expect("a number"));
    let (credit, revenue) = (&summary["credit"], &summary["revenue"]);
    assert!(adoptions > 100 && billionths(&credit["direct"]) > 0, "{summary}");
    assert_eq!(billionths(&credit["direct"]) + billionths(&credit["organic"]), adoptions * 1_000_000_000, "{summary}");
    assert!(billionths(&revenue["direct"]) > 0, "{summary}");
    assert_eq!(
        billionths(&revenue["direct"]) + billionths(&revenue["organic"]),
        billionths(&revenue["total"]),
        "{summary}"
    );
    let mut read = 0;
    for (topic, fates) in summary["events"].as_object().expect("by topic") {
        let rejected: u64 = fates["rejected"].as_object().unwrap().values().filter_map(Value::as_u64).sum();
        let [all, applied, duplicate] = ["read", "applied", "duplicate"].map(|fate| fates[fate].as_u64().unwrap());
        assert_eq!(all, applied + duplicate + rejected, "{topic}: {fates}");
        read += all;
    }
    assert_eq!(read, 4_010);
    assert!(summary["events"]["commerce.purchases"]["rejected"]["unknown_order"].as_u64() > Some(0), "{summary}");
}

#[test]
fn what_is_no_event_is_rejected_with_a_reason_and_kept() {
    let folder = Folder::new();
    let good = text(&market()[..50]);
    let bad: [(&[u8], &str, &str); 6] = [
        (b"no json", "bad_envelope", "\"value_text\":\"no json\""),
        (b"\xff\xfe", "bad_envelope", "\"value_base64\":\"//4=\""),
        (b"{\"topic\":\"social.follows\"}", "bad_envelope", "\"value\":{\"topic\":\"social.follows\"}"),
        (b"{\"topic\":\"a.b\",\"value\":{}}", "unknown_topic", "\"value\":{\"topic\":\"a.b\",\"value\":{}}"),
        (b"{\"topic\":\"social.follows\",\"value\":null}", "tombstone", "\"value\":null"),
        (b"{\"topic\":\"social.follows\",\"key\":\"k\",\"value\":[ 1 ]}", "not_an_object", "\"value\":[ 1 ]}"),
    ];
    let mut content = good.clone().into_bytes();
    for (line, _, _) in bad {
        content.extend_from_slice(line);
        content.extend_from_slice(b"\r\n\n");
    }
    let out = folder.replay(&[&folder.write("bad.ndjson", &content)], None);
    let rejects = fs::read_to_string(out.join("influence.rejects.ndjson")).unwrap();
    for (line, reason, kept) in bad {
        let shown = String::from_utf8_lossy(line);
        let has = |reject: &&str| reject.contains(&format!("reject.reason\":\"{reason}\"")) && reject.contains(kept);
        assert_eq!(rejects.lines().filter(has).count(), 1, "{shown}: {rejects}");
    }
    let summary = summary(&out);
    assert_eq!(summary["lines_rejected"], serde_json::json!({"bad_envelope": 3, "unknown_topic": 1}));
    // The good ones score as if alone.
    let alone = outputs(&folder.replay(&[&folder.write("good.ndjson", good.as_bytes())], None));
    assert_eq!(outputs(&out)["score-changes"], alone["score-changes"]);
}
