//! The configuration: shipped files, errors (all at once), environment, secrets, fingerprint.
// .clippy.toml allows it in #[test] functions, but not in what they share.
#![allow(clippy::unwrap_used)]

use bellwether::config::{Config, ConfigError, SHIPPED_ENGINE, SHIPPED_RUNTIME, Source};
use bellwether::engine::{Attribution, Params};
use bellwether::wire::DecodeOptions;
use std::fs;

type Environment<'a> = &'a [(&'a str, &'a str)];

/// Loads two texts as files, the first naming the second.
fn load(runtime: &str, engine: &str, environment: Environment<'_>) -> Result<Config, Vec<ConfigError>> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("runtime.toml");
    fs::write(&path, format!("engine = \"engine.toml\"\n{runtime}")).unwrap();
    fs::write(directory.path().join("engine.toml"), engine).unwrap();
    fs::write(directory.path().join("token"), "a-token-from-a-file\n").unwrap();
    let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Config::load(Some(&path), environment)
}

fn engine(text: &str) -> Config {
    load("", text, &[]).expect(text)
}

/// The only error of a configuration has this path and this in its message.
fn check(loaded: Result<Config, Vec<ConfigError>>, case: &str, path: &str, fragment: &str) {
    let errors = loaded.map(|_| ()).expect_err(case);
    assert_eq!(errors.len(), 1, "{case}: {errors:?}");
    assert_eq!(errors[0].path, path, "{case}");
    assert!(errors[0].message.contains(fragment), "{case}: {} should contain {fragment}", errors[0].message);
}

#[test]
fn mistakes_in_the_engine_file_are_named() {
    for (text, path, fragment) in [
        ("score.reach.weight = 6", "score", "sum to 101, they must sum to 100"),
        (
            "score.reach = { weight = -5, half = 5 }",
            "score.reach.weight",
            "found -5, allowed is a number from 0 to 100",
        ),
        ("score.reach.weight = 5.005", "score.reach.weight", "found 5.005, allowed are at most two decimals"),
        ("score.reach.half = 0", "score.reach.half", "found 0"),
        ("score.reach.half = nan", "score.reach.half", "found nan"),
        ("score.reach.half_life_days = -1", "score.reach.half_life_days", "found -1"),
        ("score.reach.half_life_day = 1", "score.reach.half_life_day", "did you mean `half_life_days`?"),
        ("score.popularity.weight = 1", "score.popularity", "unknown key (known here: "),
        (
            "credit.attribution = \"shapley\"",
            "credit.attribution",
            "allowed is \"time_decayed\", \"equal\", \"last_touch\"",
        ),
        ("credit.attribution = 1", "credit.attribution", "found 1"),
        ("credit.hop_damping = 1.5", "credit.hop_damping", "from 0 to 1"),
        ("credit.tau_days_by_category.wine = 0", "credit.tau_days_by_category.wine", "found 0"),
        ("exposure.window_days = \"14\"", "exposure.window_days", "found \"14\""),
        ("exposure.window_days = 91", "adoption.memory_days", "exposure.window_days (91)"),
        ("exposure = 14", "exposure", "found 14, allowed is a table"),
        ("adoption.review_adopts = 1", "adoption.review_adopts", "true or false"),
        ("order.tick_ms = 0.5", "order.tick_ms", "a whole number"),
        ("order.tick_ms = 7", "score.decay_tick_minutes", "multiple of order.tick_ms (7)"),
        ("order.disorder_seconds.\"social.follow\" = 1", "order.disorder_seconds.social.follow", "`social.follows`"),
        ("currency.reporting = \"eur\"", "currency.reporting", "three capital letters"),
        ("currency.rates.USD = 0.92", "currency.rates.USD", "in quotes, like \"0.92\""),
        ("currency.rates.USD = \"0.00\"", "currency.rates.USD", "positive decimal"),
        ("currency.rates.EUR = \"1\"", "currency.rates.EUR", "has no rate"),
        ("currency.rates.Dollar = \"1\"", "currency.rates.Dollar", "found the currency \"Dollar\""),
        ("layers.critic_polarity = -30", "layers.critic_polarity", "from -1 to 1"),
        (
            "input.mapping.\"social.follows\".follower_id = 3",
            "input.mapping.social.follows.follower_id",
            "a path in quotes",
        ),
        ("input.mapping.\"social.follows\".nobody_id = \"$.a\"", "input", "nobody_id"),
        ("input.mapping.\"social.follows\".follower_id = \"$.a[\"", "input", "mapping of social.follows"),
        ("tick_ms = ", "", "expected"),
    ] {
        check(load("", text, &[]), text, path, fragment);
    }
}

