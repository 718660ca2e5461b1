//! What the routes share.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use crate::audit::Audit;
use crate::cache::{Cache, Maker};
use crate::desk::Desk;
use crate::engine::{EngineError, Model, Network, Sampling, TokenId, Tokenizer};
use crate::facts::Facts;
use crate::facts::search::Search;
use crate::firmware::Firmware;
use crate::http::{BodyLimits, Health, Pairing, Problem, Tokens};
use crate::shoppers::Shoppers;
use crate::skills::chat::ChatTemplate;
use crate::skills::clerk::{Clerk, ClerkParts};
use crate::skills::concierge::{self, Auditor, Concierge, ConciergeParts, House, Orders};
use crate::skills::guard::Terms;
use crate::skills::heads::Head;
use crate::skills::live::Live;
use crate::telemetry::{Conduct, Metrics};

use super::blocked::Blocked;
use super::error;
use super::inference::TensorMemory;
use super::meaning::Meaning;
use super::records::Records;
use super::shelf::{Lease, Lent, Ports, Shelf, Wanted};
use super::store::acts::Acts;
use super::store::config::Settings;
use super::store::line::LineView;
use super::streams::Streams;
use super::tagger::ShelfTagger;
use super::voice::ShelfVoice;

/// Prompts below this are rendered and tokenised in place: it takes less than changing threads.
const INLINE_PROMPT_BYTES: usize = 4 << 10;
/// The grain in which room for pictures is given out.
const PIXELS_PER_PERMIT: u64 = 1 << 16;
/// Batches of facts that come at once; more wait.
const MAX_BATCHES: usize = 4;
/// As many as a semaphore can count, and a request can ask for.
const MAX_PERMITS: u64 = 1 << 24;

/// What a request may ask for; one over a limit is refused with the limit's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Messages of a conversation.
    pub max_messages: usize,
    /// Bytes of one message.
    pub max_message_bytes: usize,
    /// Bytes of all messages, or of all prompts, together.
    pub max_prompt_bytes: usize,
    /// Tokens of one answer.
    pub max_completion_tokens: usize,
    /// Choices of one request: prompts times `n`.
    pub max_n: usize,
    /// Stop texts.
    pub max_stop: usize,
    /// Bytes of one stop text.
    pub max_stop_bytes: usize,
    /// Tokens with a bias.
    pub max_logit_bias: usize,
    /// Alternatives reported for each token.
    pub max_top_logprobs: usize,
    /// Texts of one request for vectors.
    pub max_embedding_inputs: usize,
    /// Bytes of a schema or pattern that an answer is to keep to.
    pub max_schema_bytes: usize,
    /// Bytes of a picture's file.
    pub max_picture_bytes: usize,
    /// Pixels of a picture, and of all pictures that are in work at once.
    pub max_picture_pixels: usize,
    /// Bytes of a request that brings arrays, before and after it is inflated.
    pub max_tensor_bytes: usize,
    /// Bytes of all such requests that are read or answered at once; the others wait.
    pub max_tensor_bytes_at_once: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_messages: 256,
            max_message_bytes: 256 << 10,
            max_prompt_bytes: 1 << 20,
            max_completion_tokens: 4096,
            max_n: 8,
            max_stop: 16,
            max_stop_bytes: 256,
            max_logit_bias: 1024,
            max_top_logprobs: 20,
            max_embedding_inputs: 2048,
            max_schema_bytes: 64 << 10,
            max_picture_bytes: 20 << 20,
            max_picture_pixels: 40_000_000,
            max_tensor_bytes: 32 << 20,
            max_tensor_bytes_at_once: 128 << 20,
        }
    }
}

/// What a model's package says of answers; a request's own values stand above these.
#[derive(Debug, Clone, PartialEq)]
pub struct Defaults {
    /// How tokens are chosen.
    pub sampling: Sampling,
    /// Tokens of an answer where the request does not say; without one, as many as the limit.
    pub max_new_tokens: Option<usize>,
}

