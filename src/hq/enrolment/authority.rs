//! The authority that vouches for nodes, for HQ and for its broker (X.509, ECDSA P-256).

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, DistinguishedName,
    DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, PublicKeyData as _,
    SerialNumber,
};

use crate::hq::error::HqError;
use crate::hq::key_file::{self, random};
use crate::protocol::{Digest, Place, UnixMillis};

const AUTHORITY_DAYS: u64 = 20 * 365;
const SERVER_DAYS: u64 = 365;
/// Clocks of boxes are a little behind.
const SLACK: Duration = Duration::from_secs(3600);
/// Bytes of a request for a certificate, as PEM.
const MAX_REQUEST_BYTES: usize = 8 * 1024;

/// Vouches for others. Its key is a file of its owner only.
pub struct Authority {
    certificate: String,
    issuer: Issuer<'static, KeyPair>,
    folder: PathBuf,
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority").field("folder", &self.folder).finish_non_exhaustive()
    }
}

/// A certificate and until when it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::hq) struct Issued {
    pub(in crate::hq) pem: String,
    pub(in crate::hq) until: UnixMillis,
    /// Digest of the public key.
    pub(in crate::hq) key: Digest,
}

/// A request whose signature was right: whoever made it has the key.
pub(in crate::hq) struct Checked {
    params: CertificateSigningRequestParams,
}

impl Checked {
    /// The request of PEM.
    pub(in crate::hq) fn parse(field: &'static str, pem: &str) -> Result<Self, HqError> {
        if pem.len() > MAX_REQUEST_BYTES {
            let (found, most) = (pem.len() as u64, MAX_REQUEST_BYTES as u64);
            return Err(HqError::TooMuch {
                what: "bytes of a request for a certificate",
                found,
                most,
            });
        }
        let refuse = |error: rcgen::Error| HqError::Value { field, why: error.to_string() };
        let params = CertificateSigningRequestParams::from_pem(pem).map_err(refuse)?;
        if params.public_key.algorithm() != &rcgen::PKCS_ECDSA_P256_SHA256 {
            let why = "the key is not ECDSA P-256".to_owned();
            return Err(HqError::Value { field, why });
        }
        Ok(Self { params })
    }

    /// Digest of the public key.
    pub(in crate::hq) fn key(&self) -> Digest {
        Digest::of(self.params.public_key.der_bytes())
    }

    /// The name that it asks for.
    pub(in crate::hq) fn name(&self) -> Option<&str> {
        match self.params.params.distinguished_name.get(&DnType::CommonName)? {
            rcgen::DnValue::Utf8String(name) => Some(name),
            rcgen::DnValue::PrintableString(name) => Some(name.as_str()),
            _ => None,
        }
    }
}

impl Authority {
    /// The authority of a folder; made at the first start.
    pub fn open(folder: &Path) -> Result<Self, HqError> {
        let (key_path, path) = (folder.join("authority.key"), folder.join("authority.pem"));
        if key_file::read(&key_path)?.is_none() {
            make(&key_path, &path)?;
        }
        let refuse = |path: &Path, why: String| HqError::Key { path: path.to_owned(), why };
        let key = key_file::read(&key_path)?.unwrap_or_default();
        let key = KeyPair::from_pem(&key).map_err(|e| refuse(&key_path, e.to_string()))?;
        let certificate = key_file::read(&path)?.unwrap_or_default();
        let issuer = Issuer::from_ca_cert_pem(&certificate, key)
            .map_err(|error| refuse(&path, error.to_string()))?;
        Ok(Self { certificate, issuer, folder: folder.to_owned() })
    }

    /// Its certificate, as PEM.
    #[must_use]
    pub fn certificate(&self) -> &str {
        &self.certificate
    }

    /// A certificate for a node's key that holds so long. Nothing but the key is taken from the request.
    pub(in crate::hq) fn issue(
        &self,
        place: &Place,
        checked: &Checked,
        now: UnixMillis,
        life: Duration,
    ) -> Result<Issued, HqError> {
        let until = now.plus(u64::try_from(life.as_millis()).unwrap_or(u64::MAX));
        let mut params = leaf(&place.to_string(), now, until)?;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let signed = params.signed_by(&checked.params.public_key, &self.issuer);
        let pem = signed.map_err(signing("a node's certificate"))?.pem();
        Ok(Issued { pem, until, key: checked.key() })
    }

    /// A key and a certificate for a server that is called by these names, or for HQ towards its broker.
    pub fn serve(&self, name: &str, hosts: &[String]) -> Result<(String, String), HqError> {
        let act = signing("a server's certificate");
        let key = KeyPair::generate().map_err(act)?;
        let now = crate::hq::clock::now();
        let until = now.plus(SERVER_DAYS * 24 * 3600 * 1000);
        let mut params = CertificateParams::new(hosts.to_vec())
            .map_err(|error| HqError::Value { field: "host", why: error.to_string() })?;
        describe(&mut params, name, now, until)?;
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let signed = params.signed_by(&key, &self.issuer);
        let pem = signed.map_err(signing("a server's certificate"))?.pem();
        Ok((pem, key.serialize_pem()))
    }

    /// Files of HQ's own door at these names, certificate and key, made anew in the authority's folder.
    /// Whoever believes the authority believes them, as nodes do.
    pub fn open_door(&self, hosts: &[String]) -> Result<(PathBuf, PathBuf), HqError> {
        let (certificate, key) = self.serve("hq", hosts)?;
        let paths = (self.folder.join("door.pem"), self.folder.join("door.key"));
        key_file::write(&paths.0, certificate.as_bytes())?;
        key_file::write(&paths.1, key.as_bytes())?;
        Ok(paths)
    }
}

fn make(key_path: &Path, path: &Path) -> Result<(), HqError> {
    let key = KeyPair::generate().map_err(signing("the authority's key"))?;
    let now = crate::hq::clock::now();
    let mut params = CertificateParams::default();
    describe(&mut params, "Endcap HQ authority", now, now.plus(AUTHORITY_DAYS * 24 * 3600 * 1000))?;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let certificate = params.self_signed(&key).map_err(signing("the authority's certificate"))?;
    // The key last: a folder with a key has its certificate, too.
    key_file::write(path, certificate.pem().as_bytes())?;
    key_file::write(key_path, key.serialize_pem().as_bytes())?;
    tracing::info!(file = %path.display(), "an authority was made");
    Ok(())
}

fn leaf(name: &str, now: UnixMillis, until: UnixMillis) -> Result<CertificateParams, HqError> {
    let mut params = CertificateParams::default();
    describe(&mut params, name, now, until)?;
    Ok(params)
}

fn describe(
    params: &mut CertificateParams,
    name: &str,
    now: UnixMillis,
    until: UnixMillis,
) -> Result<(), HqError> {
    let at = |moment: UnixMillis| SystemTime::UNIX_EPOCH + Duration::from_millis(moment.0);
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = (at(now) - SLACK).into();
    params.not_after = at(until).into();
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.use_authority_key_identifier_extension = true;
    // Positive and of 159 bits, as RFC 5280 asks for.
    let mut serial = random::<20>()?;
    if let Some(first) = serial.first_mut() {
        *first = *first & 0x7f | 0x40;
    }
    params.serial_number = Some(SerialNumber::from_slice(&serial));
    Ok(())
}

fn signing(what: &'static str) -> impl FnOnce(rcgen::Error) -> HqError {
    move |error| HqError::Certificate { what, why: error.to_string() }
}