#[test]
fn mistakes_in_the_runtime_file_are_named() {
    for (text, path, fragment) in [
        ("kafka.brokers = \"localhost\"", "kafka.brokers", "host:port"),
        ("kafka.broker = \"localhost:9092\"", "kafka.broker", "did you mean `brokers`?"),
        ("kafka.group = \"\"", "kafka.group", "not empty"),
        (
            "kafka.client.sasl.password = \"hush\"",
            "kafka.client.sasl.password",
            "BELLWETHER_KAFKA__CLIENT__SASL_PASSWORD",
        ),
        ("kafka.client.\"ssl.key.password\" = \"hush\"", "kafka.client.ssl.key.password", "SSL_KEY_PASSWORD"),
        ("kafka.client.\"group.id\" = \"g\"", "kafka.client.group.id", "use kafka.group"),
        ("kafka.client.\"acks\" = 1", "kafka.client.acks", "always all"),
        ("kafka.client.debug = [1]", "kafka.client.debug", "found [1]"),
        ("topics.\"social.follow\" = \"a\"", "topics.social.follow", "did you mean `social.follows`?"),
        ("topics.\"social.follows\" = \"a b\"", "topics.social.follows", "dots, dashes"),
        (
            "topics.\"social.follows\" = \"commerce.reviews\"",
            "topics.commerce.reviews",
            "is the topic of social.follows",
        ),
        ("epoch.max_ms = 0", "epoch.max_ms", "from 1 to 60000"),
        ("epoch.max_records = true", "epoch.max_records", "found true"),
        ("http.listen = \"0.0.0.0:8080\"", "http.listen", "a token is needed"),
        ("http.listen = \"8080\"", "http.listen", "address:port"),
        ("http.token = \"hush-hush-hush-hush\"", "http.token", "BELLWETHER_HTTP__TOKEN"),
        ("http.token_file = \"nowhere\"", "http.token_file", "cannot read"),
        ("snapshot.directory = 3", "snapshot.directory", "text in quotes"),
        ("limits.reorder_records = 1", "limits.reorder_records", "from 1000"),
        ("kafkas = 1", "kafkas", "did you mean `kafka`?"),
    ] {
        let loaded = load(text, "", &[]);
        if let Err(errors) = &loaded {
            assert!(!format!("{errors:?}").contains("hush"), "{text}: a secret is printed");
        }
        check(loaded, text, path, fragment);
    }
}

#[test]
fn mistakes_in_the_environment_name_the_variable() {
    for (variable, value, path, fragment) in [
        ("BELLWETHER_EPOCH__MAX_MS", "soon", "epoch.max_ms", "found \"soon\""),
        ("BELLWETHER_KAFKA__BROKER", "a:1", "kafka.broker", "did you mean `kafka.brokers`?"),
        ("BELLWETHER_TOPICS__SOCIAL_LIKES", "a", "topics.social_likes", "unknown topic"),
        ("BELLWETHER_SCORE__STEP_POINTS", "2", "score.step_points", "unknown setting"),
    ] {
        let loaded = load("", "", &[(variable, value)]);
        assert!(loaded.as_ref().is_err_and(|errors| errors[0].file.ends_with(variable)), "{variable}: {loaded:?}");
        check(loaded, variable, path, fragment);
    }
}

#[test]
fn all_mistakes_are_reported_at_once() {
    let runtime = "epoch = { max_ms = 0, max_recods = 1 }\nkafka.brokers = 1";
    let engine = "credit = { hop_damping = 2, atribution = \"equal\" }\nscore.reach.weight = 7";
    let errors = load(runtime, engine, &[("BELLWETHER_HTTP__LISTEN", "[::]:80")]).expect_err("everything is wrong");
    let mut paths: Vec<&str> = errors.iter().map(|error| error.path.as_str()).collect();
    paths.sort_unstable();
    let expected = [
        "credit.atribution",
        "credit.hop_damping",
        "epoch.max_ms",
        "epoch.max_recods",
        "http.listen",
        "kafka.brokers",
        "score",
    ];
    assert_eq!(paths, expected);
}

#[test]
fn a_missing_file_is_an_error_with_its_name() {
    let missing = Config::load(Some("no/such/runtime.toml".as_ref()), []).expect_err("missing");
    assert!(missing[0].to_string().starts_with("no/such/runtime.toml: cannot be read"), "{missing:?}");
}