/// A model that is loaded and may be asked.
pub struct ServedModel {
    /// By which requests call it.
    pub name: String,
    /// The package's version.
    pub version: String,
    /// Of everything that changes what it says: package, program, how it computes. Hexadecimal.
    pub digest: String,
    /// The engine's handle.
    pub model: Model,
    /// Without one, only completions can be asked for.
    pub template: Option<ChatTemplate>,
    /// Comes before a prompt that is plain text, where the model was made so.
    pub begin: Option<TokenId>,
    /// Languages that it was made for, as `en`; none where its card states none.
    pub languages: Vec<String>,
    /// Skills that it is fit for, as `ask`; none where its card states none.
    pub skills: Vec<String>,
    /// What its package says of answers.
    pub defaults: Defaults,
    /// Terms that nothing it says may have.
    pub blocked: Arc<Terms>,
    /// By which is told what its engine cannot see.
    pub conduct: Conduct,
    /// What it was loaded from.
    pub files: LoadedFiles,
    /// When the package was installed.
    pub created: SystemTime,
    /// Who made it, for lists.
    pub owned_by: String,
}

impl ServedModel {
    /// Changes when the same request might be answered differently: other program, other package.
    pub(super) fn fingerprint(&self) -> String {
        format!("fp_{}", self.digest.get(..10).unwrap_or(&self.digest))
    }
}

/// Files that a package was loaded from, by name with their SHA-256 in hexadecimal. Empty where they
/// were not compared when it was loaded.
pub type LoadedFiles = Vec<(String, String)>;

/// A graph that is loaded and may be asked with arrays.
pub struct ServedNetwork {
    /// By which requests call it.
    pub name: String,
    /// The package's version.
    pub version: String,
    /// The engine's handle.
    pub network: Network,
    /// Where texts are to become tokens.
    pub tokenizer: Option<Tokenizer>,
    /// What is done around the graph.
    pub head: Option<Head>,
    /// What it was loaded from.
    pub files: LoadedFiles,
    /// When the package was installed.
    pub created: SystemTime,
    /// Who made it, for lists.
    pub owned_by: String,
}

/// What a package is served as.
#[derive(Clone)]
pub enum Served {
    /// A language model.
    Language(Arc<ServedModel>),
    /// Any other graph.
    Network(Arc<ServedNetwork>),
}

impl Served {
    /// By which requests call it.
    pub fn name(&self) -> &str {
        match self {
            Self::Language(model) => &model.name,
            Self::Network(network) => &network.name,
        }
    }

    /// The package's version.
    pub fn version(&self) -> &str {
        match self {
            Self::Language(model) => &model.version,
            Self::Network(network) => &network.version,
        }
    }

    /// What it was loaded from.
    pub fn files(&self) -> &LoadedFiles {
        match self {
            Self::Language(model) => &model.files,
            Self::Network(network) => &network.files,
        }
    }

    /// What it takes and gives as arrays. A language model takes tokens and gives logits.
    pub fn ports(&self) -> Ports {
        match self {
            Self::Language(model) => {
                Ports { inputs: model.model.inputs(), outputs: model.model.outputs() }
            }
            Self::Network(network) => Ports {
                inputs: network.network.inputs().to_vec(),
                outputs: network.network.outputs().to_vec(),
            },
        }
    }

    /// Waits until it has ended and its memory is given back, after [`Self::shut_down`].
    pub fn ended(&self) -> BoxFuture<'static, ()> {
        match self {
            Self::Language(model) => model.model.ended().boxed(),
            Self::Network(network) => network.network.ended().boxed(),
        }
    }

    /// Refuses new requests from now on; those accepted finish.
    pub fn shut_down(&self) {
        match self {
            Self::Language(model) => model.model.shut_down(),
            Self::Network(network) => network.network.shut_down(),
        }
    }
}

/// What [`Service::new`] is made of.
pub struct ServiceParts {
    /// Where models come from.
    pub shelf: Arc<dyn Shelf>,
    /// What the shop knows.
    pub facts: Facts,
    /// What the shop decides about its skills.
    pub skills: Live,
    /// What a request may ask for.
    pub limits: Limits,
    /// What a request's body may take.
    pub body: BodyLimits,
    /// From a request's head to the end of its answer.
    pub request_timeout: Duration,
    /// Who may ask.
    pub tokens: Arc<Tokens>,
    /// Who gives devices theirs.
    pub pairing: Arc<Pairing>,
    /// What `/metrics` shows.
    pub metrics: Arc<Metrics>,
    /// What the health routes show.
    pub health: Arc<Health>,
    /// Answers that were made.
    pub cache: Cache,
    /// Search over the products.
    pub search: Arc<Search>,
    /// How the line to HQ is.
    pub line: watch::Receiver<LineView>,
    /// Settings that may change while the server runs.
    pub settings: Arc<dyn Settings>,
    /// Who writes down what persons do.
    pub acts: Arc<dyn Acts>,
    /// Whoever takes part in conversations.
    pub conversations: Conversations,
    /// Where associates answer shoppers; none where nobody is called.
    pub desk: Option<Desk>,
    /// What small devices should run; none where there are none.
    pub firmware: Option<Firmware>,
}

