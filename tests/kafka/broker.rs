//! A genuine Apache Kafka: fetched by Maven, one KRaft node on free ports, killed when dropped.

use std::fs::{self, File};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const VERSION: &str = "4.3.1";

/// From start to the first answer; measured 4 s on two idle cores.
const PATIENCE: Duration = Duration::from_secs(90);

/// Ends with the value.
pub struct Broker {
    pub address: String,
    child: Child,
    _directory: tempfile::TempDir,
}

impl Drop for Broker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What keeps Kafka from running here, if anything.
pub fn missing_tools() -> Option<String> {
    let works = |tool: &str, flag: &str| {
        Command::new(tool).arg(flag).stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|s| s.success())
    };
    if !works("java", "-version") {
        return Some("no JDK 17".into());
    }
    let fetched = library().join("complete").exists();
    (!fetched && !works("mvn", "-version")).then(|| "no Maven".into())
}

/// `target/kafka-<version>`, beside the test binaries' own directory.
fn library() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("..").join(format!("kafka-{VERSION}"))
}

/// The jars, fetched once; the file `complete` says that all of them arrived.
fn jars() -> Result<PathBuf, String> {
    let directory = library();
    let lib = directory.join("lib");
    if directory.join("complete").exists() {
        return Ok(lib);
    }
    fs::create_dir_all(&directory).map_err(|e| e.to_string())?;
    fs::write(directory.join("pom.xml"), pom()).map_err(|e| e.to_string())?;
    eprintln!("fetching Apache Kafka {VERSION} (44 MB) …");
    let output = format!("-DoutputDirectory={}", lib.display());
    let done = Command::new("mvn")
        .args(["-q", "-B", "dependency:copy-dependencies", &output])
        .current_dir(&directory)
        .output()
        .map_err(|e| format!("mvn: {e}"))?;
    if !done.status.success() {
        return Err(format!("mvn: {}", String::from_utf8_lossy(&done.stdout)));
    }
    fs::write(directory.join("complete"), "").map_err(|e| e.to_string())?;
    Ok(lib)
}

fn pom() -> String {
    let dependency = |group: &str, artifact: &str, version: &str| {
        format!(
            "<dependency><groupId>{group}</groupId><artifactId>{artifact}</artifactId><version>{version}</version></dependency>"
        )
    };
    format!(
        "<project xmlns=\"http://maven.apache.org/POM/4.0.0\"><modelVersion>4.0.0</modelVersion>\
         <groupId>bellwether.test</groupId><artifactId>kafka</artifactId><version>1</version><packaging>pom</packaging>\
         <dependencies>{}{}</dependencies></project>",
        dependency("org.apache.kafka", "kafka_2.13", VERSION),
        dependency("org.slf4j", "slf4j-simple", "1.7.36")
    )
}

impl Broker {
    /// Kafka's process, which the bench measures.
    #[allow(dead_code)]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Fetches, formats, starts, waits until it answers. A port that is taken meanwhile is tried again elsewhere.
    pub fn start() -> Result<Broker, String> {
        let lib = jars()?;
        let mut last = String::new();
        for _ in 0..3 {
            match Broker::try_start(&lib) {
                Ok(broker) => return Ok(broker),
                Err(why) => last = why,
            }
        }
        Err(last)
    }

    fn try_start(lib: &Path) -> Result<Broker, String> {
        let directory = tempfile::tempdir().map_err(|e| e.to_string())?;
        let (port, controller) = (free_port()?, free_port()?);
        let properties = directory.path().join("server.properties");
        let logs = directory.path().join("logs");
        fs::write(&properties, server_properties(port, controller, &logs)).map_err(|e| e.to_string())?;
        let java = |class: &str| {
            let mut command = Command::new("java");
            command.args(["-Xms256m", "-Xmx768m", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp"]);
            command.arg(format!("{}/*", lib.display())).arg(class);
            command
        };
        let id = java("kafka.tools.StorageTool").arg("random-uuid").output().map_err(|e| format!("java: {e}"))?;
        let id = String::from_utf8_lossy(&id.stdout).trim().to_owned();
        let formatted = java("kafka.tools.StorageTool")
            .args(["format", "-t", &id, "-c"])
            .arg(&properties)
            .output()
            .map_err(|e| format!("java: {e}"))?;
        if !formatted.status.success() {
            return Err(format!("format: {}", String::from_utf8_lossy(&formatted.stderr)));
        }
        let log = directory.path().join("kafka.log");
        let output = File::create(&log).map_err(|e| e.to_string())?;
        let errors = output.try_clone().map_err(|e| e.to_string())?;
        let child = java("kafka.Kafka")
            .arg(&properties)
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors)
            .spawn()
            .map_err(|e| format!("java: {e}"))?;
        let mut broker = Broker { address: format!("127.0.0.1:{port}"), child, _directory: directory };
        let deadline = Instant::now() + PATIENCE;
        loop {
            let ended = broker.child.try_wait().map_err(|e| e.to_string())?.is_some();
            if ended || Instant::now() > deadline {
                return Err(format!("it does not start:\n{}", fs::read_to_string(&log).unwrap_or_default()));
            }
            if TcpStream::connect(&broker.address).is_ok() && crate::client::answers(&broker.address) {
                return Ok(broker);
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

fn free_port() -> Result<u16, String> {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(|e| e.to_string())?;
    listener.local_addr().map(|address| address.port()).map_err(|e| e.to_string())
}

fn server_properties(port: u16, controller: u16, logs: &Path) -> String {
    format!(
        "process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs={}
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
log.cleaner.backoff.ms=500
",
        logs.display()
    )
}