#[test]
fn the_shipped_files_are_the_defaults_and_name_every_key() {
    let shipped = load(&SHIPPED_RUNTIME.replace("engine = ", "# engine = "), SHIPPED_ENGINE, &[]).expect("shipped");
    let empty = load("", "", &[]).expect("empty");
    assert_eq!(shipped, empty);
    assert_eq!(shipped, Config::default());

    let mut defaults = Params::default();
    defaults.layers.macro_audience_by_platform.sort();
    assert_eq!(shipped.engine, defaults);
    assert_eq!(shipped.decode, DecodeOptions::default());

    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/config/runtime.toml");
    let (_, settings) = Config::inspect(Some(path.as_ref()), []).expect("shipped");
    // A secret's file has no default that could be shipped.
    let unnamed: Vec<&str> = settings
        .iter()
        .filter(|setting| setting.source == Source::Default && setting.path != "http.token_file")
        .map(|setting| setting.path.as_str())
        .collect();
    assert_eq!(unnamed, [""; 0], "the shipped files explain every key");
}

#[test]
fn settings_reach_the_options() {
    let config = engine(
        "exposure.window_days = 0.5\ncredit.attribution = \"equal\"\ncurrency.rates.USD = \"0.92\"
        credit.tau_days_by_category.wine = 2\nscore = { step_points = 2.5 }
        [input.mapping.\"social.follows\"]\nfollower_id = \"$.user.id\"",
    );
    assert_eq!(config.engine.window_ms, 43_200_000);
    assert_eq!(config.engine.attribution, Attribution::Equal);
    assert_eq!(config.engine.tau_by_category_ms, [("wine".to_owned(), 172_800_000)]);
    assert_eq!(config.engine.step.0, 250);
    assert_eq!(config.decode.rates, [("USD".to_owned(), "0.92".to_owned())]);
    let mapping = config.decode.mappings[0].as_ref().expect("a mapping");
    assert_eq!(mapping.paths, [("follower_id".to_owned(), "$.user.id".to_owned())]);
}

#[test]
fn the_environment_overrides_the_runtime_file() {
    let runtime = "kafka.brokers = \"file:1\"\nepoch.max_ms = 5\n[topics]\nsocial.follows = \"file.follows\"";
    let environment: Environment<'_> = &[
        ("BELLWETHER_KAFKA__BROKERS", "a:1, b:2"),
        ("BELLWETHER_EPOCH__MAX_RECORDS", "7"),
        ("BELLWETHER_TOPICS__INFLUENCE_SCORE_CHANGES", "env.changes"),
        ("BELLWETHER_KAFKA__CLIENT__SASL_PASSWORD", "hush"),
        ("BELLWETHER_HTTP__LISTEN", "0.0.0.0:80"),
        ("BELLWETHER_HTTP__TOKEN", "hush-hush-hush-hush"),
        // Set by orchestrators for a service of this name.
        ("BELLWETHER_PORT", "tcp://10.0.0.1:80"),
    ];
    let config = load(runtime, "", environment).expect("valid");
    let runtime = &config.runtime;
    assert_eq!(runtime.kafka.brokers, "a:1, b:2");
    assert_eq!((runtime.epoch.max.as_millis(), runtime.epoch.max_records), (5, 7));
    assert_eq!(runtime.topics.inputs[0], "file.follows");
    assert_eq!(runtime.topics.outputs[0], "env.changes");
    assert_eq!(runtime.kafka.client, [("sasl.password".to_owned(), "hush".to_owned())]);
    assert_eq!(runtime.http.token.as_deref(), Some("hush-hush-hush-hush"));
    let printed = format!("{config:?}");
    assert!(!printed.contains("hush") && printed.contains("(secret)"), "{printed}");
}

#[test]
fn a_token_can_come_from_a_file() {
    let config = load("http = { listen = \"0.0.0.0:80\", token_file = \"token\" }", "", &[]).expect("valid");
    assert_eq!(config.runtime.http.token.as_deref(), Some("a-token-from-a-file"));
}

#[test]
fn the_fingerprint_follows_the_meaning_of_the_engine_file_alone() {
    let shipped = engine(SHIPPED_ENGINE).fingerprint;
    assert_eq!(shipped.len(), 16);
    for same in ["", "# a comment", "exposure.window_days = 14.0", "order.tick_ms = 1_00"] {
        assert_eq!(engine(same).fingerprint, shipped, "{same}");
    }
    let reordered = engine("cascade.size = 6\nexposure.window_days = 7");
    assert_eq!(reordered.fingerprint, engine("exposure.window_days = 7\ncascade.size = 6").fingerprint);
    let mut others = vec![shipped.clone(), reordered.fingerprint];
    for other in [
        "exposure.window_days = 15",
        "currency.rates.USD = \"1\"",
        "currency.reporting = \"USD\"",
        "layers.macro_audience_by_platform.tiktok = 1",
        "input.mapping.\"social.follows\".follower_id = \"$.a\"",
    ] {
        others.push(engine(other).fingerprint);
    }
    let distinct: std::collections::HashSet<&String> = others.iter().collect();
    assert_eq!(distinct.len(), others.len(), "{others:?}");
    assert_eq!(load("epoch.max_ms = 1", "", &[]).expect("valid").fingerprint, shipped);
}
