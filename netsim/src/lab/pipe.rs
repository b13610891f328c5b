//! Octets carried between two places, of which one is out of reach for who speaks: a namespace has a loopback of its own,
//! but the file system of everybody.
//!
//! So a Neo4j outside is reached in two steps. Outside, a Unix socket is carried to it; inside, a port of the CMA's
//! loopback is carried to that socket.

use std::ffi::OsString;
use std::fs;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::thread;

use super::error::{LabError, at};
use super::files::BOLT;
use super::plan::CMA;
use super::roles::{Launch, Role};
use super::running::Lab;

/// A connection of either kind.
enum Line {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Line {
    fn to(address: &str) -> io::Result<Self> {
        if is_path(address) {
            return UnixStream::connect(address).map(Self::Unix);
        }
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        Ok(Self::Tcp(stream))
    }

    fn again(&self) -> io::Result<Self> {
        match self {
            Self::Tcp(stream) => stream.try_clone().map(Self::Tcp),
            Self::Unix(stream) => stream.try_clone().map(Self::Unix),
        }
    }

    fn end(&self) {
        // The other end may have done so already.
        let _ = match self {
            Self::Tcp(stream) => stream.shutdown(Shutdown::Both),
            Self::Unix(stream) => stream.shutdown(Shutdown::Both),
        };
    }
}

impl Read for Line {
    fn read(&mut self, octets: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.read(octets),
            Self::Unix(stream) => stream.read(octets),
        }
    }
}

impl Write for Line {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.write(octets),
            Self::Unix(stream) => stream.write(octets),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.flush(),
            Self::Unix(stream) => stream.flush(),
        }
    }
}

fn is_path(address: &str) -> bool {
    address.starts_with('/')
}

/// The pipe in the CMA's namespace, if its graph is mirrored.
pub(super) fn launch(lab: &Lab) -> Option<Launch> {
    let socket = lab.state.neo4j.as_ref()?;
    let words: [OsString; 6] =
        ["lab".into(), "pipe".into(), "--from".into(), BOLT.into(), "--to".into(), socket.into()];
    Some(Launch {
        name: CMA.into(),
        role: Role::Pipe,
        netns: lab.plan.netns(CMA),
        program: lab.state.bin_dir.join("ringmesh-netsim"),
        args: words.into(),
        log: lab.files.log(CMA, Role::Pipe.word()),
    })
}

/// Carries every connection until killed. One that cannot be carried on is ended; who made it tries again.
///
/// # Errors
/// [`LabError::File`] or [`LabError::Failed`] if nothing can come in.
pub(super) fn pipe(from: &str, to: &str) -> Result<(), LabError> {
    if is_path(from) {
        let path = Path::new(from);
        // Left behind by one that was killed.
        let _ = fs::remove_file(path);
        let listener = UnixListener::bind(path).map_err(at(path, "listen on"))?;
        for line in listener.incoming().filter_map(Result::ok) {
            carry(Line::Unix(line), to.to_owned());
        }
        return Ok(());
    }
    let refused = |error: io::Error| LabError::Failed(format!("{from}: {error}"));
    let listener = TcpListener::bind(from).map_err(refused)?;
    for line in listener.incoming().filter_map(Result::ok) {
        // A question and its answer: nothing is gained by waiting for more.
        let _ = line.set_nodelay(true);
        carry(Line::Tcp(line), to.to_owned());
    }
    Ok(())
}

fn carry(near: Line, to: String) {
    thread::spawn(move || {
        let Ok(far) = Line::to(&to) else { return };
        let (Ok(near_again), Ok(far_again)) = (near.again(), far.again()) else { return };
        thread::spawn(move || pass(near_again, far_again));
        pass(far, near);
    });
}

fn pass(mut from: Line, mut to: Line) {
    // Whatever ends one direction ends both.
    let _ = io::copy(&mut from, &mut to);
    from.end();
    to.end();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_in_at_one_end_comes_out_at_the_other() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("s.sock").display().to_string();
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let to = server.local_addr().unwrap().to_string();
        let from = socket.clone();
        thread::spawn(move || pipe(&from, &to).unwrap());
        let mut client = loop {
            if let Ok(stream) = UnixStream::connect(&socket) {
                break stream;
            }
            thread::yield_now();
        };
        client.write_all(b"ping").unwrap();
        let (mut far, _) = server.accept().unwrap();
        let mut octets = [0; 4];
        far.read_exact(&mut octets).unwrap();
        assert_eq!(&octets, b"ping");
        far.write_all(b"pong").unwrap();
        client.read_exact(&mut octets).unwrap();
        assert_eq!(&octets, b"pong");
        drop(far);
        assert_eq!(client.read(&mut octets).unwrap(), 0, "an end is an end for both");
    }
}
