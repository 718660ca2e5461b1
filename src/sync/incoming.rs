//! What HQ says: believed or not, and recorded. Nothing is acted on here.

use super::error::LineError;
use super::machine::{Input, Standing};
use super::session::{Now, Session};
use crate::protocol::limits::MAX_LISTED;
use crate::protocol::{
    Ack, BootId, Clock, Command, CommandState, Envelope, FactsHead, Fields, Ledger, Message,
    MessageId, Outcome, Pointer, Run, Signed, Snapshot, Stream, Topic, UnixMillis,
};
use crate::state::{Acknowledged, Received, StateError, Writing};

/// Within such a time HQ is asked several times while it is there.
const THERE_MS: u64 = 2 * 3_600_000;
/// Starts of HQ that are remembered.
const MAX_STARTS: usize = 8;

impl Session {
    /// Takes a message and tells what the machine must know of it.
    pub(super) fn receive(
        &mut self,
        topic: &str,
        payload: &[u8],
        now: Now,
    ) -> Result<Vec<Input>, LineError> {
        let read = topic.parse::<Topic>().and_then(|topic| {
            let envelope = Envelope::parse(payload)?;
            envelope.message_at(&topic).map(|message| (topic, envelope, message))
        });
        let (topic, envelope, message) = match read {
            Ok(read) => read,
            Err(error) => {
                tracing::debug!(%error, "a message from the broker was left aside");
                self.refuse("form");
                return Ok(Vec::new());
            }
        };
        // What is signed names whom it is for, as its topic does.
        if matches!(&topic, Topic::Node(place, _) if place != self.place()) {
            self.refuse("place");
            return Ok(Vec::new());
        }
        // Other messages are kept as they were said, by HQ or its broker, and say nothing of now.
        let said_now = matches!(message, Message::Ack(_) | Message::FactsHead(_));
        let restarted = said_now && self.is_new_start(envelope.boot);
        let mut inputs = self.take(&envelope, message, now)?;
        inputs.extend(restarted.then_some(Input::Restarted));
        Ok(inputs)
    }

    /// Whether HQ was started anew since this program first heard it. Asking is all that follows, and a
    /// start counts once, so whoever lies about it gains nothing.
    fn is_new_start(&mut self, boot: BootId) -> bool {
        let known = self.starts.contains(&boot);
        if !known {
            if self.starts.len() >= MAX_STARTS {
                self.starts.remove(0);
            }
            self.starts.push(boot);
        }
        !known
    }

    fn take(
        &mut self,
        envelope: &Envelope,
        message: Message,
        now: Now,
    ) -> Result<Vec<Input>, LineError> {
        match message {
            Message::Ack(ack) if ack.stream == Stream::Audit => self.acknowledge_audit(&ack),
            Message::Ack(ack) => self.acknowledge(&ack),
            Message::Desired(signed) => self.desired(&signed, now).map(|()| Vec::new()),
            Message::FactsHead(signed) => self.head(&signed).map(|()| Vec::new()),
            Message::Command(signed) => self.command(envelope, &signed, now).map(|()| Vec::new()),
            Message::Gap(gap) => {
                let run = Run { first: gap.first, last: gap.last };
                self.counted(envelope, run, |_| Ok(()))?;
                Ok(Vec::new())
            }
            Message::Snapshot(snapshot) => self.snapshot(envelope, snapshot, now),
            _ => {
                self.refuse("meaning");
                Ok(Vec::new())
            }
        }
    }

    pub(super) fn refuse(&mut self, why: &'static str) {
        *self.refused.entry(why).or_default() += 1;
    }

    /// How late it certainly is.
    pub(super) fn at_least(&self) -> UnixMillis {
        self.floor.floor()
    }

