//! The driver, and all that is known of it.
//!
//! It waits for ever here and there: a stream that is not dropped holds its connection, a half-open socket is noticed
//! by nobody, a refused connection is tried again for a minute. So every call has a limit here, rows are always read to
//! their end, every statement stands in a transaction (those are never repeated by the driver), and after any trouble
//! the whole of it is thrown away.

use std::time::Duration;

use neo4rs::{BoltType, ConfigBuilder, Graph, Query, Txn};
use serde::de::DeserializeOwned;

use crate::settings::Settings;
use crate::trouble::Trouble;

/// Rows that the server sends at a time.
const FETCH: usize = 2_000;

/// A server to speak to.
pub struct Bolt {
    graph: Graph,
    within: Duration,
}

/// A statement with its parameters.
pub struct Statement(Query);

impl Statement {
    /// A statement without parameters.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Query::new(text.into()))
    }

    /// The same with one more.
    #[must_use]
    pub fn with(self, name: &str, value: impl Into<BoltType>) -> Self {
        Self(self.0.param(name, value))
    }
}

impl Bolt {
    /// Prepares to speak; nothing is connected yet.
    pub fn new(settings: &Settings) -> Result<Self, Trouble> {
        let mut config = ConfigBuilder::default()
            .uri(settings.uri.as_str())
            .user(settings.user.as_str())
            .password(settings.password.as_str())
            .fetch_size(FETCH)
            .max_connections(2)
            .connection_timeout(settings.within)
            // By this name the driver means how long one waits for a connection.
            .max_lifetime(settings.within);
        if !settings.database.is_empty() {
            config = config.db(settings.database.as_str());
        }
        if let Some(file) = &settings.ca_file {
            config = config.with_client_certificate(file);
        }
        Ok(Self { graph: Graph::connect(config.build()?)?, within: settings.within })
    }

    /// Begins a transaction. Dropped without [`Turn::commit`], it never was.
    pub async fn turn(&self) -> Result<Turn, Trouble> {
        let txn = limited(self.within, self.graph.start_txn()).await?;
        Ok(Turn { txn, within: self.within })
    }

    /// One statement in a transaction of its own.
    pub async fn once<T: DeserializeOwned>(&self, statement: Statement) -> Result<Vec<T>, Trouble> {
        let mut turn = self.turn().await?;
        let rows = turn.rows(statement).await?;
        turn.commit().await?;
        Ok(rows)
    }
}

/// A transaction.
pub struct Turn {
    txn: Txn,
    within: Duration,
}

impl Turn {
    /// Runs a statement and reads all its rows.
    pub async fn rows<T: DeserializeOwned>(&mut self, statement: Statement) -> Result<Vec<T>, Trouble> {
        let within = self.within;
        let mut stream = limited(within, self.txn.execute(statement.0)).await?;
        let mut rows = Vec::new();
        while let Some(row) = limited(within, stream.next(self.txn.handle())).await? {
            rows.push(row.to().map_err(|error| Trouble::Failed(format!("it answered strangely: {error}")))?);
        }
        Ok(rows)
    }

    /// Runs a statement that answers with one row.
    pub async fn row<T: DeserializeOwned>(&mut self, statement: Statement) -> Result<T, Trouble> {
        let mut rows = self.rows(statement).await?;
        rows.pop().ok_or_else(|| Trouble::Failed("it answered nothing where one row was due".into()))
    }

    /// Makes it all so.
    pub async fn commit(self) -> Result<(), Trouble> {
        limited(self.within, self.txn.commit()).await
    }
}

async fn limited<T>(
    within: Duration,
    call: impl Future<Output = Result<T, neo4rs::Error>>,
) -> Result<T, Trouble> {
    match tokio::time::timeout(within, call).await {
        Ok(Ok(done)) => Ok(done),
        // The driver has the same limit, and calls it so.
        Ok(Err(neo4rs::Error::ConnectionTimedOut)) | Err(_) => Err(Trouble::Slow(within.as_secs())),
        Ok(Err(error)) => Err(error.into()),
    }
}
