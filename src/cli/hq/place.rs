//! A running HQ, asked over HTTP.

use std::path::PathBuf;
use std::sync::OnceLock;

use anyhow::Context as _;
use clap::Args;
use reqwest::{Client, Method, RequestBuilder};
use serde_json::Value;

use crate::cli::arguments::Inherited;
use crate::cli::context::{Context, Known};
use crate::cli::place::{client, exchange, with_json};
use crate::config;
use crate::protocol::{Label, ProtocolError, UnixMillis};

/// Where HQ is, who asks, and about which tenant.
#[derive(Debug, Clone, Args)]
pub(in crate::cli) struct HqPlace {
    /// Address of HQ [default: that of a running demo, else http://127.0.0.1:8090]
    #[arg(long, value_name = "URL", env = "ENDCAP_HQ")]
    hq: Option<String>,
    /// A user's token; better in ENDCAP_HQ_TOKEN, as others can see a command's arguments. A running
    /// demo's is known
    #[arg(long, env = "ENDCAP_HQ_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// Believe this authority only (PEM), as HQ's authority.pem
    #[arg(long, value_name = "FILE", env = "ENDCAP_HQ_AUTHORITY")]
    authority: Option<PathBuf>,
    /// Whose stores
    #[arg(long, value_name = "NAME", env = "ENDCAP_HQ_TENANT", default_value = "main",
        value_parser = tenant)]
    pub(super) tenant: String,
    #[command(flatten)]
    inherited: Inherited,
    /// What a running demo left, once it was looked for.
    #[arg(skip)]
    found: OnceLock<Option<Known>>,
}

fn tenant(name: &str) -> Result<String, ProtocolError> {
    name.parse::<Label>().map(|name| name.to_string())
}

/// Where HQ is where nobody says it.
const NEAR: &str = "http://127.0.0.1:8090";

impl HqPlace {
    /// What HQ answers, or why it does not.
    pub(super) async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> anyhow::Result<Value> {
        self.send(method, path, |request| with_json(request, body)).await
    }

    /// The same with a request that the caller completes.
    pub(super) async fn send(
        &self,
        method: Method,
        path: &str,
        complete: impl FnOnce(RequestBuilder) -> RequestBuilder,
    ) -> anyhow::Result<Value> {
        exchange(&self.client()?, Some(&self.token()?), method, &self.url(path), complete).await
    }

    /// The HQ that is known, where no other is named.
    fn known(&self) -> anyhow::Result<Option<Known>> {
        if self.hq.is_some() {
            return Ok(None);
        }
        if let Some(found) = self.found.get() {
            return Ok(found.clone());
        }
        let config = config::load(&self.inherited.0.sources())?;
        let found = Context::read(&config.data_dir)?.hq;
        Ok(self.found.get_or_init(|| found).clone())
    }

    pub(super) fn token(&self) -> anyhow::Result<String> {
        let none = "a user's token is needed, in ENDCAP_HQ_TOKEN; `endcap hq user add` makes one";
        let known = self.known()?.map(|known| known.token);
        self.token.clone().or(known).context(none)
    }

    pub(super) fn client(&self) -> anyhow::Result<Client> {
        let authority = self
            .authority
            .as_ref()
            .map(|path| std::fs::read(path).with_context(|| format!("reading {}", path.display())));
        client(authority.transpose()?.as_deref())
    }

    pub(super) fn url(&self, path: &str) -> String {
        // That it cannot be read is told where its token is asked for.
        let known = self.known().ok().flatten().map(|known| known.url);
        let hq = self.hq.clone().or(known).unwrap_or_else(|| NEAR.to_owned());
        format!("{}{path}", hq.trim_end_matches('/'))
    }

    /// A path below the tenant's, of names as people gave them.
    pub(super) fn at(&self, below: &[&str]) -> anyhow::Result<String> {
        path_of(&[&["hq", "v1", "tenants", &self.tenant], below].concat())
    }

    /// A path below the tenant's that nobody gave.
    pub(super) fn path(&self, below: &str) -> String {
        format!("/hq/v1/tenants/{}/{below}", self.tenant)
    }

    /// A target as HQ calls it: `store/box`, or the name of a group.
    pub(super) fn target(&self, text: &str) -> String {
        match text.split('/').count() {
            1 => format!("{}/grp/{text}", self.tenant),
            2 => format!("{}/{text}", self.tenant),
            _ => text.to_owned(),
        }
    }
}

/// Names as parts of one path. Whatever a name has in it leads nowhere else; what cannot be a part is
/// refused.
pub(super) fn path_of(parts: &[&str]) -> anyhow::Result<String> {
    let mut path = String::new();
    for part in parts {
        // Servers and clients take these out, also where they are escaped.
        anyhow::ensure!(!["", ".", ".."].contains(part), "`{part}` is no name");
        path.push('/');
        for byte in part.bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => {
                    path.push(char::from(byte));
                }
                _ => path.push_str(&format!("%{byte:02X}")),
            }
        }
    }
    Ok(path)
}

/// A text as the value of a query's field.
pub(super) fn value_of(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// A field's text, or nothing.
pub(super) fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value.get(field).and_then(Value::as_str).unwrap_or_default()
}

/// A field's number, or 0.
pub(super) fn number(value: &Value, field: &str) -> u64 {
    value.get(field).and_then(Value::as_u64).unwrap_or_default()
}

/// The rows of a page.
pub(super) fn rows<'a>(value: &'a Value, field: &str) -> &'a [Value] {
    value.get(field).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// How long ago a moment was, for people.
pub(super) fn ago(at_ms: u64) -> String {
    if at_ms == 0 {
        return "never".to_owned();
    }
    match UnixMillis::now().0.saturating_sub(at_ms) / 1000 {
        0..2 => "now".to_owned(),
        seconds @ 2..120 => format!("{seconds} s ago"),
        seconds @ 120..7200 => format!("{} min ago", seconds / 60),
        seconds @ 7200..172_800 => format!("{} h ago", seconds / 3600),
        seconds => format!("{} days ago", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_part_of_a_path_whatever_it_has_in_it() {
        for (name, part) in [
            ("store-1", "store-1"),
            ("../x", "..%2Fx"),
            ("a b?c#d%", "a%20b%3Fc%23d%25"),
            ("r1.2", "r1.2"),
            ("ü", "%C3%BC"),
        ] {
            assert_eq!(path_of(&["recalls", name]).unwrap(), format!("/recalls/{part}"));
        }
        for name in ["", ".", ".."] {
            assert!(path_of(&["stores", name]).unwrap_err().to_string().contains("is no name"));
        }
    }
}
