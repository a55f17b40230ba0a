//! Stands in for a Sentinel: it says under which address a master of a name is to be found, rightly or not.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// A name that nothing can resolve: its first part is longer than the 63 letters that are allowed.
pub(crate) const NOWHERE: &str =
    "nobody-has-a-name-that-is-as-long-as-this-one-not-even-in-a-test-of-names.invalid";

type Addresses = Arc<Mutex<HashMap<String, (String, u16)>>>;

pub(crate) struct Names {
    port: u16,
    addresses: Addresses,
    accepting: tokio::task::JoinHandle<()>,
}

impl Names {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let (port, addresses) = (listener.local_addr().unwrap().port(), Addresses::default());
        let known = addresses.clone();
        let accepting = tokio::spawn(async move {
            loop {
                if let Ok((stream, _)) = listener.accept().await {
                    tokio::spawn(answer(stream, known.clone()));
                }
            }
        });
        Self { port, addresses, accepting }
    }

    /// Sets where a name leads.
    pub(crate) fn set(&self, name: &str, host: &str, port: u16) {
        let mut addresses = self.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        addresses.insert(name.to_owned(), (host.to_owned(), port));
    }

    /// Returns the URL of a name.
    pub(crate) fn url(&self, name: &str) -> String {
        format!("redis+sentinel://127.0.0.1:{}/{name}", self.port)
    }
}

impl Drop for Names {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn answer(stream: TcpStream, addresses: Addresses) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let words = read_order(&mut stream).await?;
        let reply = match words.first().map(|word| word.to_ascii_uppercase()).as_deref() {
            Some("HELLO") => "%1\r\n$6\r\nserver\r\n$5\r\nredis\r\n".to_owned(),
            Some("SENTINEL") => {
                let addresses = addresses.lock().unwrap_or_else(PoisonError::into_inner);
                match words.get(2).and_then(|name| addresses.get(name)) {
                    Some((host, port)) => {
                        let port = port.to_string();
                        format!("*2\r\n${}\r\n{host}\r\n${}\r\n{port}\r\n", host.len(), port.len())
                    }
                    None => "_\r\n".to_owned(),
                }
            }
            _ => "+OK\r\n".to_owned(),
        };
        stream.get_mut().write_all(reply.as_bytes()).await?;
    }
}

/// Reads one order: an array of texts, each behind its length.
async fn read_order(stream: &mut BufReader<TcpStream>) -> std::io::Result<Vec<String>> {
    let mut words = Vec::new();
    for _ in 0..read_length(stream).await? {
        let mut word = vec![0; read_length(stream).await? + 2];
        stream.read_exact(&mut word).await?;
        word.truncate(word.len() - 2);
        words.push(String::from_utf8_lossy(&word).into_owned());
    }
    Ok(words)
}

async fn read_length(stream: &mut BufReader<TcpStream>) -> std::io::Result<usize> {
    let mut line = String::new();
    stream.read_line(&mut line).await?;
    line.trim_end()
        .get(1..)
        .and_then(|digits| digits.parse().ok())
        .ok_or_else(|| std::io::ErrorKind::UnexpectedEof.into())
}
