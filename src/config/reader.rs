//! A reader of TOML that does not stop at the first mistake: every key is asked for by name with what is allowed, every
//! error is collected with its path, and what nobody asked for is an unknown key.
//!
//! serde is not used for it, because it reports one error and goes home; an operator wants all of them at once.

use super::ConfigError;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use toml::{Table, Value};

/// Where an effective value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    Default,
    File(String),
    /// The name of the variable.
    Environment(String),
}

/// One effective setting, for `bellwether check` and for the fingerprint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// `score.persuasion.weight`.
    pub path: String,
    /// Canonical text; secrets appear as `(secret)`.
    pub value: String,
    pub source: Source,
}

/// A value given by the environment instead of the file.
#[derive(Clone, Debug)]
pub struct Override {
    pub variable: String,
    pub value: String,
}

/// What reading one file found out.
#[derive(Debug, Default)]
pub struct Findings {
    pub errors: Vec<ConfigError>,
    pub settings: Vec<Setting>,
    /// Overridden paths that some key took up.
    pub taken_overrides: BTreeSet<String>,
}

/// One TOML file with the overrides that apply to it.
pub struct Document {
    /// As shown to people.
    pub file: String,
    pub overrides: BTreeMap<String, Override>,
    findings: RefCell<Findings>,
}

impl Document {
    pub fn new(file: &str, overrides: BTreeMap<String, Override>) -> Self {
        Document { file: file.to_owned(), overrides, findings: RefCell::default() }
    }

    /// Parses `text`; if it is no TOML at all, that is the finding and every key is at its default.
    pub fn root(&self, text: &str) -> Section<'_> {
        let table = text.parse::<Table>().unwrap_or_else(|error| {
            self.error("", error.to_string().trim_end().to_owned());
            Table::new()
        });
        Section { document: self, path: String::new(), table, known: Vec::new() }
    }

    /// Reports an error at `path`, against the variable if the value came from one.
    pub fn error(&self, path: &str, message: String) {
        let file = match self.overrides.get(path) {
            Some(given) => format!("environment variable {}", given.variable),
            None => self.file.clone(),
        };
        self.findings.borrow_mut().errors.push(ConfigError { file, path: path.to_owned(), message });
    }

    /// Everything found, with the variables that no key took up as errors.
    pub fn finish(self) -> Findings {
        let unused: Vec<_> = {
            let findings = self.findings.borrow();
            self.overrides.keys().filter(|path| !findings.taken_overrides.contains(*path)).cloned().collect()
        };
        for path in unused {
            let known: Vec<String> = self.findings.borrow().settings.iter().map(|s| s.path.clone()).collect();
            self.error(&path, format!("unknown setting{}", did_you_mean(&path, &known)));
        }
        self.findings.into_inner()
    }
}

/// A table of the file while it is being read. Call [`Section::finish`] when all its keys were asked for.
pub struct Section<'a> {
    document: &'a Document,
    path: String,
    table: Table,
    known: Vec<String>,
}

