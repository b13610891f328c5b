//! The probe's end of the control socket.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::timeout;

use super::{Refusal, Request};

/// The longest question, in octets.
const QUESTION_MAX: u64 = 4_096;
/// Who asks nothing for so long is sent away.
const PATIENCE: Duration = Duration::from_secs(5);
/// An answer that is being written when the probe ends gets this long.
const LAST_WORDS: Duration = Duration::from_millis(200);
/// Questions in hand at once.
const CLIENTS_MAX: usize = 8;

/// A question on its way to the probe, and where its answer goes.
pub struct Asked {
    /// The question.
    pub request: Request,
    /// One line of JSON, without its end.
    pub answer: oneshot::Sender<String>,
}

/// The open socket. Its file is removed with it.
pub struct Server {
    listener: UnixListener,
    path: PathBuf,
    places: Conversations,
}

/// The questions in hand, by the places they take.
#[derive(Clone)]
pub struct Conversations(Arc<Semaphore>);

impl Conversations {
    /// Returns when all that was asked is answered, or after a moment: a silent client is not waited for.
    pub async fn ended(self) {
        let all = u32::try_from(CLIENTS_MAX).unwrap_or(u32::MAX);
        let _ = timeout(LAST_WORDS, self.0.acquire_many(all)).await;
    }
}

impl Server {
    /// Opens the socket, and makes its folder where that is missing.
    ///
    /// A file that a dead probe left is replaced; a living probe's is not (`AddrInUse`).
    pub fn open(path: &Path) -> io::Result<Self> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        if std::os::unix::net::UnixStream::connect(path).is_ok() {
            return Err(io::Error::new(io::ErrorKind::AddrInUse, "another probe answers there"));
        }
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = UnixListener::bind(path)?;
        fs::set_permissions(path, fs::Permissions::from_mode(0o660))?;
        let places = Conversations(Arc::new(Semaphore::new(CLIENTS_MAX)));
        Ok(Self { listener, path: path.into(), places })
    }
}

impl Server {
    /// What is being asked, for whoever ends the probe.
    pub fn conversations(&self) -> Conversations {
        self.places.clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Another start finds and replaces it if this fails.
        let _ = fs::remove_file(&self.path);
    }
}

/// Answers for ever. Questions go to `probe`; a client that is slow or silent holds up nobody.
pub async fn serve<N: From<Asked> + Send + 'static>(
    server: Server,
    probe: mpsc::Sender<N>,
) -> io::Result<()> {
    loop {
        let (client, _) = match server.listener.accept().await {
            Ok(accepted) => accepted,
            // Out of descriptors, or a client gone already: the next one may fare better.
            Err(error) => {
                tracing::debug!(%error, "control socket");
                tokio::time::sleep(Duration::from_millis(200)).await;
                continue;
            }
        };
        let Ok(place) = Arc::clone(&server.places.0).acquire_owned().await else { return Ok(()) };
        let probe = probe.clone();
        tokio::spawn(async move {
            let _ = timeout(PATIENCE, converse(client, probe)).await;
            drop(place);
        });
    }
}

async fn converse<N: From<Asked>>(mut client: UnixStream, probe: mpsc::Sender<N>) -> io::Result<()> {
    let (reading, mut writing) = client.split();
    let mut question = String::new();
    BufReader::with_capacity(512, reading.take(QUESTION_MAX)).read_line(&mut question).await?;
    let answer = match serde_json::from_str(&question) {
        Ok(request) => ask(request, probe).await,
        Err(error) => refusal(format!("not a question: {error}")),
    };
    writing.write_all(answer.as_bytes()).await?;
    writing.write_all(b"\n").await
}

async fn ask<N: From<Asked>>(request: Request, probe: mpsc::Sender<N>) -> String {
    let (answer, answered) = oneshot::channel();
    let gone = || refusal("the probe is ending".into());
    if probe.send(Asked { request, answer }.into()).await.is_err() {
        return gone();
    }
    answered.await.unwrap_or_else(|_| gone())
}

/// One line that says no.
pub fn refusal(error: String) -> String {
    serde_json::to_string(&Refusal { error }).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server whose probe answers each question with its name.
    fn echoing(path: &Path) {
        let (probe, mut questions) = mpsc::channel::<Asked>(4);
        tokio::spawn(serve(Server::open(path).unwrap(), probe));
        tokio::spawn(async move {
            while let Some(asked) = questions.recv().await {
                let _ = asked.answer.send(serde_json::to_string(&asked.request).unwrap());
            }
        });
    }

    async fn exchange(path: &Path, question: &[u8]) -> String {
        let mut client = UnixStream::connect(path).await.unwrap();
        // The server may hang up on an endless question before it is all written.
        let _ = client.write_all(question).await;
        let _ = client.shutdown().await;
        let mut answer = String::new();
        let _ = client.read_to_string(&mut answer).await;
        answer
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_question_is_answered_and_nonsense_is_refused_in_one_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run/probe.sock");
        echoing(&path);
        let goodbye = "{\"command\":\"goodbye\",\"reason\":\"upgrade\",\"back_within_s\":30}";
        for question in ["{\"command\":\"attachments\"}", goodbye] {
            assert_eq!(exchange(&path, format!("{question}\n").as_bytes()).await, format!("{question}\n"));
        }
        let endless = vec![b'x'; 100_000];
        for nonsense in [&b"{\"command\":\"reboot\"}\n"[..], b"\n", b"\xff\xfe\n", &endless] {
            let answer = exchange(&path, nonsense).await;
            assert!(answer.is_empty() || answer.starts_with("{\"error\":"), "{answer}");
        }
        assert_eq!(exchange(&path, b"{\"command\":\"status\"}").await, "{\"command\":\"status\"}\n");
    }

    #[tokio::test(flavor = "current_thread")]
    async fn silent_clients_hold_up_nobody() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("probe.sock");
        echoing(&path);
        let silent = [UnixStream::connect(&path).await.unwrap(), UnixStream::connect(&path).await.unwrap()];
        assert_eq!(exchange(&path, b"{\"command\":\"status\"}\n").await, "{\"command\":\"status\"}\n");
        drop(silent);
    }

    #[tokio::test(flavor = "current_thread")]
    async fn the_socket_of_a_living_probe_is_left_alone_and_a_dead_ones_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("probe.sock");
        let living = Server::open(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o660);
        assert_eq!(Server::open(&path).map(|_| ()).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        drop(living);
        assert!(!path.exists(), "left behind");
        fs::write(&path, "left by a dead one").unwrap();
        assert!(Server::open(&path).is_ok());
    }
}
