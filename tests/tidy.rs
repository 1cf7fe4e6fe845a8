//! The rules of the house that a compiler does not hold: which room may name what, and why. Plain text scanning, with
//! comments and the contents of strings left out; a word matches as a whole path, so `std::time` also forbids
//! `std::time::Instant`, but `serde` does not forbid `serde_json`.

use std::fs;
use std::path::{Path, PathBuf};

/// Words that no file of `within` may name, except the files of `except`. Paths are relative to the package and end in `/`
/// or a full name, or are a beginning of one.
struct Rule {
    within: &'static [&'static str],
    except: &'static [&'static str],
    forbidden: &'static [&'static str],
    /// Whether the rule also holds in `#[cfg(test)]` modules.
    in_tests: bool,
    because: &'static str,
}

const RULES: &[Rule] = &[
    Rule {
        within: &["src/engine/", "src/event/"],
        except: &[],
        forbidden: &["std::time", "Instant", "SystemTime", "jiff"],
        in_tests: false,
        because: "time is an argument: the engine's only time is the events' and the watermark",
    },
    Rule {
        within: &["src/engine/", "src/event/"],
        except: &[],
        forbidden: &[
            "std::fs",
            "std::io",
            "std::net",
            "std::env",
            "std::thread",
            "std::process",
            "println",
            "eprintln",
        ],
        in_tests: false,
        because: "the engine is pure: what it depends on is in its arguments, what it does is in its effects",
    },
    Rule {
        within: &["src/engine/", "src/event/"],
        except: &[],
        forbidden: &["tokio", "tracing", "serde", "serde_json", "rdkafka", "rand", "prometheus", "dashmap", "anyhow"],
        in_tests: false,
        because: "the engine names std, its nouns, libm and hashing only, so that it gives the same bytes anywhere",
    },
    Rule {
        within: &["src/engine/"],
        except: &[],
        forbidden: &[
            ".exp",
            ".exp2",
            ".exp_m1",
            ".ln",
            ".ln_1p",
            ".log",
            ".log2",
            ".log10",
            ".powf",
            ".powi",
            ".cbrt",
            "f64::exp",
            "f64::exp2",
            "f64::ln",
            "f64::powf",
            "f64::powi",
            "f64::log2",
            "f64::ln_1p",
            ".mul_add",
        ],
        in_tests: false,
        because: "std's transcendental functions may differ between platforms: take libm's or the engine's own tables",
    },
    Rule {
        within: &["src/engine/"],
        except: &[],
        forbidden: &["std::collections::HashMap", "std::collections::HashSet", "RandomState", "std::hash"],
        in_tests: false,
        because: "a randomly seeded map has another order in every run: take hashbrown, and never its order",
    },
    Rule {
        within: &["src/engine/"],
        except: &[],
        forbidden: &["crate::wire", "crate::runtime", "crate::config", "crate::view", "crate::http", "crate::metrics"],
        in_tests: false,
        because: "the engine knows its nouns and nobody around it",
    },
    Rule {
        within: &["src/"],
        except: &["src/runtime/kafka", "src/runtime/broker", "src/runtime/embedded"],
        forbidden: &["rdkafka"],
        in_tests: true,
        because: "one place knows the client library and its traps; the rest could run on another",
    },
    Rule {
        within: &["src/"],
        except: &[
            "src/wire/",
            "src/http",
            "src/simulate/",
            "src/runtime/files",
            "src/evaluate",
            "src/runtime/journal",
            "src/runtime/summary",
            "src/cli",
            "src/demo",
        ],
        forbidden: &["serde_json"],
        in_tests: false,
        because: "JSON is the wire's affair; beside it only what writes documents for people: API, ground truth, summaries",
    },
    Rule {
        within: &["src/"],
        except: &["src/view"],
        forbidden: &["dashmap", "DashMap"],
        in_tests: true,
        because: "there is one writer, and readers must see whole epochs: only the view hides a concurrent map",
    },
    Rule {
        within: &["src/"],
        except: &[
            "src/runtime/progress",
            "src/main.rs",
            "src/cli",
            "src/simulate/",
            "src/http",
            "src/demo",
            "src/metrics",
        ],
        forbidden: &["SystemTime"],
        in_tests: false,
        because: "the data path has one wall clock, in progress, and its decisions are journalled",
    },
    Rule { within: &["src/"], except: &[], forbidden: &["unsafe"], in_tests: true, because: "nothing here needs it" },
    Rule {
        within: &["src/"],
        except: &[],
        forbidden: &["todo!", "unimplemented!", "dbg!"],
        in_tests: true,
        because: "what is on the main branch is finished",
    },
    Rule {
        within: &["src/"],
        except: &[],
        forbidden: &[".unwrap"],
        in_tests: false,
        because: "say with `expect` why it cannot fail, or return the error",
    },
    Rule {
        within: &["src/"],
        except: &["src/main.rs"],
        forbidden: &["anyhow"],
        in_tests: false,
        because: "errors inside have a type and one fate each; only main collects them",
    },
    Rule {
        within: &["tests/", "src/"],
        except: &[],
        forbidden: &["#[ignore"],
        in_tests: true,
        because: "a test that does not run tests nothing",
    },
];

