//! A shopper's secret as a picture that another screen reads (QR code, ISO/IEC 18004).

use qrcodegen::{QrCode, QrCodeEcc};
use schemars::JsonSchema;
use serde::Serialize;

use crate::shoppers::ProfileId;

/// What stands before the id, so that a reader knows what it has. The capitals and digits of both make the
/// smallest code.
const BEFORE: &str = "ENDCAP:";

/// A code as lines, in units of one module: `<svg viewBox="0 0 size size"><path d="path"/></svg>`.
#[derive(Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub(in crate::api) struct QrView {
    /// Modules from edge to edge, the quiet zone of four on each side included.
    size: u32,
    /// The dark modules, as an SVG path's data.
    path: String,
    /// What the code says.
    text: String,
}

/// An id as a shopper shows it: typed in groups, or as a code says it.
pub(in crate::api) fn shown(text: &str) -> String {
    let text = text.trim().to_ascii_uppercase();
    let text = text.strip_prefix(BEFORE).unwrap_or(&text);
    text.chars().filter(|c| !matches!(c, ' ' | '-')).collect::<String>().to_ascii_lowercase()
}

/// Modules that stay light around a code.
const QUIET: i32 = 4;

impl QrView {
    /// Of a profile's id; none where it has no place in a code, which no id has.
    pub(in crate::api) fn of(id: &ProfileId) -> Option<Self> {
        let text = format!("{BEFORE}{}", id.to_string().to_ascii_uppercase());
        let code = QrCode::encode_text(&text, QrCodeEcc::Medium).ok()?;
        let rows = (0..code.size()).map(|y| row(&code, y));
        let path = rows.collect::<Vec<_>>().concat();
        let size = u32::try_from(code.size() + 2 * QUIET).ok()?;
        Some(Self { size, path, text })
    }
}

/// One row's runs of dark modules.
fn row(code: &QrCode, y: i32) -> String {
    let (mut path, mut x) = (String::new(), 0);
    while x < code.size() {
        let begin = x;
        while x < code.size() && code.get_module(x, y) {
            x += 1;
        }
        if x > begin {
            path += &format!("M{} {}h{}v1h-{}z", begin + QUIET, y + QUIET, x - begin, x - begin);
        }
        x = x.max(begin + 1);
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_known_however_it_is_shown() {
        let id = "00112233445566778899aabbccddeeff";
        let groups = "0011-2233 4455 6677-8899 AABB ccdd EEFF";
        for text in [id, groups, &format!(" ENDCAP:{}", id.to_ascii_uppercase())] {
            assert_eq!(shown(text), id, "{text}");
        }
    }

    #[test]
    fn the_path_has_the_modules_of_the_code_and_nothing_else() {
        let id: ProfileId = "00112233445566778899aabbccddeeff".parse().unwrap();
        let view = QrView::of(&id).unwrap();
        assert_eq!(view.text, "ENDCAP:00112233445566778899AABBCCDDEEFF");
        let code = QrCode::encode_text(&view.text, QrCodeEcc::Medium).unwrap();
        assert_eq!(view.size as i32, code.size() + 8);
        let mut dark = std::collections::BTreeSet::new();
        for part in view.path.split('M').filter(|part| !part.is_empty()) {
            let (at, rest) = part.split_once('h').unwrap();
            let (x, y) = at.split_once(' ').unwrap();
            let (x, y): (i32, i32) = (x.parse().unwrap(), y.parse().unwrap());
            let run: i32 = rest.split('v').next().unwrap().parse().unwrap();
            dark.extend((x..x + run).map(|x| (x - QUIET, y - QUIET)));
        }
        for y in 0..code.size() {
            for x in 0..code.size() {
                assert_eq!(dark.contains(&(x, y)), code.get_module(x, y), "{x} {y}");
            }
        }
    }
}
