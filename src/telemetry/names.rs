//! The one list of metric names.

use prometheus_client::registry::{Metric as Measured, Registry, Unit};

/// Every metric, so that none is misspelt or counted twice.
///
/// Names follow OpenTelemetry's semantic conventions for generative AI and HTTP where those have
/// one (dots become underscores); our own begin with `endcap_`. Counters are shown with `_total`,
/// times with `_seconds`, sizes with `_bytes`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metric {
    /// `gen_ai.server.time_to_first_token`.
    TimeToFirstToken,
    /// `gen_ai.server.time_per_output_token`; every gap is counted by itself.
    TimePerOutputToken,
    /// `gen_ai.server.request.duration`.
    GenerationDuration,
    /// Tokens by model and `gen_ai.token.type`.
    Tokens,
    /// Answers that were completed.
    Completed,
    /// Answers whose reader went away.
    Cancelled,
    /// Requests that failed inside the engine, or ran out of time.
    Failed,
    /// Sequences that gave their KV pages back to be computed again.
    SetAside,
    /// Requests that wait for the engine.
    QueueWaiting,
    /// Sequences that share the engine's steps.
    QueueRunning,
    /// KV memory in use.
    KvUsed,
    /// KV memory allowed.
    KvBudget,
    /// Models in memory.
    ModelLoaded,
    /// Their weights.
    ModelBytes,
    /// Models that came into memory.
    ModelLoads,
    /// Models that could not be loaded.
    ModelLoadFailures,
    /// Models that left because somebody said so.
    ModelUnloads,
    /// Models that left because another needed the room.
    ModelEvictions,
    /// How long loading took.
    ModelLoadDuration,
    /// Answers by how they were come by: kept, joined, made.
    CacheAnswers,
    /// Tokens that hits saved.
    CacheSavedTokens,
    /// Milliseconds that hits saved.
    CacheSavedMs,
    /// How old answers were when they were given again.
    CacheAge,
    /// Entries that are gone, by reason.
    CacheGone,
    /// Answers given by meaning that were also made, by whether they say the same.
    CacheCompared,
    /// Whether a category has switched its answers by meaning off.
    CacheOff,
    /// Answers made while nobody waited for them, by who made them and what came of it.
    CacheNight,
    /// Answers that are kept.
    CacheEntries,
    /// What they take in memory.
    CacheMemory,
    /// What they take on disk.
    CacheDisk,
    /// Answers that are being made.
    CacheMaking,
    /// Answers of packs that were found to hold here.
    CacheOfPack,
    /// Answers of the pack that is given.
    CachePackEntries,
    /// Its number.
    CachePackEpoch,
    /// Answers of skills by the step that gave them.
    SkillAnswers,
    /// Generated texts that checks refused, by reason.
    SkillRefused,
    /// Texts that were looked through for personal data, by who looked.
    PrivacyTexts,
    /// Personal data that was taken out of what is kept, by entity.
    PrivacyFound,
    /// Conversations that are not over.
    Conversations,
    /// Profiles that are kept.
    Profiles,
    /// Subjects that have a key.
    Subjects,
    /// Records of generated answers that are kept.
    AuditRecords,
    /// Bytes of what is sealed beside them.
    AuditInputs,
    /// Records since the start that could not be written.
    AuditLost,
    /// Shoppers for whom a person was called, by reason.
    Handoffs,
    /// Handoffs that nobody took yet.
    HandoffsWaiting,
    /// Handoffs that somebody answers.
    HandoffsClaimed,
    /// Handoffs that nobody took for so long that all were rung.
    HandoffsEscalated,
    /// Handoffs that are over, by how they ended.
    HandoffsOver,
    /// How long shoppers waited until somebody answered them.
    HandoffClaim,
    /// Associates who may be rung.
    Associates,
    /// Answers that associates put right.
    Corrections,
    /// Times of requests to networks.
    InferenceDuration,
    /// Runs of networks; requests that were joined share one.
    InferenceRuns,
    /// Rows that networks answered.
    InferenceRows,
    /// Requests to networks whose asker went away.
    InferenceCancelled,
    /// Requests to networks that failed.
    InferenceFailed,
    /// Facts by table.
    Facts,
    /// Memory for models and what stands beside them.
    MemoryBudget,
    /// What stands beside models, by what it is.
    MemoryHeld,
    /// Revision of the facts' last change.
    FactsRevision,
    /// Memory that facts take.
    FactsMemory,
    /// How long the feed of each table is silent.
    FactsFeedAge,
    /// Writes of facts that were refused, by reason.
    FactsRefused,
    /// Which phase the line to HQ is in.
    LinePhase,
    /// Connections to the broker.
    LineConnections,
    /// Messages of HQ that were not taken, by reason.
    LineRefused,
    /// Messages that wait for HQ, by stream.
    OutboxEntries,
    /// Their bytes.
    OutboxBytes,
    /// How long the oldest of them has waited.
    OutboxAge,
    /// Events and values that could not be written down for HQ.
    NotesLost,
    /// Days that this box's certificate holds on.
    CertificateDays,
    /// Boxes that headquarters has, by presence.
    HqNodes,
    /// Messages of boxes that came to headquarters, by what became of them.
    HqMessages,
    /// Messages that headquarters gave in answer.
    HqAnswers,
    /// Commands that boxes have not answered.
    HqCommands,
    /// Boxes whose certificate is near its end.
    HqCertificates,
    /// Headquarters' database.
    HqDatabase,
    /// Whether headquarters is on the line.
    HqListening,
    /// `http.server.request.duration`, up to the last byte of the answer.
    HttpDuration,
    /// `http.server.active_requests`.
    HttpActive,
    /// Open connections.
    Connections,
    /// Connections refused because the limit was reached.
    ConnectionsRefused,
    /// Panics caught at the door.
    Panics,
    /// The version that runs, as a label.
    Build,
    /// When the process started.
    ProcessStart,
    /// Resident memory.
    ProcessMemory,
    /// Processor time used.
    ProcessCpu,
    /// Open file descriptors.
    ProcessFiles,
}