/// What conversations need besides facts and models.
pub struct Conversations {
    /// Where they are kept.
    pub shoppers: Shoppers,
    /// What the chain decides about its assistant.
    pub house: House,
    /// The retailer's order system, where there is one.
    pub orders: Option<Arc<dyn Orders>>,
    /// Whoever calls an associate, where somebody does.
    pub desk: Option<Arc<dyn concierge::Desk>>,
    /// Where records of generated answers are kept, where they are.
    pub audit: Option<Audit>,
}

impl Conversations {
    /// With nobody but the assistant.
    pub fn alone(shoppers: Shoppers) -> Self {
        Self { shoppers, house: House::default(), orders: None, desk: None, audit: None }
    }
}

/// What the routes share.
pub struct Service {
    pub(super) shelf: Arc<dyn Shelf>,
    pub(super) facts: Facts,
    pub(super) clerk: Arc<Clerk>,
    pub(super) concierge: Concierge,
    pub(super) audit: Option<Audit>,
    pub(super) desk: Option<Desk>,
    pub(super) firmware: Option<Firmware>,
    pub(super) limits: Limits,
    pub(super) body: BodyLimits,
    pub(super) request_timeout: Duration,
    pub(super) tokens: Arc<Tokens>,
    pub(super) pairing: Arc<Pairing>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) health: Arc<Health>,
    pub(super) cache: Cache,
    pub(super) search: Arc<Search>,
    pub(super) line: watch::Receiver<LineView>,
    pub(super) settings: Arc<dyn Settings>,
    pub(super) acts: Arc<dyn Acts>,
    pub(super) meaning: Meaning,
    pub(super) streams: Streams,
    /// What the shop decides about its skills.
    skills: Live,
    blocked: Blocked,
    preparing: Arc<Semaphore>,
    /// Room for pictures, a permit for each [`PIXELS_PER_PERMIT`].
    pictures: Arc<Semaphore>,
    pub(super) tensor_memory: TensorMemory,
    /// Turns of batches of facts, each of which takes room on the disk while it comes.
    batches: Arc<Semaphore>,
}