    fn acknowledge(&mut self, ack: &Ack) -> Result<Vec<Input>, LineError> {
        let known = self.store.write(|writing| writing.acknowledge(ack))?;
        Ok(match known {
            Acknowledged::Forgotten(_) | Acknowledged::Known => vec![Input::Acked {
                stream: ack.stream,
                through: ack.through,
                above: ack.above.to_vec(),
            }],
            Acknowledged::Foreign => {
                self.refuse("ledger");
                Vec::new()
            }
            // Only an answer to our own question may make us count anew.
            Acknowledged::Ahead => {
                self.refuse("ahead");
                Vec::new()
            }
            Acknowledged::Unsigned | Acknowledged::OtherLog => {
                self.refuse("audit");
                Vec::new()
            }
        })
    }

    fn desired(&mut self, signed: &Signed<Pointer>, now: Now) -> Result<(), LineError> {
        let Ok(pointer) = self.trust.keys.verify(signed, self.at_least()) else {
            self.refuse("signature");
            return Ok(());
        };
        let clock = self.clock(now);
        let who = &self.trust.who;
        match self.store.write(|writing| writing.record_desired(who, clock, signed, &pointer)) {
            Ok(_) => self.floor.raise(pointer.issued),
            Err(StateError::Unfit(error)) => {
                tracing::warn!(%error, document = %pointer.document, "a desired document was refused");
                self.refuse("document");
            }
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    fn head(&mut self, signed: &Signed<FactsHead>) -> Result<(), LineError> {
        let Ok(head) = self.trust.keys.verify(signed, self.at_least()) else {
            self.refuse("signature");
            return Ok(());
        };
        let ours = head.tenant == self.place().tenant;
        let followed = self.trust.catalogues.contains(&head.catalogue);
        // One that is there for us and that enrolment did not know of yet.
        if ours && !followed && self.offered.len() < MAX_LISTED {
            self.offered.insert(head.catalogue.clone());
        }
        let holds = head.expires.is_none_or(|expires| self.at_least() < expires);
        if !(ours && followed && holds) {
            self.refuse("document");
            return Ok(());
        }
        match self.store.write(|writing| writing.record_head(signed, &head)) {
            Ok(_) => self.floor.raise(head.issued),
            Err(StateError::Unfit(_) | StateError::TooMany { .. }) => self.refuse("document"),
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    /// Records a command. What HQ signed decides: numbers and gaps are not signed, and whoever lies about
    /// them keeps no command from being taken.
    fn command(
        &mut self,
        envelope: &Envelope,
        signed: &Signed<Command>,
        now: Now,
    ) -> Result<(), LineError> {
        let Some(counted) = envelope.counted else { return Ok(()) };
        let (keys, at_least, clock) = (self.trust.keys.clone(), self.at_least(), self.clock(now));
        let (Clock::Known(late) | Clock::Unknown { at_least: late }) = clock;
        let mut again = false;
        let received = self.counted(envelope, Run::of(counted.seq), |writing| {
            let command = keys.verify(signed, at_least).map_err(|error| error.to_string())?;
            let new = writing.record_command(late, signed, &command);
            let new = new.map_err(|error| error.to_string())?;
            again = !new;
            if new && late >= command.expires {
                let (id, outcome) = (command.id, Outcome::Expired);
                let expired = CommandState { id, outcome, at: late, details: Fields::default() };
                writing.set_outcome(&expired).map_err(|error| error.to_string())?;
            }
            Ok(())
        })?;
        if let (Some(Received::Known | Received::NotNow), Clock::Known(now)) = (&received, clock) {
            self.command_of_a_number_that_is_gone(signed, now)?;
        }
        // HQ asks again as it has not heard what became of it.
        if (again || received == Some(Received::Known))
            && let Ok(command) = signed.unverified()
        {
            self.told.forget(command.id);
        }
        Ok(())
    }

    /// Records a command that is not over and was never recorded, though its number is taken or too far
    /// ahead. Of what is over nobody knows any more whether it was done.
    fn command_of_a_number_that_is_gone(
        &mut self,
        signed: &Signed<Command>,
        now: UnixMillis,
    ) -> Result<(), LineError> {
        let Ok(command) = self.trust.keys.verify(signed, self.at_least()) else { return Ok(()) };
        if now >= command.expires || self.store.command(command.id)?.is_some() {
            return Ok(());
        }
        match self.store.write(|writing| writing.record_command(now, signed, &command)) {
            Ok(_) => {}
            Err(StateError::TooMany { .. }) => self.refuse("effect"),
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    fn counted(
        &mut self,
        envelope: &Envelope,
        run: Run,
        effect: impl FnOnce(&Writing<'_>) -> Result<(), String>,
    ) -> Result<Option<Received<()>>, LineError> {
        let Some(counted) = envelope.counted else { return Ok(None) };
        let received = self.store.receive(envelope, counted, run, effect)?;
        match &received {
            Received::Failed { tries, why } => {
                tracing::debug!(tries, why, "a message could not be taken");
                self.refuse("effect");
            }
            Received::LaidAside { why } => {
                tracing::warn!(why, stream = %counted.stream, "a message was laid aside");
                self.refuse("laid aside");
            }
            _ => {}
        }
        Ok(Some(received))
    }

    /// Applies HQ's answer: first the time, then what is newer, then how far the streams are.
    fn snapshot(
        &mut self,
        envelope: &Envelope,
        snapshot: Snapshot,
        now: Now,
    ) -> Result<Vec<Input>, LineError> {
        let question = self.machine.question();
        let Some(question) = question.filter(|open| envelope.correlation == Some(*open)) else {
            self.refuse("question");
            return Ok(Vec::new());
        };
        let Ok(time) = self.trust.keys.verify(&snapshot.time, self.at_least()) else {
            self.refuse("signature");
            return Ok(Vec::new());
        };
        self.is_new_start(envelope.boot);
        self.floor.anchor(time.at, now.steady_ms);
        self.hq_time = Some(time.at);
        let clock = self.clock(now);
        // What has waited while HQ was away can be told now, however old it is.
        let before = self.heard_ms.replace(now.steady_ms);
        let was_there = before.is_some_and(|before| now.steady_ms - before < THERE_MS);
        self.store.write(|writing| {
            writing.hear(envelope.time, now.wall)?;
            writing.raise_floor(time.at)?;
            if was_there { writing.drop_aged(old_by(clock, now.wall)) } else { Ok(()) }
        })?;
        for signed in snapshot.desired.iter() {
            self.desired(signed, now)?;
        }
        for signed in snapshot.facts.iter() {
            self.head(signed)?;
        }
        self.resume(question, &snapshot)
    }

    fn resume(
        &mut self,
        question: MessageId,
        snapshot: &Snapshot,
    ) -> Result<Vec<Input>, LineError> {
        let ledger = self.store.ledger()?;
        let mut streams = Vec::new();
        for stream in Stream::UP {
            let said = snapshot.acks.iter().find(|a| a.stream == stream && a.ledger == ledger);
            let Some(standing) = self.standing(ledger, stream, said)? else {
                tracing::warn!(%stream, "HQ knows more of this box than the box: counting anew");
                self.store.write(|writing| writing.begin_ledger())?;
                return Ok(vec![Input::Renumbered]);
            };
            streams.push(standing);
        }
        Ok(vec![Input::Answered { question, streams }])
    }

    /// Where a stream stands by what HQ said of it; none where HQ has more than was ever written here.
    fn standing(
        &mut self,
        ledger: Ledger,
        stream: Stream,
        said: Option<&Ack>,
    ) -> Result<Option<Standing>, LineError> {
        if stream == Stream::Audit {
            return self.standing_of_audit(said);
        }
        let unknown = Ack { ledger, stream, through: 0, above: Default::default(), audit: None };
        let ack = said.cloned().unwrap_or(unknown);
        if self.store.write(|writing| writing.resume(&ack))? == Acknowledged::Ahead {
            return Ok(None);
        }
        let next = self.store.position(stream)?.next;
        let (through, above) = (ack.through, ack.above.to_vec());
        Ok(Some(Standing { stream, next, through, above }))
    }
}

/// The clock by which messages are old: the one that is behind. Their times are the box's, and either clock
/// may be ahead.
fn old_by(clock: Clock, wall: UnixMillis) -> Clock {
    match clock {
        Clock::Known(at) => Clock::Known(at.min(wall)),
        unknown => unknown,
    }
}
