//! One who vouches for brokers and nodes.

use std::path::Path;

use rcgen::{
    BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};

use super::mqtt::Credentials;

pub(super) struct Authority {
    certificate: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    pub(super) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap().pem();
        Self { certificate, issuer: Issuer::new(params, key) }
    }

    /// Writes a node's certificate, its key, and this authority's, as an identity folder.
    pub(super) fn vouch(&self, folder: &Path, name: &str) {
        self.write(folder, name, ExtendedKeyUsagePurpose::ClientAuth);
    }

    fn write(&self, folder: &Path, name: &str, purpose: ExtendedKeyUsagePurpose) {
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        params.extended_key_usages = vec![purpose];
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap().pem();
        std::fs::create_dir_all(folder).unwrap();
        std::fs::write(folder.join(Credentials::AUTHORITY), &self.certificate).unwrap();
        std::fs::write(folder.join(Credentials::CERTIFICATE), certificate).unwrap();
        std::fs::write(folder.join(Credentials::KEY), key.serialize_pem()).unwrap();
    }

    /// Settings of a Mosquitto that lets in whom this authority vouches for, each under its name.
    pub(super) fn guard(&self, folder: &Path) -> String {
        let identity = folder.join("broker");
        self.write(&identity, "localhost", ExtendedKeyUsagePurpose::ServerAuth);
        let file = |name: &str| identity.join(name).display().to_string();
        format!(
            "cafile {}\ncertfile {}\nkeyfile {}\nrequire_certificate true\n\
             use_identity_as_username true\n",
            file(Credentials::AUTHORITY),
            file(Credentials::CERTIFICATE),
            file(Credentials::KEY),
        )
    }
}
