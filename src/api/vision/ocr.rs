//! `POST /store/v1/vision/ocr`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use axum::Json;
use axum::extract::{Request, State};
use schemars::JsonSchema;
use serde::Serialize;

use super::{PictureSize, Timing, run, upload};
use crate::api::choice::{Chosen, choose};
use crate::api::query::{self, Query};
use crate::api::routes::QueryField;
use crate::api::service::Service;
use crate::http::Problem;
use crate::skills::heads::{
    Head, Line, Ocr, PictureInput, ReadLine, Tensor, TurnLine, reading_order,
};
use crate::skills::pictures::{Picture, Quad};

/// Lines that are read in one run at most.
const BATCH_LINES: usize = 8;

pub(in crate::api) const QUERY: &[QueryField] = &[
    query::MODEL,
    QueryField { name: "threshold", about: "Lines less sure than this are left out: 0 to 1" },
];

/// The text of a page.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::api) struct Page {
    /// The package that found the lines.
    model: String,
    /// The package that read them.
    reader: String,
    picture: PictureSize,
    /// Everything in reading order: what stands side by side is joined by spaces.
    text: String,
    /// Every piece of text in reading order.
    lines: Vec<Piece>,
    timing: Timing,
}

/// A piece of text.
#[derive(Debug, Serialize, JsonSchema)]
struct Piece {
    text: String,
    /// The mean likelihood of its characters.
    score: f32,
    /// Its corners in pixels: upper left, upper right, lower right, lower left.
    #[serde(rename = "box")]
    corners: [[f32; 2]; 4],
    /// Which line of the page it belongs to, counted from 0.
    row: usize,
}

pub(in crate::api) async fn answer(
    State(service): State<Arc<Service>>,
    request: Request,
) -> Result<Json<Page>, Problem> {
    let deadline = Instant::now() + service.request_timeout;
    let (parts, body) = request.into_parts();
    let query = Query::parse(parts.uri.query(), QUERY)?;
    let threshold = query.number("threshold", 0.0, 1.0, "0 to 1")?;
    let desk = Desk::find(&service, query.text("model"), deadline).await?;
    let upload = upload::receive(&service, &parts, body, deadline).await?;
    let picture = Arc::clone(&upload.picture);
    let quads = desk.find_lines(&picture).await?;
    let read = desk.read(&picture, &quads).await?;
    let threshold = threshold.unwrap_or(desk.finder.1.threshold);
    let sure = |(_, line): &(Quad, Line)| !line.text.is_empty() && line.score >= threshold;
    let (quads, lines): (Vec<Quad>, Vec<Line>) = quads.into_iter().zip(read).filter(sure).unzip();
    let lines = in_order(&quads, &lines);
    Ok(Json(Page {
        model: desk.finder.0.name.clone(),
        reader: desk.reader.0.name.clone(),
        picture: PictureSize { width: picture.width(), height: picture.height() },
        text: joined(&lines),
        lines,
        timing: Timing::since(upload.decoding, upload.decoded),
    }))
}

/// The packages that read a page together.
struct Desk<'a> {
    service: &'a Service,
    deadline: Instant,
    finder: Chosen<Ocr>,
    turner: Option<Chosen<TurnLine>>,
    reader: Chosen<ReadLine>,
}

impl<'a> Desk<'a> {
    async fn find(
        service: &'a Service,
        name: Option<&str>,
        deadline: Instant,
    ) -> Result<Self, Problem> {
        let ocr = |head: &Head| match head {
            Head::Ocr(head) => Some(Arc::clone(head)),
            _ => None,
        };
        let read_line = |head: &Head| match head {
            Head::ReadLine(head) => Some(Arc::clone(head)),
            _ => None,
        };
        let turn_line = |head: &Head| match head {
            Head::TurnLine(head) => Some(Arc::clone(head)),
            _ => None,
        };
        let finder = choose(service, name, "ocr", ocr).await?;
        let reader = choose(service, Some(&finder.1.reader), "read_line", read_line).await?;
        let turner = match &finder.1.turner {
            Some(name) => Some(choose(service, Some(name), "turn_line", turn_line).await?),
            None => None,
        };
        Ok(Self { service, deadline, finder, turner, reader })
    }

    /// Where the lines are.
    async fn find_lines(&self, picture: &Arc<Picture>) -> Result<Vec<Quad>, Problem> {
        let (served, head) = &self.finder;
        let (input, pixels) = (Arc::clone(head), Arc::clone(picture));
        let prepared = self.off_thread(move || Ok(input.picture.prepare(&pixels))).await;
        let mut prepared = prepared?;
        let (input, output) = (head.picture.input.as_deref(), head.output.as_deref());
        let tensor = prepared.take_tensor();
        let output = run::run(served, input, tensor, output, self.deadline).await?;
        let (served, head, picture) = (Arc::clone(served), Arc::clone(head), Arc::clone(picture));
        let boxes = move || {
            let boxes = head.boxes(&output.shape, &output.numbers, &prepared, &picture);
            boxes.map_err(|error| run::unreadable(&served, error))
        };
        self.off_thread(boxes).await
    }

