//! Messages of streams: once each, in whatever order they come.

use super::Heard;
use super::batch::Batch;
use crate::hq::error::HqError;
use crate::hq::rows::int;
use crate::protocol::{Counted, Message, Run, Taken};

impl Batch<'_> {
    /// Gives a message of a stream its effect, if it did not have it before.
    pub(super) async fn counted(
        &mut self,
        heard: &Heard,
        message: &Message,
    ) -> Result<(), HqError> {
        let Some(counted) = heard.envelope.counted else { return Ok(()) };
        if let Message::Gap(gap) = message {
            let run = Run { first: gap.first, last: gap.last };
            return self.gap(heard, counted, run).await;
        }
        if self.advance(heard, counted, Run::of(counted.seq)).await? {
            self.effect(heard, counted, message).await?;
        }
        Ok(())
    }

    /// Moves the stream's watermark; whether something is new. What leaves too many holes is not taken
    /// and not acknowledged: it comes again when they are filled.
    pub(super) async fn advance(
        &mut self,
        heard: &Heard,
        counted: Counted,
        run: Run,
    ) -> Result<bool, HqError> {
        Ok(!self.new_runs(heard, counted, run).await?.is_empty())
    }

    async fn new_runs(
        &mut self,
        heard: &Heard,
        counted: Counted,
        run: Run,
    ) -> Result<Vec<Run>, HqError> {
        let of = (heard.place.clone(), counted.ledger, counted.stream);
        let taken = self.mark(&of).await?.take(run);
        self.touch(of);
        Ok(match taken {
            Taken::New(new) => new,
            Taken::Known | Taken::TooScattered => Vec::new(),
        })
    }

    /// What was declared lost and did not arrive before.
    async fn gap(&mut self, heard: &Heard, counted: Counted, run: Run) -> Result<(), HqError> {
        let insert = "INSERT INTO gaps (place, ledger, stream, first, last, at_ms)
             VALUES ($1, $2, $3, $4, $5, $6)";
        for lost in self.new_runs(heard, counted, run).await? {
            sqlx::query(insert)
                .bind(heard.place.to_string())
                .bind(counted.ledger.to_string())
                .bind(counted.stream.as_str())
                .bind(int(lost.first))
                .bind(int(lost.last))
                .bind(int(self.now.0))
                .execute(&mut *self.change)
                .await
                .map_err(HqError::database("writing a gap"))?;
        }
        Ok(())
    }
}