/// Crates that the engine and the nouns may name.
const PURE: &[&str] =
    &["std", "crate", "super", "self", "libm", "hashbrown", "xxhash_rust", "compact_str", "smallvec", "proptest"];

const MOST_LINES: usize = 500;

#[test]
fn every_room_names_only_what_it_may() {
    let mut wrong = String::new();
    for (path, code) in sources(&["src", "tests"]) {
        for rule in RULES.iter().filter(|r| starts(&path, r.within) && !starts(&path, r.except)) {
            for (number, line) in code.iter().filter(|line| rule.in_tests || !line.in_test).map(|l| (l.number, &l.code))
            {
                for word in rule.forbidden.iter().filter(|word| names(line, word)) {
                    wrong.push_str(&format!("{path}:{number} names {word}: {}\n", rule.because));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

#[test]
fn the_engine_imports_pure_crates_only() {
    let mut wrong = String::new();
    for (path, code) in sources(&["src"]).into_iter().filter(|(p, _)| starts(p, &["src/engine/", "src/event/"])) {
        let mut modules: Vec<String> = Vec::new();
        for line in &code {
            let line = line.code.trim();
            if let Some(module) = line.strip_prefix("mod ").or(line.strip_prefix("pub mod ")) {
                modules.push(module.trim_end_matches([';', ' ', '{']).to_owned());
            }
        }
        for line in &code {
            let text = line.code.trim();
            let Some(import) = text.strip_prefix("use ").or(text.strip_prefix("pub use ")) else { continue };
            let first = import.split([':', ';', ' ']).next().unwrap_or_default();
            if !PURE.contains(&first) && !modules.iter().any(|m| m == first) {
                wrong.push_str(&format!("{path}:{} imports {first}, which is none of {PURE:?}\n", line.number));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

/// Money is whole ten-thousandths. Floats may be made of it only to draw it or to invent it.
#[test]
fn money_is_never_a_float() {
    let mut wrong = String::new();
    for (path, code) in sources(&["src"]).into_iter().filter(|(p, _)| !starts(p, &["src/simulate/", "src/metrics"])) {
        for line in code.iter().filter(|line| !line.in_test) {
            let amounts = ["amount", "revenue", "Money", "paid", "own", "influenced_direct", "influenced_indirect"];
            for amount in amounts {
                for float in ["f64", "f32"] {
                    if line.code.contains(&format!("{amount}.0 as {float}")) {
                        wrong.push_str(&format!("{path}:{} makes a float of money ({amount})\n", line.number));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

#[test]
fn a_file_is_a_room_not_a_hall() {
    let long: Vec<String> = files(&["src"])
        .into_iter()
        .map(|path| (fs::read_to_string(&path).expect("a source is text").lines().count(), path))
        .filter(|(lines, _)| *lines > MOST_LINES)
        .map(|(lines, path)| format!("{}: {lines} lines", path.display()))
        .collect();
    assert!(long.is_empty(), "more than {MOST_LINES} lines do not fit a head: {long:#?}");
}

#[test]
fn nothing_is_left_to_mend() {
    let mark = ["FIX", "ME"].concat();
    let left: Vec<PathBuf> = files(&["src", "tests"])
        .into_iter()
        .filter(|path| fs::read_to_string(path).expect("a source is text").contains(&mark))
        .collect();
    assert!(left.is_empty(), "an open end belongs into an issue: {left:?}");
}

#[test]
fn words_match_as_whole_paths() {
    assert!(names("use serde::Deserialize;", "serde") && !names("use serde_json::Value;", "serde"));
    assert!(names("x.exp()", ".exp") && !names("x.expect(why)", ".exp"));
    assert!(names("let t = std::time::Instant::now();", "std::time"));
    assert!(!names("let operand = 1;", "rand") && !names("y.operands()", "rand"));
    assert!(names("a.unwrap()", ".unwrap") && !names("a.unwrap_or(b)", ".unwrap"));
}

#[test]
fn comments_and_strings_are_no_code() {
    let code = strip("let a = \"unsafe // \\\" {\"; // todo!\n/* rand */ let c = '\"'; b::<'static>()\nr#\"rand\"#;");
    let text: Vec<&str> = code.iter().map(|line| line.code.as_str()).collect();
    assert_eq!(text, ["let a = \"\"; ", " let c = ' '; b::<'static>()", "r\"\";"]);
}

#[test]
fn test_modules_are_known() {
    let code = strip("fn a() {}\n#[cfg(test)]\nmod tests {\n    fn b() { if x {} }\n}\nfn c() {}");
    let tests: Vec<bool> = code.iter().map(|line| line.in_test).collect();
    assert_eq!(tests, [false, true, true, true, true, false]);
}

/// A line without comments and contents of strings.
struct Line {
    number: usize,
    code: String,
    /// Inside an item behind `#[cfg(test)]`.
    in_test: bool,
}

fn starts(path: &str, beginnings: &[&str]) -> bool {
    beginnings.iter().any(|beginning| path.starts_with(beginning))
}

/// Whether a line names a word that is not a part of a longer one.
fn names(line: &str, word: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        let begins = !word.starts_with(part) || !before.is_some_and(part);
        let ends = !word.ends_with(part) || !after.is_some_and(part);
        begins && ends
    })
}

fn files(roots: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open: Vec<PathBuf> = roots.iter().map(|r| Path::new(env!("CARGO_MANIFEST_DIR")).join(r)).collect();
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(
                fs::read_dir(&path).expect("a folder can be read").map(|entry| entry.expect("an entry").path()),
            );
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
    found.sort();
    assert!(!found.is_empty(), "no sources below {roots:?}");
    found
}

fn sources(roots: &[&str]) -> Vec<(String, Vec<Line>)> {
    let named = |path: &PathBuf| {
        let relative = path.strip_prefix(env!("CARGO_MANIFEST_DIR")).expect("a source of this package");
        relative.to_string_lossy().into_owned()
    };
    files(roots)
        .iter()
        .map(|p| {
            let mut lines = strip(&fs::read_to_string(p).expect("a source is text"));
            // A file of tests stands behind the `#[cfg(test)]` of its `mod` line.
            let tests = p.ends_with("tests.rs");
            lines.iter_mut().for_each(|line| line.in_test |= tests);
            (named(p), lines)
        })
        .collect()
}

/// The lines of a source without comments and contents of strings.
fn strip(source: &str) -> Vec<Line> {
    let mut code = String::new();
    let mut rest = source;
    while let Some(c) = rest.chars().next() {
        let skip = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            let end = rest.find("*/").map_or(rest.len(), |end| end + 2);
            code.extend(rest[..end].chars().filter(|c| *c == '\n'));
            end
        } else if let Some(hashes) = raw_string(rest, &code) {
            let close = format!("\"{}", "#".repeat(hashes));
            let begin = hashes + 2;
            let end = rest[begin..].find(&close).map_or(rest.len(), |end| begin + end + close.len());
            code.push_str("r\"");
            code.extend(rest[..end].chars().filter(|c| *c == '\n'));
            code.push('"');
            end
        } else if c == '"' {
            let mut end = 1;
            while end < rest.len() && !rest[end..].starts_with('"') {
                let escaped = rest[end..].starts_with('\\');
                end += rest[end..].chars().take(if escaped { 2 } else { 1 }).map(char::len_utf8).sum::<usize>();
            }
            code.push('"');
            code.extend(rest[..end.min(rest.len())].chars().filter(|c| *c == '\n'));
            code.push('"');
            (end + 1).min(rest.len())
        } else if let Some(len) = character(rest) {
            code.push_str("' '");
            len
        } else {
            code.push(c);
            c.len_utf8()
        };
        rest = &rest[skip..];
    }
    marked(&code)
}

/// Number of hashes, if a raw string begins here.
fn raw_string(rest: &str, before: &str) -> Option<usize> {
    let tail = rest.strip_prefix('r')?;
    if before.ends_with(|c: char| c.is_alphanumeric() || c == '_') && !before.ends_with('b') {
        return None;
    }
    let hashes = tail.chars().take_while(|c| *c == '#').count();
    tail[hashes..].starts_with('"').then_some(hashes)
}

/// Length of the character literal that begins here; a lifetime is none.
fn character(rest: &str) -> Option<usize> {
    let inner = rest.strip_prefix('\'')?;
    if inner.starts_with('\\') {
        let end = inner[2..].find('\'')?;
        return Some(end + 4);
    }
    let c = inner.chars().next()?;
    inner[c.len_utf8()..].starts_with('\'').then_some(c.len_utf8() + 2)
}

/// Lines with their numbers, and whether they stand in an item behind `#[cfg(test)]`.
fn marked(code: &str) -> Vec<Line> {
    let mut lines = Vec::new();
    let (mut depth, mut outside): (i32, Option<i32>) = (0, None);
    for (number, line) in (1..).zip(code.lines()) {
        if outside.is_none() && line.contains("#[cfg(test)]") {
            outside = Some(depth);
        }
        let in_test = outside.is_some();
        let (opened, closed) = (line.matches('{').count() as i32, line.matches('}').count() as i32);
        depth += opened - closed;
        let item_ends = (closed > 0 && opened <= closed || line.trim_end().ends_with(';')) && outside == Some(depth);
        if item_ends {
            outside = None;
        }
        lines.push(Line { number, code: line.to_owned(), in_test });
    }
    lines
}
