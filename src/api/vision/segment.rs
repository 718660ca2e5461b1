//! `POST /store/v1/vision/segment`.

use std::sync::Arc;
use std::time::Instant;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Serialize;

use super::{PictureSize, Timing, run, upload};
use crate::api::choice::choose;
use crate::api::query::{self, Query};
use crate::api::routes::QueryField;
use crate::api::service::Service;
use crate::http::Problem;
use crate::skills::heads::Head;
use crate::skills::pictures::{Format, png_of_cutout, png_of_mask};

/// A pixel that is more in than out.
const HALF: u8 = 128;

pub(in crate::api) const QUERY: &[QueryField] = &[
    query::MODEL,
    QueryField {
        name: "format",
        about: "png: the mask; cutout: the picture with the mask as its transparency; json: numbers",
    },
];

/// Which part of a picture something takes, in numbers.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::api) struct Segmentation {
    /// The package that answered.
    model: String,
    picture: PictureSize,
    /// The part of the picture's pixels that is in the mask, from 0 to 1.
    share: f64,
    /// Left, top, width and height of what is more in than out; none where nothing is.
    #[serde(rename = "box")]
    bounds: Option<[usize; 4]>,
    timing: Timing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Mask,
    Cutout,
    Numbers,
}

pub(in crate::api) async fn answer(
    State(service): State<Arc<Service>>,
    request: Request,
) -> Result<Response, Problem> {
    let deadline = Instant::now() + service.request_timeout;
    let (parts, body) = request.into_parts();
    let query = Query::parse(parts.uri.query(), QUERY)?;
    let forms = [("png", Form::Mask), ("cutout", Form::Cutout), ("json", Form::Numbers)];
    let form = query.word("format", &forms)?;
    let pick = |head: &Head| match head {
        Head::Segment(head) => Some(Arc::clone(head)),
        _ => None,
    };
    let (served, head) = choose(&service, query.text("model"), "segment", pick).await?;
    let upload = upload::receive(&service, &parts, body, deadline).await?;
    let picture = Arc::clone(&upload.picture);
    let input = Arc::clone(&head);
    let prepare = move || Ok(input.picture.prepare(&picture));
    let mut prepared = service.prepare(usize::MAX, deadline, prepare).await?;
    let tensor = prepared.take_tensor();
    let (input, output) = (head.picture.input.as_deref(), head.output.as_deref());
    let output = run::run(&served, input, tensor, output, deadline).await?;
    let (picture, named) = (Arc::clone(&upload.picture), Arc::clone(&served));
    let (width, height) = (picture.width(), picture.height());
    let finish = move || {
        let mask = head.mask(&output.shape, &output.numbers, &prepared, &picture);
        let mask = mask.map_err(|error| run::unreadable(&named, error))?;
        match form {
            Form::Mask => png_of_mask(width, height, &mask).map(Made::Png),
            Form::Cutout => png_of_cutout(&picture, &mask).map(Made::Png),
            Form::Numbers => Ok(Made::Numbers(share(&mask), bounds(&mask, width))),
        }
        .map_err(Problem::internal)
    };
    match service.prepare(usize::MAX, deadline, finish).await? {
        Made::Png(png) => Ok(([(CONTENT_TYPE, Format::Png.media_type())], png).into_response()),
        Made::Numbers(share, bounds) => Ok(Json(Segmentation {
            model: served.name.clone(),
            picture: PictureSize { width, height },
            share,
            bounds,
            timing: Timing::since(upload.decoding, upload.decoded),
        })
        .into_response()),
    }
}

enum Made {
    Png(Vec<u8>),
    Numbers(f64, Option<[usize; 4]>),
}

/// The part that a mask takes.
fn share(mask: &[u8]) -> f64 {
    let sum: u64 = mask.iter().map(|byte| u64::from(*byte)).sum();
    let share = sum as f64 / (mask.len() as f64 * 255.0);
    (share * 10_000.0).round() / 10_000.0
}

/// The smallest upright rectangle around what is more in than out.
fn bounds(mask: &[u8], width: usize) -> Option<[usize; 4]> {
    let (mut left, mut right, mut top, mut bottom) = (usize::MAX, 0, None, 0);
    for (y, row) in mask.chunks_exact(width).enumerate() {
        let Some(first) = row.iter().position(|byte| *byte >= HALF) else { continue };
        let last = row.iter().rposition(|byte| *byte >= HALF).unwrap_or(first);
        left = left.min(first);
        right = right.max(last);
        top = top.or(Some(y));
        bottom = y;
    }
    let top = top?;
    Some([left, top, right - left + 1, bottom - top + 1])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_in_numbers() {
        let mask = [0, 0, 0, 0, 0, 255, 128, 0, 0, 200, 0, 0];
        assert_eq!(bounds(&mask, 4), Some([1, 1, 2, 2]));
        assert_eq!(bounds(&[127; 4], 2), None);
        assert_eq!(share(&[255, 0, 0, 255]), 0.5);
    }
}