impl Metric {
    /// Every metric.
    pub const ALL: [Self; 89] = [
        Self::TimeToFirstToken,
        Self::TimePerOutputToken,
        Self::GenerationDuration,
        Self::Tokens,
        Self::Completed,
        Self::Cancelled,
        Self::Failed,
        Self::SetAside,
        Self::QueueWaiting,
        Self::QueueRunning,
        Self::KvUsed,
        Self::KvBudget,
        Self::ModelLoaded,
        Self::ModelBytes,
        Self::ModelLoads,
        Self::ModelLoadFailures,
        Self::ModelUnloads,
        Self::ModelEvictions,
        Self::ModelLoadDuration,
        Self::CacheAnswers,
        Self::CacheSavedTokens,
        Self::CacheSavedMs,
        Self::CacheAge,
        Self::CacheGone,
        Self::CacheCompared,
        Self::CacheOff,
        Self::CacheNight,
        Self::CacheEntries,
        Self::CacheMemory,
        Self::CacheDisk,
        Self::CacheMaking,
        Self::CacheOfPack,
        Self::CachePackEntries,
        Self::CachePackEpoch,
        Self::SkillAnswers,
        Self::SkillRefused,
        Self::PrivacyTexts,
        Self::PrivacyFound,
        Self::Conversations,
        Self::Profiles,
        Self::Subjects,
        Self::AuditRecords,
        Self::AuditInputs,
        Self::AuditLost,
        Self::Handoffs,
        Self::HandoffsWaiting,
        Self::HandoffsClaimed,
        Self::HandoffsEscalated,
        Self::HandoffsOver,
        Self::HandoffClaim,
        Self::Associates,
        Self::Corrections,
        Self::InferenceDuration,
        Self::InferenceRuns,
        Self::InferenceRows,
        Self::InferenceCancelled,
        Self::InferenceFailed,
        Self::Facts,
        Self::MemoryBudget,
        Self::MemoryHeld,
        Self::FactsRevision,
        Self::FactsMemory,
        Self::FactsFeedAge,
        Self::FactsRefused,
        Self::LinePhase,
        Self::LineConnections,
        Self::LineRefused,
        Self::OutboxEntries,
        Self::OutboxBytes,
        Self::OutboxAge,
        Self::NotesLost,
        Self::CertificateDays,
        Self::HqNodes,
        Self::HqMessages,
        Self::HqAnswers,
        Self::HqCommands,
        Self::HqCertificates,
        Self::HqDatabase,
        Self::HqListening,
        Self::HttpDuration,
        Self::HttpActive,
        Self::Connections,
        Self::ConnectionsRefused,
        Self::Panics,
        Self::Build,
        Self::ProcessStart,
        Self::ProcessMemory,
        Self::ProcessCpu,
        Self::ProcessFiles,
    ];

