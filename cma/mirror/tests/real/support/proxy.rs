//! A proxy that fails as networks fail.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What it does to octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing.
    None,
    /// Takes what comes and hands on nothing, either way: a half-open socket.
    Silent,
    /// Hands on so many octets at a time, and waits in between.
    Slow(usize, Duration),
    /// Ends a connection after so many octets to the server.
    CutAfter(u64),
    /// Takes no connection, and ends those there are.
    Away,
}

/// A proxy on a port of its own.
pub(crate) struct Proxy {
    pub(crate) port: u16,
    fault: watch::Sender<Fault>,
    /// Octets handed to the server so far.
    pub(crate) sent: Arc<AtomicU64>,
}

impl Proxy {
    /// Before a server at `HOST:PORT`.
    pub(crate) async fn before(server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (fault, faults) = watch::channel(Fault::None);
        let sent = Arc::new(AtomicU64::new(0));
        let (server, counted) = (server.to_owned(), sent.clone());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if *faults.borrow() == Fault::Away {
                    continue;
                }
                tokio::spawn(carry(client, server.clone(), faults.clone(), counted.clone()));
            }
        });
        Self { port, fault, sent }
    }

    pub(crate) fn uri(&self) -> String {
        format!("bolt://127.0.0.1:{}", self.port)
    }

    pub(crate) fn set(&self, fault: Fault) {
        self.fault.send_replace(fault);
    }
}

async fn carry(client: TcpStream, server: String, faults: watch::Receiver<Fault>, sent: Arc<AtomicU64>) {
    let Ok(server) = TcpStream::connect(server).await else { return };
    let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
    let own = Arc::new(AtomicU64::new(0));
    let up = pass(from_client, to_server, faults.clone(), Some((own, sent)));
    let down = pass(from_server, to_client, faults.clone(), None);
    let mut away = faults;
    tokio::select! {
        () = up => {}
        () = down => {}
        _ = away.wait_for(|fault| *fault == Fault::Away) => {}
    }
}

async fn pass(
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: tokio::net::tcp::OwnedWriteHalf,
    mut faults: watch::Receiver<Fault>,
    counts: Option<(Arc<AtomicU64>, Arc<AtomicU64>)>,
) {
    let mut octets = vec![0; 16 * 1024];
    loop {
        let Ok(read) = from.read(&mut octets).await else { return };
        if read == 0 {
            return;
        }
        let mut fault = *faults.borrow_and_update();
        while fault == Fault::Silent {
            if faults.changed().await.is_err() {
                return;
            }
            fault = *faults.borrow_and_update();
        }
        if let Some((own, all)) = &counts {
            let so_far = own.fetch_add(read as u64, Ordering::SeqCst) + read as u64;
            all.fetch_add(read as u64, Ordering::SeqCst);
            if matches!(fault, Fault::CutAfter(octets) if so_far > octets) {
                return;
            }
        }
        let (size, pause) =
            if let Fault::Slow(size, pause) = fault { (size, pause) } else { (read, Duration::ZERO) };
        for piece in octets[..read].chunks(size.max(1)) {
            if to.write_all(piece).await.is_err() {
                return;
            }
            tokio::time::sleep(pause).await;
        }
    }
}