    /// What the lines say, in their order.
    async fn read(&self, picture: &Arc<Picture>, quads: &[Quad]) -> Result<Vec<Line>, Problem> {
        let mut lines = vec![Line::default(); quads.len()];
        let mut places = Vec::new();
        // Pieces are cut out a few at a time, so that a page of boxes takes no second page.
        for some in widths(quads).chunks(BATCH_LINES) {
            places.clear();
            places.extend_from_slice(some);
            let cut: Vec<Quad> = some.iter().filter_map(|at| quads.get(*at).copied()).collect();
            let pieces = self.cut(picture, cut).await?;
            for (at, line) in places.iter().zip(self.read_pieces(pieces).await?) {
                if let Some(place) = lines.get_mut(*at) {
                    *place = line;
                }
            }
        }
        Ok(lines)
    }

    /// The pieces of a picture, lying and upright.
    async fn cut(
        &self,
        picture: &Arc<Picture>,
        quads: Vec<Quad>,
    ) -> Result<Vec<Arc<Picture>>, Problem> {
        let picture = Arc::clone(picture);
        let cut = move || {
            let pieces = quads.iter().map(|quad| Arc::new(Ocr::line(&picture, quad)));
            Ok(pieces.collect::<Vec<_>>())
        };
        let pieces = self.off_thread(cut).await?;
        let Some((served, head)) = &self.turner else { return Ok(pieces) };
        let turned = |head: &TurnLine| head.picture.clone();
        let mut upside_down = vec![false; pieces.len()];
        for batch in self.batches(turned(head), &pieces).await? {
            let (input, output) = (head.picture.input.as_deref(), head.output.as_deref());
            let output = run::run(served, input, batch.tensor, output, self.deadline).await?;
            let told = head.upside_down(&output.shape, &output.numbers);
            let told = told.map_err(|error| run::unreadable(served, error))?;
            for (at, told) in batch.places.iter().zip(told) {
                if let Some(place) = upside_down.get_mut(*at) {
                    *place = told;
                }
            }
        }
        let upright = pieces.into_iter().zip(upside_down).map(|(piece, upside_down)| {
            if upside_down { Arc::new(piece.turned_over()) } else { piece }
        });
        Ok(upright.collect())
    }

    async fn read_pieces(&self, pieces: Vec<Arc<Picture>>) -> Result<Vec<Line>, Problem> {
        let (served, head) = &self.reader;
        let mut lines = vec![Line::default(); pieces.len()];
        for batch in self.batches(head.picture.clone(), &pieces).await? {
            let (input, output) = (head.picture.input.as_deref(), head.output.as_deref());
            let output = run::run(served, input, batch.tensor, output, self.deadline).await?;
            let read = head.lines(&output.shape, &output.numbers);
            let read = read.map_err(|error| run::unreadable(served, error))?;
            for (at, line) in batch.places.iter().zip(read) {
                if let Some(place) = lines.get_mut(*at) {
                    *place = line;
                }
            }
        }
        Ok(lines)
    }

    /// Pieces as inputs; those of one shape are one batch.
    async fn batches(
        &self,
        input: PictureInput,
        pieces: &[Arc<Picture>],
    ) -> Result<Vec<Batch>, Problem> {
        let pieces = pieces.to_vec();
        let prepare = move || {
            let mut shapes: BTreeMap<Vec<usize>, (Vec<usize>, Vec<Tensor>)> = BTreeMap::new();
            for (at, piece) in pieces.iter().enumerate() {
                let tensor = input.prepare(piece).tensor;
                let (places, tensors) = shapes.entry(tensor.shape.clone()).or_default();
                places.push(at);
                tensors.push(tensor);
            }
            let batches = shapes.into_values().map(|(places, tensors)| {
                Tensor::stacked(tensors).map(|tensor| Batch { places, tensor })
            });
            batches.collect::<Option<_>>().ok_or_else(|| Problem::internal("no batch"))
        };
        self.off_thread(prepare).await
    }

    async fn off_thread<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        self.service.prepare(usize::MAX, self.deadline, work).await
    }
}

/// Inputs of one shape, and whose they are.
struct Batch {
    places: Vec<usize>,
    tensor: Tensor,
}

/// Places of boxes, the narrowest for their height first: neighbours fit into one run.
fn widths(quads: &[Quad]) -> Vec<usize> {
    let ratio = |quad: &Quad| {
        let (width, height) = quad.size();
        width as f32 / height as f32
    };
    let mut places: Vec<(usize, f32)> =
        quads.iter().enumerate().map(|(at, quad)| (at, ratio(quad))).collect();
    places.sort_by(|a, b| a.1.total_cmp(&b.1));
    places.into_iter().map(|(at, _)| at).collect()
}

fn in_order(quads: &[Quad], lines: &[Line]) -> Vec<Piece> {
    let order = reading_order(quads);
    let rows = order.iter().enumerate();
    let places = rows.flat_map(|(row, places)| places.iter().map(move |at| (row, *at)));
    places
        .filter_map(|(row, at)| {
            let (quad, line) = (quads.get(at)?, lines.get(at)?);
            let corners = quad.0.map(|point| [point.x, point.y]);
            Some(Piece { text: line.text.clone(), score: line.score, corners, row })
        })
        .collect()
}

/// The page's text: a line for each row.
fn joined(pieces: &[Piece]) -> String {
    let mut text = String::new();
    let mut before = None;
    for piece in pieces {
        match before {
            None => {}
            Some(row) if row == piece.row => text.push(' '),
            Some(_) => text.push('\n'),
        }
        text.push_str(&piece.text);
        before = Some(piece.row);
    }
    text
}