    /// Name without unit and `_total`.
    pub fn name(self) -> &'static str {
        self.parts().0
    }

    /// Unit, which becomes the name's end.
    pub fn unit(self) -> Option<Unit> {
        self.parts().1
    }

    /// One sentence for the operator.
    pub fn help(self) -> &'static str {
        self.parts().2
    }

    fn parts(self) -> (&'static str, Option<Unit>, &'static str) {
        use Unit::{Bytes, Seconds};
        match self {
            Self::TimeToFirstToken => (
                "gen_ai_server_time_to_first_token",
                Some(Seconds),
                "Time from a request to its first token",
            ),
            Self::TimePerOutputToken => (
                "gen_ai_server_time_per_output_token",
                Some(Seconds),
                "Time between two tokens of one answer",
            ),
            Self::GenerationDuration => (
                "gen_ai_server_request_duration",
                Some(Seconds),
                "Time from a request to the end of its answer",
            ),
            Self::Tokens => ("endcap_tokens", None, "Tokens read (input) and generated (output)"),
            Self::Completed => ("endcap_answers_completed", None, "Answers that were completed"),
            Self::Cancelled => {
                ("endcap_answers_cancelled", None, "Answers whose reader went away before the end")
            }
            Self::Failed => (
                "endcap_answers_failed",
                None,
                "Requests that failed in the engine or ran out of time",
            ),
            Self::SetAside => (
                "endcap_sequences_set_aside",
                None,
                "Times a sequence gave its KV memory back and was computed again",
            ),
            Self::QueueWaiting => {
                ("endcap_queue_waiting", None, "Requests that wait for the engine")
            }
            Self::QueueRunning => {
                ("endcap_queue_running", None, "Sequences that share the engine's steps")
            }
            Self::KvUsed => ("endcap_kv_used", Some(Bytes), "KV memory in use"),
            Self::KvBudget => ("endcap_kv_budget", Some(Bytes), "KV memory allowed"),
            Self::ModelLoaded => ("endcap_model_loaded", None, "1 where a model is in memory"),
            Self::ModelBytes => {
                ("endcap_model_weights", Some(Bytes), "Weights of a model in memory")
            }
            Self::ModelLoads => ("endcap_model_loads", None, "Times a model came into memory"),
            Self::ModelLoadFailures => {
                ("endcap_model_load_failures", None, "Times a model could not be loaded")
            }
            Self::ModelUnloads => {
                ("endcap_model_unloads", None, "Times a model left memory because it was told to")
            }
            Self::ModelEvictions => (
                "endcap_model_evictions",
                None,
                "Times a model left memory because another needed the room",
            ),
            Self::ModelLoadDuration => {
                ("endcap_model_load_duration", Some(Seconds), "Time to bring a model into memory")
            }
            Self::CacheAnswers => {
                ("endcap_cache_answers", None, "Answers by how they were come by")
            }
            Self::CacheSavedTokens => (
                "endcap_cache_saved_tokens",
                None,
                "Tokens that need not be generated, as an answer was kept",
            ),
            Self::CacheSavedMs => (
                "endcap_cache_saved_milliseconds",
                None,
                "Time that need not be spent, as an answer was kept",
            ),
            Self::CacheAge => {
                ("endcap_cache_age", Some(Seconds), "Age of kept answers when they were given")
            }
            Self::CacheGone => ("endcap_cache_gone", None, "Kept answers that are gone, by reason"),
            Self::CacheCompared => (
                "endcap_cache_compared",
                None,
                "Answers given by meaning that were also made, by whether they say the same",
            ),
            Self::CacheOff => (
                "endcap_cache_category_off",
                None,
                "1 where a category of questions has switched its answers by meaning off",
            ),
            Self::CacheNight => (
                "endcap_cache_night",
                None,
                "Answers made while nobody waited for them, by maker and what came of it",
            ),
            Self::CacheEntries => ("endcap_cache_entries", None, "Answers that are kept"),
            Self::CacheMemory => {
                ("endcap_cache_memory", Some(Bytes), "What kept answers take in memory")
            }
            Self::CacheDisk => ("endcap_cache_disk", Some(Bytes), "What kept answers take on disk"),
            Self::SkillAnswers => {
                ("endcap_skill_answers", None, "Answers of skills, by the step that gave them")
            }
            Self::Conversations => {
                ("endcap_conversations", None, "Conversations that are not over")
            }
            Self::Profiles => ("endcap_profiles", None, "Profiles that are kept"),
            Self::Subjects => ("endcap_subjects", None, "Subjects that have a key"),
            Self::AuditRecords => {
                ("endcap_audit_records", None, "Records of generated answers that are kept")
            }
            Self::AuditInputs => {
                ("endcap_audit_inputs", Some(Bytes), "What is sealed beside the records")
            }
            Self::AuditLost => {
                ("endcap_audit_lost", None, "Records since the start that could not be written")
            }
            Self::Handoffs => {
                ("endcap_handoffs", None, "Shoppers for whom a person was called, by reason")
            }
            Self::HandoffsWaiting => {
                ("endcap_handoffs_waiting", None, "Handoffs that nobody took yet")
            }
            Self::HandoffsClaimed => {
                ("endcap_handoffs_claimed", None, "Handoffs that somebody answers")
            }
            Self::HandoffsEscalated => (
                "endcap_handoffs_escalated",
                None,
                "Handoffs that nobody took for so long that all were rung",
            ),
            Self::HandoffsOver => {
                ("endcap_handoffs_over", None, "Handoffs that are over, by how they ended")
            }
            Self::HandoffClaim => (
                "endcap_handoff_claim_duration",
                Some(Seconds),
                "Time from the call for a person until one answers",
            ),
            Self::Associates => ("endcap_associates_present", None, "Associates who may be rung"),
            Self::Corrections => {
                ("endcap_corrections", None, "Answers of the assistant that associates put right")
            }
            Self::SkillRefused => (
                "endcap_skill_refused",
                None,
                "Generated texts that were not said, by the check that refused them",
            ),
            Self::PrivacyTexts => (
                "endcap_privacy_texts",
                None,
                "Texts looked through for personal data, and whether a model tagged their words",
            ),
            Self::PrivacyFound => (
                "endcap_privacy_found",
                None,
                "Personal data that was taken out of what is kept, by entity",
            ),
            Self::CacheMaking => {
                ("endcap_cache_making", None, "Answers that are being made through the cache")
            }
            Self::CacheOfPack => (
                "endcap_cache_pack_answers",
                None,
                "Answers of packs that were found to hold here and were taken up, by route",
            ),
            Self::CachePackEntries => {
                ("endcap_cache_pack_entries", None, "Answers of the pack that HQ wants here")
            }
            Self::CachePackEpoch => {
                ("endcap_cache_pack_epoch", None, "Number of the pack that HQ wants here")
            }
            Self::InferenceDuration => (
                "endcap_inference_duration",
                Some(Seconds),
                "Time from a request for arrays to its answer",
            ),
            Self::InferenceRuns => {
                ("endcap_inference_runs", None, "Runs of a graph; requests may share one")
            }
            Self::InferenceRows => ("endcap_inference_rows", None, "Rows that runs of a graph had"),
            Self::InferenceCancelled => (
                "endcap_inferences_cancelled",
                None,
                "Requests for arrays whose asker went away before their turn",
            ),
            Self::InferenceFailed => (
                "endcap_inferences_failed",
                None,
                "Requests for arrays that a graph refused, or that ran out of time",
            ),
            Self::Facts => ("endcap_facts", None, "Facts that are there"),
            Self::MemoryBudget => (
                "endcap_memory_budget",
                Some(Bytes),
                "Memory for models, facts, the index of products and their vectors",
            ),
            Self::MemoryHeld => (
                "endcap_memory_held",
                Some(Bytes),
                "Memory of the budget that is not for models, by what has it",
            ),
            Self::FactsRevision => {
                ("endcap_facts_revision", None, "Revision of the last change of a fact")
            }
            Self::FactsMemory => (
                "endcap_facts_memory",
                Some(Bytes),
                "Memory of all facts, as it is counted against the limit",
            ),
            Self::FactsFeedAge => (
                "endcap_facts_feed_age",
                Some(Seconds),
                "Time since the feed of a table was last heard of",
            ),
            Self::FactsRefused => {
                ("endcap_facts_writes_refused", None, "Writes of facts that were refused")
            }
            Self::LinePhase => {
                ("endcap_line_phase", None, "1 for the phase that the line to HQ is in")
            }
            Self::LineConnections => {
                ("endcap_line_connections", None, "Connections that the broker took")
            }
            Self::LineRefused => (
                "endcap_line_messages_refused",
                None,
                "Messages from the broker that were not taken, by reason",
            ),
            Self::OutboxEntries => ("endcap_outbox_entries", None, "Messages that wait for HQ"),
            Self::OutboxBytes => ("endcap_outbox", Some(Bytes), "Messages that wait for HQ"),
            Self::OutboxAge => (
                "endcap_outbox_oldest_age",
                Some(Seconds),
                "Age of the oldest message that waits for HQ",
            ),
            Self::NotesLost => (
                "endcap_notes_lost",
                None,
                "Events and values that could not be written down for HQ",
            ),
            Self::HqNodes => {
                ("endcap_hq_nodes", None, "Boxes by what they said of themselves last")
            }
            Self::HqMessages => {
                ("endcap_hq_messages", None, "Messages of boxes by what became of them")
            }
            Self::HqAnswers => ("endcap_hq_answers", None, "Messages given to the line in answer"),
            Self::HqCommands => {
                ("endcap_hq_commands_waiting", None, "Commands that boxes have not answered")
            }
            Self::HqCertificates => (
                "endcap_hq_certificates_ending",
                None,
                "Boxes whose certificate ends within ten days",
            ),
            Self::HqDatabase => ("endcap_hq_database", Some(Bytes), "Headquarters' database"),
            Self::HqListening => {
                ("endcap_hq_listening", None, "1 while the broker has headquarters on the line")
            }
            Self::CertificateDays => (
                "endcap_line_certificate_days",
                None,
                "Days that the certificate of an enrolled box holds on",
            ),
            Self::HttpDuration => (
                "http_server_request_duration",
                Some(Seconds),
                "Time from a request's head to the last byte of its response",
            ),
            Self::HttpActive => ("http_server_active_requests", None, "Requests in progress"),
            Self::Connections => ("endcap_http_connections", None, "Open connections"),
            Self::ConnectionsRefused => {
                ("endcap_http_connections_refused", None, "Connections refused at the limit")
            }
            Self::Panics => ("endcap_http_panics", None, "Requests that ended in a fault of ours"),
            Self::Build => ("endcap_build_info", None, "The version that runs"),
            Self::ProcessStart => {
                ("process_start_time", Some(Seconds), "Start of the process, seconds since 1970")
            }
            Self::ProcessMemory => ("process_resident_memory", Some(Bytes), "Resident memory"),
            Self::ProcessCpu => ("process_cpu", Some(Seconds), "Processor time used"),
            Self::ProcessFiles => ("process_open_fds", None, "Open file descriptors"),
        }
    }

    /// Registers a measurement under this name.
    pub(super) fn register(self, registry: &mut Registry, measured: impl Measured) {
        match self.unit() {
            Some(unit) => {
                registry.register_with_unit(self.name(), self.help(), unit, measured);
            }
            None => registry.register(self.name(), self.help(), measured),
        }
    }
}
