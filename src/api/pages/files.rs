//! What the pages are made of.

/// A file as it stands in a folder beside this one.
pub(super) struct File {
    pub(super) folder: &'static str,
    pub(super) name: &'static str,
    pub(super) bytes: &'static [u8],
}

/// The shoppers' page.
pub(super) const KIOSK: &str = include_str!("kiosk.html");
/// The associates' page.
pub(super) const ASSOCIATE: &str = include_str!("associate.html");

macro_rules! files {
    ($($folder:literal: $($name:literal)+;)+) => {
        &[$($(File {
            folder: $folder,
            name: $name,
            bytes: include_bytes!(concat!($folder, "/", $name)),
        },)+)+]
    };
}

pub(super) static FILES: &[File] = files! {
    "common": "look.css" "parts.css" "api.js" "choices.js" "comfort.js" "dom.js" "keep.js" "pairing.js"
        "words.js" "worker.js";
    "kiosk": "kiosk.css" "labels.css" "camera.js" "conversation.js" "exchanges.js" "keyboard.js" "kiosk.js" "labels.js" "live.js"
        "pass.js" "patience.js" "profile.js" "receipt.js" "sheets.js" "voice.js";
    "associate": "associate.css" "associate.js" "bell.js" "case.js" "correction.js" "desk.js" "inbox.js"
        "associate.webmanifest";
    "words": "en.json" "de.json" "fr.json" "es.json";
    "icons": "kiosk.svg" "associate.svg" "associate-192.png" "associate-512.png" "mark.svg" "shelf.svg"
        "signs.svg" "tags.svg";
    "fonts": "atkinson-hyperlegible-next.woff2" "bricolage-grotesque.woff2" "OFL.txt";
};

impl File {
    /// By its name's end, which is one of ours.
    pub(super) fn media_type(&self) -> &'static str {
        match self.name.rsplit('.').next() {
            Some("css") => "text/css; charset=utf-8",
            Some("js") => "text/javascript; charset=utf-8",
            Some("json") => "application/json",
            Some("webmanifest") => "application/manifest+json",
            Some("svg") => "image/svg+xml",
            Some("png") => "image/png",
            Some("woff2") => "font/woff2",
            _ => "text/plain; charset=utf-8",
        }
    }

    /// Whether a browser runs it for pages that stand above its folder.
    pub(super) fn is_worker(&self) -> bool {
        self.name == "worker.js"
    }
}