impl Service {
    /// Shares these parts.
    pub fn new(parts: ServiceParts) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let usual = parts.skills.now().model.clone();
        let Conversations { shoppers, house, orders, desk, audit } = parts.conversations;
        let records = audit.clone().map(Records).map(Arc::new);
        let clerk = Clerk::new(ClerkParts {
            facts: parts.facts.clone(),
            search: Arc::clone(&parts.search),
            cache: parts.cache.clone(),
            voice: Arc::new(ShelfVoice::new(Arc::clone(&parts.shelf), usual)),
            meaning: Arc::new(Meaning::new(Arc::clone(&parts.shelf))),
            settings: parts.skills.clone(),
            metrics: parts.metrics.skills().clone(),
        });
        let clerk = clerk.tagged_by(Arc::new(ShelfTagger::new(Arc::clone(&parts.shelf))));
        let clerk = Arc::new(match &records {
            Some(records) => clerk.before(Arc::<Records>::clone(records)),
            None => clerk,
        });
        let auditor = records.map(|records| records as Arc<dyn Auditor>);
        let concierge =
            ConciergeParts { clerk: Arc::clone(&clerk), shoppers, house, orders, desk, auditor };
        Self {
            meaning: Meaning::new(Arc::clone(&parts.shelf)),
            streams: Streams::default(),
            shelf: parts.shelf,
            facts: parts.facts,
            clerk,
            concierge: Concierge::new(concierge),
            audit,
            desk: parts.desk,
            firmware: parts.firmware,
            skills: parts.skills,
            blocked: Blocked::default(),
            pictures: Arc::new(Semaphore::new(permits(parts.limits.max_picture_pixels as u64))),
            tensor_memory: TensorMemory::new(&parts.limits),
            limits: parts.limits,
            body: parts.body,
            request_timeout: parts.request_timeout,
            tokens: parts.tokens,
            pairing: parts.pairing,
            metrics: parts.metrics,
            health: parts.health,
            cache: parts.cache,
            search: parts.search,
            line: parts.line,
            settings: parts.settings,
            acts: parts.acts,
            preparing: Arc::new(Semaphore::new(cores)),
            batches: Arc::new(Semaphore::new(MAX_BATCHES)),
        }
    }

    /// Who makes answers again that nobody asks for just now.
    pub fn maker(&self) -> Arc<dyn Maker> {
        Arc::<Clerk>::clone(&self.clerk)
    }

    /// What answers of a model may not have: its own terms, and the shop's.
    pub(super) fn blocked(&self, served: &ServedModel) -> Arc<Terms> {
        self.blocked.join(&served.blocked, &self.skills.now().blocked_terms)
    }

    /// The model that was asked for, whatever it is. It may have to be loaded first, for which a
    /// request waits as long as it may take in all.
    pub(super) async fn model<'a>(&self, wanted: impl Into<Wanted<'a>>) -> Result<Lease, Problem> {
        let lent = self.shelf.lend(wanted.into());
        match tokio::time::timeout(self.request_timeout, lent).await {
            Ok(lent) => lent.map_err(error::of_shelf),
            Err(_) => Err(error::of_engine(EngineError::Deadline, "")),
        }
    }

    /// The language model that was asked for. Hold it until the answer is complete.
    pub(super) async fn language<'a>(
        &self,
        wanted: impl Into<Wanted<'a>>,
    ) -> Result<Lent<ServedModel>, Problem> {
        let lease = self.model(wanted).await?;
        match lease.served().clone() {
            Served::Language(model) => Ok(lease.of(model)),
            Served::Network(network) => Err(error::not_a_language_model(&network.name)),
        }
    }

    /// The network that was asked for. Hold it until the answer is complete.
    pub(super) async fn network<'a>(
        &self,
        wanted: impl Into<Wanted<'a>>,
    ) -> Result<Lent<ServedNetwork>, Problem> {
        let lease = self.model(wanted).await?;
        match lease.served().clone() {
            Served::Network(network) => Ok(lease.of(network)),
            Served::Language(model) => Err(error::not_a_network(&model.name)),
        }
    }

    /// Does work on a prompt of this size: small ones at once, large ones on a blocking thread,
    /// as many at once as there are cores.
    pub(super) async fn prepare<T: Send + 'static>(
        &self,
        prompt_bytes: usize,
        deadline: Instant,
        work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        if prompt_bytes < INLINE_PROMPT_BYTES {
            return work();
        }
        let turn = Arc::clone(&self.preparing).acquire_owned();
        let turn = tokio::time::timeout_at(deadline.into(), turn).await;
        let turn = turn.map_err(|_| error::of_engine(EngineError::Deadline, ""))?;
        let turn = turn.map_err(Problem::internal)?;
        // The turn goes with the work: who leaves meanwhile does not make room for another.
        let work = move || {
            let _turn = turn;
            work()
        };
        tokio::task::spawn_blocking(work).await.map_err(Problem::internal)?
    }

    /// Waits for the turn of a batch of facts.
    pub(super) async fn turn_for_batch(&self) -> Result<OwnedSemaphorePermit, Problem> {
        let turn = Arc::clone(&self.batches).acquire_owned();
        let turn = tokio::time::timeout(self.request_timeout, turn).await;
        let turn = turn.map_err(|_| error::of_engine(EngineError::Deadline, ""))?;
        turn.map_err(Problem::internal)
    }

    /// Waits for room for a picture of this size. Pictures that are in work at once have no more
    /// pixels together than one may have, so that their memory has a limit.
    pub(super) async fn room_for_picture(
        &self,
        pixels: u64,
        deadline: Instant,
    ) -> Result<OwnedSemaphorePermit, Problem> {
        let wanted = permits(pixels).min(permits(self.limits.max_picture_pixels as u64));
        let room = Arc::clone(&self.pictures).acquire_many_owned(wanted as u32);
        let room = tokio::time::timeout_at(deadline.into(), room).await;
        let room = room.map_err(|_| error::of_engine(EngineError::Deadline, ""))?;
        room.map_err(Problem::internal)
    }
}

/// Permits for a picture of this size.
fn permits(pixels: u64) -> usize {
    pixels.div_ceil(PIXELS_PER_PERMIT).clamp(1, MAX_PERMITS) as usize
}

pub(super) fn unix_s(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |d| d.as_secs())
}
