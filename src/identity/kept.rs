//! The files that enrolment leaves on a box, which only their owner may read.

use std::path::Path;

use super::error::IdentityError;
use super::files;
use super::request::{Identity, make_request, make_request_with};
use crate::sync::mqtt::Credentials;
use crate::sync::{Believed, Enrolment, SignsAs};

/// The token with which artefacts are fetched and the certificate is renewed.
const TOKEN: &str = "token";

/// The key of a box that has asked with a claim and has no answer yet.
const PENDING: &str = "pending.pem";

/// This box's key and the request for its certificate, both PEM. A key stays until
/// [`write_identity`] has made this box a node, so that a claim can be repeated where its answer was
/// lost. Makes the folder where there is none. Blocks on the disk.
pub fn pending_request(folder: &Path) -> Result<(String, String), IdentityError> {
    std::fs::create_dir_all(folder).map_err(IdentityError::file("making", folder))?;
    let path = folder.join(PENDING);
    let kept = read(&path)?;
    let again = kept.and_then(|key| Some((make_request_with(&key).ok()?, key)));
    if let Some((request, key)) = again {
        return Ok((key, request));
    }
    let (key, request) = make_request()?;
    write(&path, &key)?;
    Ok((key, request))
}

/// The token of an identity folder; none where the box is not enrolled.
pub fn read_token(folder: &Path) -> Result<Option<String>, IdentityError> {
    Ok(read(&folder.join(TOKEN))?.map(|text| text.trim().to_owned()))
}

/// Writes what a renewal with the same key brought: the token last, as its use ends the old one's.
pub fn write_renewal(folder: &Path, identity: &Identity) -> Result<(), IdentityError> {
    write(&folder.join(Credentials::CERTIFICATE), &identity.certificate)?;
    write(&folder.join(TOKEN), &identity.token)
}

/// Writes what a box got; the file that makes it a node comes last.
pub fn write_identity(
    folder: &Path,
    hq: &str,
    key: &str,
    identity: &Identity,
) -> Result<(), IdentityError> {
    let enrolment = Enrolment {
        place: identity.place.parse()?,
        broker: identity.broker.clone().ok_or(IdentityError::NoBroker)?,
        hq: Some(hq.trim_end_matches('/').to_owned()),
        keys: vec![
            Believed { role: SignsAs::Director, key: identity.director_key.parse()? },
            Believed { role: SignsAs::Facts, key: identity.facts_key.parse()? },
        ],
        groups: identity.groups.iter().map(|name| name.parse()).collect::<Result<_, _>>()?,
        catalogues: identity
            .catalogues
            .iter()
            .map(|name| name.parse())
            .collect::<Result<_, _>>()?,
    };
    for (name, contents) in [
        (Credentials::KEY, key),
        (Credentials::CERTIFICATE, &identity.certificate),
        (Credentials::AUTHORITY, &identity.authority),
        (TOKEN, &identity.token),
    ] {
        write(&folder.join(name), contents)?;
    }
    enrolment.write(folder)?;
    match std::fs::remove_file(folder.join(PENDING)) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(IdentityError::file("removing", &folder.join(PENDING))(error))
        }
        _ => Ok(()),
    }
}

fn write(path: &Path, text: &str) -> Result<(), IdentityError> {
    files::write(path, text.as_bytes()).map_err(IdentityError::file("writing", path))
}

fn read(path: &Path) -> Result<Option<String>, IdentityError> {
    files::read(path).map_err(IdentityError::file("reading", path))
}