impl<'a> Section<'a> {
    /// The table `key`, empty if the file has none.
    pub fn section(&mut self, key: &str) -> Section<'a> {
        self.known.push(key.to_owned());
        let path = self.path_of(key);
        let table = match self.table.remove(key) {
            None => Table::new(),
            Some(Value::Table(table)) => table,
            Some(other) => {
                self.document.error(&path, format!("found {}, allowed is a table", shown(&other)));
                Table::new()
            }
        };
        Section { document: self.document, path, table, known: Vec::new() }
    }

    /// A whole number.
    pub fn integer(&mut self, key: &str, default: i64, allowed: RangeInclusive<i64>) -> i64 {
        let (value, source) = self.take(key);
        let number = match &value {
            None => Some(default),
            Some(Value::Integer(number)) => Some(*number),
            Some(Value::String(text)) if matches!(source, Source::Environment(_)) => text.replace('_', "").parse().ok(),
            Some(_) => None,
        };
        let accepted = number.filter(|number| allowed.contains(number));
        if accepted.is_none() {
            let found = value.as_ref().map_or_else(|| default.to_string(), shown);
            let expected = format!("a whole number from {} to {}", allowed.start(), allowed.end());
            self.error(key, format!("found {found}, allowed is {expected}"));
        }
        let number = accepted.unwrap_or(default);
        self.record(key, number.to_string(), source);
        number
    }

    /// [`Section::integer`] for sizes and counts.
    pub fn count(&mut self, key: &str, default: usize, allowed: RangeInclusive<usize>) -> usize {
        let range = *allowed.start() as i64..=*allowed.end() as i64;
        self.integer(key, default as i64, range) as usize
    }

    /// A number, whole or not.
    pub fn number(&mut self, key: &str, default: f64, allowed: RangeInclusive<f64>) -> f64 {
        let (number, source) = self.checked_number(key, default, &allowed);
        self.record(key, number.to_string(), source);
        number
    }

    /// A time span written in units of `unit_ms` (which the key's name ends with), as milliseconds.
    pub fn span_ms(&mut self, key: &str, default_ms: i64, unit_ms: i64, allowed: RangeInclusive<f64>) -> i64 {
        let (number, source) = self.checked_number(key, default_ms as f64 / unit_ms as f64, &allowed);
        let ms = (number * unit_ms as f64).round() as i64;
        self.record(key, format!("{ms} ms"), source);
        ms
    }

    /// `true` or `false`.
    pub fn flag(&mut self, key: &str, default: bool) -> bool {
        let (value, source) = self.take(key);
        let flag = match value {
            None => default,
            Some(Value::Boolean(flag)) => flag,
            Some(other) => {
                self.error(key, format!("found {}, allowed is true or false", shown(&other)));
                default
            }
        };
        self.record(key, flag.to_string(), source);
        flag
    }

    /// One of a few names.
    pub fn choice<T: Copy>(&mut self, key: &str, default: &'static str, choices: &[(&'static str, T)]) -> T {
        let (value, source) = self.take(key);
        let name = match &value {
            None => default,
            Some(Value::String(text)) => text.as_str(),
            Some(_) => "",
        };
        let found = choices.iter().find(|(choice, _)| *choice == name).unwrap_or_else(|| {
            let names: Vec<String> = choices.iter().map(|(choice, _)| format!("\"{choice}\"")).collect();
            let shown = value.as_ref().map_or_else(String::new, shown);
            self.error(key, format!("found {shown}, allowed is {}", names.join(", ")));
            &choices[0]
        });
        self.record(key, found.0.to_owned(), source);
        found.1
    }

    /// Text for which `valid` says what is allowed instead, if it is not.
    pub fn text(&mut self, key: &str, default: &str, valid: impl Fn(&str) -> Result<(), String>) -> String {
        let (value, source) = self.take(key);
        let text = match value {
            None => default.to_owned(),
            Some(Value::String(text)) => match valid(&text) {
                Ok(()) => text,
                Err(allowed) => {
                    self.error(key, format!("found \"{text}\", allowed is {allowed}"));
                    default.to_owned()
                }
            },
            Some(other) => {
                self.error(key, format!("found {}, allowed is text in quotes", shown(&other)));
                default.to_owned()
            }
        };
        self.record(key, text.clone(), source);
        text
    }

    /// A secret: taken from the environment only; written in the file it is an error that says where it belongs.
    pub fn secret(&mut self, key: &str, instead: &str) -> Option<String> {
        let (value, source) = self.take(key);
        match (value, &source) {
            (Some(Value::String(text)), Source::Environment(_)) => {
                self.record(key, "(secret)".to_owned(), source);
                Some(text)
            }
            (Some(_), _) => {
                self.error(key, format!("a secret does not belong in this file: {instead}"));
                None
            }
            (None, _) => None,
        }
    }

    /// All keys of a table whose keys are names (`[topics]`, `[kafka.client]`), sorted, the environment's included.
    /// `a.b = 1` and `"a.b" = 1` are the same. The caller records what it uses.
    pub fn entries(&mut self) -> BTreeMap<String, (Value, Source)> {
        let mut found = BTreeMap::new();
        flatten("", std::mem::take(&mut self.table), &mut found);
        let file = self.document.file.clone();
        let mut entries: BTreeMap<_, _> =
            found.into_iter().map(|(key, value)| (key, (value, Source::File(file.clone())))).collect();
        let prefix = format!("{}.", self.path);
        for (path, given) in &self.document.overrides {
            if let Some(key) = path.strip_prefix(&prefix) {
                self.document.findings.borrow_mut().taken_overrides.insert(path.clone());
                let value = Value::String(given.value.clone());
                entries.insert(key.to_owned(), (value, Source::Environment(given.variable.clone())));
            }
        }
        entries
    }

    /// Reports an error at `key` of this table.
    pub fn error(&self, key: &str, message: String) {
        self.document.error(&self.path_of(key), message);
    }

    /// Notes the effective value of a key.
    pub fn record(&self, key: &str, value: String, source: Source) {
        let path = self.path_of(key);
        self.document.findings.borrow_mut().settings.push(Setting { path, value, source });
    }

    /// Reports every key that nobody asked for.
    pub fn finish(self) {
        for (key, _) in &self.table {
            self.error(key, format!("unknown key{}", did_you_mean(key, &self.known)));
        }
    }

    fn checked_number(&mut self, key: &str, default: f64, allowed: &RangeInclusive<f64>) -> (f64, Source) {
        let (value, source) = self.take(key);
        let number = match &value {
            None => Some(default),
            Some(Value::Integer(number)) => Some(*number as f64),
            Some(Value::Float(number)) => Some(*number),
            Some(Value::String(text)) if matches!(source, Source::Environment(_)) => text.parse().ok(),
            Some(_) => None,
        };
        // A range contains no NaN.
        if let Some(number) = number.filter(|number| allowed.contains(number)) {
            return (number, source);
        }
        let found = value.as_ref().map_or_else(|| default.to_string(), shown);
        self.error(key, format!("found {found}, allowed is a number from {} to {}", allowed.start(), allowed.end()));
        (default, source)
    }

    fn take(&mut self, key: &str) -> (Option<Value>, Source) {
        self.known.push(key.to_owned());
        let path = self.path_of(key);
        let written = self.table.remove(key);
        if let Some(given) = self.document.overrides.get(&path) {
            self.document.findings.borrow_mut().taken_overrides.insert(path);
            return (Some(Value::String(given.value.clone())), Source::Environment(given.variable.clone()));
        }
        let source = if written.is_some() { Source::File(self.document.file.clone()) } else { Source::Default };
        (written, source)
    }

    fn path_of(&self, key: &str) -> String {
        match (self.path.is_empty(), key.is_empty()) {
            (true, _) => key.to_owned(),
            (false, true) => self.path.clone(),
            (false, false) => format!("{}.{key}", self.path),
        }
    }
}

/// A value as the operator wrote it, shortened.
pub fn shown(value: &Value) -> String {
    let text = match value {
        Value::Table(_) => "a table".to_owned(),
        other => other.to_string(),
    };
    if text.chars().count() > 60 { text.chars().take(57).chain("...".chars()).collect() } else { text }
}

/// ` (did you mean …?)` if a known name is close enough to be a slip of the finger.
pub fn did_you_mean(found: &str, known: &[String]) -> String {
    let nearest = known.iter().map(|name| (edits(found, name), name)).min();
    match nearest {
        Some((distance, name)) if distance <= 1 + name.len() / 4 => format!(" (did you mean `{name}`?)"),
        _ => format!(" (known here: {})", known.join(", ")),
    }
}

fn flatten(prefix: &str, table: Table, found: &mut BTreeMap<String, Value>) {
    for (key, value) in table {
        let path = if prefix.is_empty() { key } else { format!("{prefix}.{key}") };
        match value {
            Value::Table(inner) => flatten(&path, inner, found),
            value => {
                found.insert(path, value);
            }
        }
    }
}

/// Levenshtein distance.
fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}
