//! Mosquitto's configuration, access rules and certificates: nodes speak under their own name only.
//!
//! The broker knows a node by the common name of its certificate, `tenant/store/node`, and rules are
//! patterns over it. A node that was revoked is denied everything by its name, as its certificate holds
//! until its end. What a tenant's nodes may all read is readable for every node of the broker;
//! groups' documents carry settings, so their topics are open only where one tenant alone uses it.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::enrolment::Authority;
use super::error::HqError;
use super::key_file;
use crate::protocol::limits::MAX_ENVELOPE_BYTES;
use crate::protocol::{Label, Place};
use crate::sync::mqtt::Credentials;

/// The file of the access rules.
const ACL: &str = "acl";
/// What the broker calls HQ.
const HQ: &str = "hq";

/// What a broker is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokerPlan {
    /// The folder to write into; made where it is missing.
    pub folder: PathBuf,
    /// Names and addresses of the broker.
    pub hosts: Vec<String>,
    /// Its port.
    pub port: u16,
    /// Whose nodes.
    pub tenants: Vec<Label>,
    /// Nodes whose certificate holds but that are none of ours any more.
    pub revoked: Vec<Place>,
}

/// Writes the files of a broker that HQ's authority vouches for; gives their paths. Its key and HQ's
/// own credentials at it (`hq/`) are made anew.
pub fn write(hq_dir: &Path, plan: &BrokerPlan) -> Result<Vec<PathBuf>, HqError> {
    let authority = Authority::open(hq_dir)?;
    let own = plan.folder.join(HQ);
    std::fs::create_dir_all(&own).map_err(HqError::file("making", &own))?;
    let (certificate, key) = authority.serve("broker", &plan.hosts)?;
    let (own_certificate, own_key) = authority.serve(HQ, &[])?;
    let folder =
        std::path::absolute(&plan.folder).map_err(HqError::file("finding", &plan.folder))?;
    let mut written = Vec::new();
    for (path, contents) in [
        (folder.join("authority.pem"), authority.certificate()),
        (folder.join("broker.pem"), &certificate),
        (folder.join("broker.key"), &key),
        (folder.join(ACL), &rules(plan)),
        (folder.join("mosquitto.conf"), &configuration(&folder, plan.port)),
        (folder.join(HQ).join(Credentials::AUTHORITY), authority.certificate()),
        (folder.join(HQ).join(Credentials::CERTIFICATE), &own_certificate),
        (folder.join(HQ).join(Credentials::KEY), &own_key),
    ] {
        key_file::write(&path, contents.as_bytes())?;
        written.push(path);
    }
    Ok(written)
}

/// Writes the access rules alone, as after a node was revoked; the broker reads them anew on SIGHUP.
/// Gives their path.
pub fn write_rules(plan: &BrokerPlan) -> Result<PathBuf, HqError> {
    let path = plan.folder.join(ACL);
    key_file::write(&path, rules(plan).as_bytes())?;
    Ok(path)
}

fn configuration(folder: &Path, port: u16) -> String {
    let folder = folder.display();
    let most = MAX_ENVELOPE_BYTES + 4096;
    format!(
        "# Written by `endcap hq broker-files`. Run as a user who may read these files only.
per_listener_settings false
listener {port}
cafile {folder}/authority.pem
certfile {folder}/broker.pem
keyfile {folder}/broker.key
require_certificate true
use_identity_as_username true
# A node is one client, whatever it calls itself: none can end the connection of another.
use_username_as_clientid true
allow_anonymous false
acl_file {folder}/acl
# Nothing rests on what the broker keeps: nodes ask HQ when they come back.
persistence false
max_packet_size {most}
max_inflight_messages 200
# Stores that come back together all speak to HQ at once.
max_queued_messages 20000
max_queued_bytes 16777216
"
    )
}

fn rules(plan: &BrokerPlan) -> String {
    let BrokerPlan { tenants, revoked, .. } = plan;
    let mut rules = format!(
        "# Written by `endcap hq broker-files`.
user {HQ}
topic readwrite r/v1/#

# A node under its own name; %u is what its certificate says.
pattern write r/v1/%u/up/+
pattern write r/v1/%u/rep/+
pattern write r/v1/%u/res/+
pattern write r/v1/%u/pres
pattern write r/v1/%u/get
pattern read r/v1/%u/ack/+
pattern read r/v1/%u/des/+
pattern read r/v1/%u/cmd/+
pattern read r/v1/%u/snap
"
    );
    for place in revoked {
        let _ = write!(rules, "\nuser {place}\ntopic deny #\n");
    }
    let alone = tenants.len() == 1;
    for tenant in tenants {
        let _ = write!(rules, "\npattern read r/v1/{tenant}/facts/+/head\n");
        if alone {
            let _ = writeln!(rules, "pattern read r/v1/{tenant}/grp/+/des/+");
        }
    }
    rules
}

#[cfg(test)]
mod tests;
