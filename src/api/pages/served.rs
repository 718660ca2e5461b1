//! Pages and their files over HTTP.

use std::sync::LazyLock;

use axum::Json;
use axum::extract::Path;
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::files::{self, FILES};
use crate::http::{Kind, Problem};

/// Nothing from elsewhere, nothing inline, in nobody's frame, and no text becomes markup.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
    font-src 'self'; connect-src 'self'; manifest-src 'self'; worker-src 'self'; form-action 'none'; \
    base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; \
    trusted-types endcap-worker";
/// What a page of ours never asks a browser for.
const PERMISSIONS: &str = "camera=(), microphone=(), geolocation=(), payment=(), usb=()";
/// The shoppers' page reads a code that is held before the camera, where somebody asks for it.
const WITH_CAMERA: &str = "camera=(self), microphone=(), geolocation=(), payment=(), usb=()";
const PERMISSIONS_POLICY: HeaderName = HeaderName::from_static("permissions-policy");
const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const WORKER_ALLOWED: HeaderName = HeaderName::from_static("service-worker-allowed");
/// Digits of the version that a browser compares.
const VERSION_DIGITS: usize = 16;

/// What the pages are made of.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::api) struct FileList {
    /// Changes with every byte of them.
    version: &'static str,
    /// Their addresses, the pages' own first.
    files: Vec<String>,
}

pub(in crate::api) async fn kiosk() -> Response {
    let mut response = page(files::KIOSK);
    response.headers_mut().insert(PERMISSIONS_POLICY, HeaderValue::from_static(WITH_CAMERA));
    response
}

pub(in crate::api) async fn associate() -> Response {
    page(files::ASSOCIATE)
}

pub(in crate::api) async fn list() -> Json<FileList> {
    let parts = FILES.iter().map(|file| format!("/pages/{}/{}", file.folder, file.name));
    let pages = ["/kiosk", "/associate"].map(str::to_owned);
    Json(FileList { version: &VERSION, files: pages.into_iter().chain(parts).collect() })
}

pub(in crate::api) async fn file(
    Path((folder, name)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let found = FILES.iter().find(|file| file.folder == folder && file.name == name);
    let Some(file) = found else {
        let message = "the pages have no such file; /pages/files.json lists them";
        return Err(Problem::new(StatusCode::NOT_FOUND, Kind::InvalidRequestError, message)
            .code("unknown_url"));
    };
    let mut response = guarded(file.media_type(), file.bytes);
    if file.is_worker() {
        // It stands in a folder, and keeps the pages above it.
        response.headers_mut().insert(WORKER_ALLOWED, HeaderValue::from_static("/"));
    }
    Ok(response)
}

fn page(html: &'static str) -> Response {
    guarded("text/html; charset=utf-8", html.as_bytes())
}

/// The same headers on everything that a browser may run or show.
fn guarded(media_type: &'static str, bytes: &'static [u8]) -> Response {
    let mut response = bytes.into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(PERMISSIONS_POLICY, HeaderValue::from_static(PERMISSIONS));
    headers.insert(OPENER_POLICY, HeaderValue::from_static("same-origin"));
    response
}

static VERSION: LazyLock<String> = LazyLock::new(|| {
    let mut digest = Sha256::new();
    let pages = [files::KIOSK, files::ASSOCIATE].map(str::as_bytes);
    for bytes in pages.into_iter().chain(FILES.iter().map(|file| file.bytes)) {
        digest.update(bytes.len().to_le_bytes());
        digest.update(bytes);
    }
    let digits = digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    digits.chars().take(VERSION_DIGITS).collect()
});
