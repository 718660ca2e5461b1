//! HQ's door over HTTP, as this box is let in: by its token, on a connection that shows its certificate.

use std::path::Path;
use std::time::Duration;

use reqwest::header::CONTENT_TYPE;
use serde::de::DeserializeOwned;

use super::identity::IdentityError;
use crate::identity::read_token;
use crate::sync::mqtt::Credentials;

/// How long HQ may take to answer.
const PATIENCE: Duration = Duration::from_secs(60);
/// Bytes of an answer.
const MAX_ANSWER_BYTES: usize = 256 * 1024;

/// A connection that is to be opened.
pub(super) struct Door {
    client: reqwest::Client,
    token: String,
}

impl Door {
    /// With what the identity's folder has. Blocks on the disk.
    pub(super) fn of(folder: &Path) -> Result<Self, IdentityError> {
        let token = read_token(folder)?;
        let token = token.ok_or_else(|| asking(&"the identity folder has no token"))?;
        let tls = Credentials::in_folder(folder).client_config()?;
        let client = reqwest::Client::builder()
            .user_agent(concat!("endcap/", env!("CARGO_PKG_VERSION")))
            .timeout(PATIENCE)
            .redirect(reqwest::redirect::Policy::none())
            .use_preconfigured_tls((*tls).clone())
            .build()
            .map_err(|error| asking(&error))?;
        Ok(Self { client, token })
    }

    /// Sends JSON below HQ's address and reads what is answered.
    pub(super) async fn post<T: DeserializeOwned>(
        &self,
        hq: Option<&str>,
        path: &str,
        body: String,
    ) -> Result<T, IdentityError> {
        let hq = hq.ok_or_else(|| asking(&"the enrolment does not say where it is"))?;
        let url = format!("{}{path}", hq.trim_end_matches('/'));
        let request = self.client.post(&url).bearer_auth(&self.token);
        let request = request.header(CONTENT_TYPE, "application/json").body(body);
        let mut answer = request.send().await.map_err(|error| asking(&error))?;
        let status = answer.status();
        let mut bytes = Vec::new();
        while let Some(piece) = answer.chunk().await.map_err(|error| asking(&error))? {
            bytes.extend_from_slice(&piece);
            if bytes.len() > MAX_ANSWER_BYTES {
                return Err(asking(&format!("its answer has more than {MAX_ANSWER_BYTES} bytes")));
            }
        }
        if !status.is_success() {
            return Err(asking(&format!("{url} answered {status}")));
        }
        serde_json::from_slice(&bytes).map_err(|error| asking(&error))
    }
}

/// HQ could not be asked.
pub(super) fn asking(error: &dyn std::fmt::Display) -> IdentityError {
    IdentityError::Asking(error.to_string())
}
