//! How far the server is, as the server itself says.

use neo4rs::BoltType;
use serde::Deserialize;

use crate::SCHEMA;
use crate::bolt::{Bolt, Statement, Turn};
use crate::settings::Settings;
use crate::text;
use crate::trouble::Trouble;

/// Where the server is in the change log of a run.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Cursor {
    /// What wrote the rows.
    pub schema: i64,
    /// Whose mirror it is.
    pub installation: String,
    /// The run whose revisions these are.
    pub run: String,
    /// All changes up to it are there.
    pub revision: i64,
}

/// How many rows a statement was about.
#[derive(Deserialize)]
pub(crate) struct Rows {
    pub(crate) rows: i64,
}

impl Cursor {
    /// Makes the constraints and a cursor where there are none, and reads the cursor. What a newer version or another
    /// installation wrote is left alone.
    pub async fn open(bolt: &Bolt, settings: &Settings) -> Result<Self, Trouble> {
        if let Some(cursor) = Self::read(bolt).await? {
            cursor.check(settings)?;
            make_constraints(bolt).await?;
            return Ok(cursor);
        }
        make_constraints(bolt).await?;
        let new = Statement::new(text::new_cursor())
            .with("id", text::CURSOR_ID)
            .with("schema", SCHEMA)
            .with("installation", settings.installation.as_str());
        bolt.once::<Rows>(new).await?;
        let cursor = Self::read(bolt).await?;
        let cursor = cursor.ok_or_else(|| Trouble::Failed("it did not keep the cursor".into()))?;
        cursor.check(settings)?;
        Ok(cursor)
    }

    /// Reads it.
    pub async fn read(bolt: &Bolt) -> Result<Option<Self>, Trouble> {
        let mut rows = bolt.once(Statement::new(text::cursor()).with("id", text::CURSOR_ID)).await?;
        Ok(rows.pop())
    }

    fn check(&self, settings: &Settings) -> Result<(), Trouble> {
        if self.schema > SCHEMA {
            return Err(Trouble::Newer { found: self.schema, ours: SCHEMA });
        }
        if self.installation != settings.installation {
            return Err(Trouble::Foreign(self.installation.clone()));
        }
        Ok(())
    }

    /// It can be followed from there: it is of this run, written as this version writes.
    pub fn is_of(&self, settings: &Settings) -> bool {
        self.run == settings.run && self.schema == SCHEMA
    }

    /// The same run, further.
    #[must_use]
    pub fn at(&self, revision: u64) -> Self {
        Self { revision: i64::try_from(revision).unwrap_or(i64::MAX), ..self.clone() }
    }

    /// Its revision.
    pub fn revision(&self) -> u64 {
        u64::try_from(self.revision).unwrap_or_default()
    }

    /// The first statement of a transaction that writes: moves the cursor, and fails if it is not where we believe.
    pub async fn take(&self, turn: &mut Turn, settings: &Settings, to: &Self) -> Result<(), Trouble> {
        let statement = Statement::new(text::take_cursor())
            .with("id", text::CURSOR_ID)
            .with("turn", settings.run.as_str())
            .with("run", self.run.as_str())
            .with("revision", BoltType::from(self.revision))
            .with("schema", to.schema)
            .with("new_run", to.run.as_str())
            .with("new_revision", to.revision);
        let taken: Rows = turn.row(statement).await?;
        if taken.rows == 1 { Ok(()) } else { Err(Trouble::Moved) }
    }
}

/// A server makes the index of a constraint before the constraint, in a transaction of its own: whoever is cut off in
/// between leaves an index of that name behind, and it would be in the way for ever.
async fn make_constraints(bolt: &Bolt) -> Result<(), Trouble> {
    for label in text::labels() {
        let make = || bolt.once::<Ignored>(Statement::new(text::constraint(label)));
        match make().await {
            Err(Trouble::NameTaken(_)) => {
                tracing::info!(label, "neo4j: a start that was cut off left an index behind; dropping it");
                bolt.once::<Ignored>(Statement::new(text::drop_index(label))).await?;
                make().await?
            }
            made => made?,
        };
    }
    Ok(())
}

/// Whatever is answered where nothing is asked.
#[derive(Deserialize)]
pub(crate) struct Ignored {}
