//! Packed weights and the graph that uses them, in one file that is mapped.
//!
//! The file is derived from a package and can be thrown away at any time: a mark, the length of a
//! description, a digest, the description (JSON), and from the next page on what it describes. It is
//! written under another name, synced and renamed, so that it is whole or not there.
//!
//! The digest is of description and graph, where a wrong bit would be another model. Weights are not
//! read when they are mapped, so they are not in it: the package they are made of was verified.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use memmap2::Mmap;
use prost::Message;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tract_onnx::pb::ModelProto;

use super::Weights;
use crate::engine::Derived;
use crate::engine::cpu::kernels::float::{Columns, FloatForm};
use crate::engine::cpu::kernels::pack::{Form, Line, Lines, Packed};
use crate::engine::cpu::kernels::product::Matrix;

/// Changes with every change of this file's layout.
const MARK: &[u8; 16] = b"endcap packed 02";
const PAGE: usize = 4096;
/// Bytes of a digest.
const DIGEST: usize = 32;
/// How names begin under which files are written.
const STAGED: &str = ".packed-";
/// A staged file this old belongs to nobody: writing one takes seconds.
const ABANDONED: Duration = Duration::from_secs(3600);
/// A description is never longer: some hundred bytes for each matrix.
const MAX_DESCRIPTION: usize = 16 << 20;

#[derive(Debug, Serialize, Deserialize)]
struct Description {
    /// What the file was made of, and by which program: what is left of a graph changes with it.
    key: String,
    graph: Range<usize>,
    matrices: Vec<Entry>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Entry {
    form: AnyForm,
    /// Bytes of the file.
    range: Range<usize>,
}

#[derive(Debug, Serialize, Deserialize)]
enum AnyForm {
    Quantized(Form),
    Float(FloatForm),
}

/// Maps what [`save`] wrote; `None` where there is no such file, or it is of another package or
/// another version of this program.
pub(in crate::engine::cpu) fn load(derived: &Derived) -> Option<(ModelProto, Weights)> {
    let file = File::open(&derived.path).ok()?;
    // SAFETY: the file has its name only when it is complete, and nobody writes it after that.
    let map = Arc::new(unsafe { Mmap::map(&file) }.ok()?);
    let (mark, rest) = map.split_first_chunk::<16>()?;
    let (length, rest) = rest.split_first_chunk::<8>()?;
    let (digest, rest) = rest.split_first_chunk::<DIGEST>()?;
    let length = usize::try_from(u64::from_le_bytes(*length)).ok()?;
    if mark != MARK || length > MAX_DESCRIPTION {
        return None;
    }
    let text = rest.get(..length)?;
    let description: Description = serde_json::from_slice(text).ok()?;
    if description.key != key(derived)? {
        return None;
    }
    let graph = map.get(description.graph)?;
    if *digest != digest_of(text, graph) {
        return None;
    }
    let graph = ModelProto::decode(graph).ok()?;
    let matrices = description.matrices.into_iter().map(|entry| {
        let lines = Lines::mapped(&map, entry.range)?;
        match entry.form {
            AnyForm::Quantized(form) => Packed::from_lines(form, lines).ok().map(Matrix::Quantized),
            AnyForm::Float(form) => Columns::from_lines(form, lines).ok().map(Matrix::Float),
        }
    });
    Some((graph, Weights { matrices: matrices.collect::<Option<_>>()?, ..Default::default() }))
}

/// Writes the file.
pub(in crate::engine::cpu) fn save(
    derived: &Derived,
    graph: &ModelProto,
    weights: &Weights,
) -> std::io::Result<()> {
    let graph = graph.encode_to_vec();
    let key =
        key(derived).ok_or_else(|| std::io::Error::other("this program is not to be found"))?;
    // Positions depend on the description's length, and its length on the positions' digits.
    let reserved = 256 + weights.matrices.len() * 512 + key.len();
    let mut at = (MARK.len() + 8 + DIGEST + reserved).next_multiple_of(PAGE);
    let mut place = |bytes: usize, align: usize| {
        let from = at.next_multiple_of(align);
        at = from + bytes;
        from..at
    };
    let description = Description {
        key,
        graph: place(graph.len(), PAGE),
        matrices: weights
            .matrices
            .iter()
            .enumerate()
            .map(|(number, matrix)| Entry {
                form: form(matrix),
                range: place(matrix.bytes(), if number == 0 { PAGE } else { 64 }),
            })
            .collect(),
    };
    let text = serde_json::to_vec(&description)?;
    if text.len() > reserved {
        return Err(std::io::Error::other("the description is longer than its place"));
    }
    let folder = derived.path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    remove_abandoned(folder);
    let staged = tempfile::Builder::new().prefix(STAGED).tempfile_in(folder)?;
    let mut writer = Writer { to: BufWriter::new(staged), at: 0 };
    writer.bytes(MARK)?;
    writer.bytes(&(text.len() as u64).to_le_bytes())?;
    writer.bytes(&digest_of(&text, &graph))?;
    writer.bytes(&text)?;
    writer.move_to(description.graph.start)?;
    writer.bytes(&graph)?;
    for (entry, matrix) in description.matrices.iter().zip(&weights.matrices) {
        writer.move_to(entry.range.start)?;
        for Line(line) in lines(matrix) {
            writer.bytes(line)?;
        }
    }
    let staged = writer.to.into_inner()?;
    staged.as_file().sync_all()?;
    staged.persist(&derived.path)?;
    File::open(folder)?.sync_all()
}

fn digest_of(text: &[u8], graph: &[u8]) -> [u8; DIGEST] {
    Sha256::new().chain_update(text).chain_update(graph).finalize().into()
}

/// Removes what a power cut left of earlier writing.
fn remove_abandoned(folder: &Path) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let staged = entry.file_name().to_string_lossy().starts_with(STAGED);
        let age = entry.metadata().and_then(|data| data.modified()).ok();
        let old = age.and_then(|at| at.elapsed().ok()).is_some_and(|age| age > ABANDONED);
        if staged && old {
            let _may_be_gone = std::fs::remove_file(entry.path());
        }
    }
}

/// The package's key and the program, by its size and date.
fn key(derived: &Derived) -> Option<String> {
    let program = std::fs::metadata(std::env::current_exe().ok()?).ok()?;
    let date = program.modified().ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
    Some(format!("{} {} {}", derived.key, program.len(), date.as_nanos()))
}

fn form(matrix: &Matrix) -> AnyForm {
    match matrix {
        Matrix::Quantized(packed) => AnyForm::Quantized(packed.form),
        Matrix::Float(columns) => AnyForm::Float(columns.form),
    }
}

fn lines(matrix: &Matrix) -> &[Line] {
    match matrix {
        Matrix::Quantized(packed) => packed.lines(),
        Matrix::Float(columns) => columns.lines(),
    }
}

struct Writer<W> {
    to: W,
    at: usize,
}

impl<W: Write> Writer<W> {
    fn bytes(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.at += bytes.len();
        self.to.write_all(bytes)
    }

    /// Fills up to a position with zeros.
    fn move_to(&mut self, position: usize) -> std::io::Result<()> {
        let zeros = [0; PAGE];
        while self.at < position {
            let bytes = zeros.get(..(position - self.at).min(PAGE)).unwrap_or(&zeros);
            self.bytes(bytes)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::cpu::kernels::pack::{Bits, Layout, Stored};

    fn weights() -> Weights {
        let values: Vec<u8> = (0..24 * 32).map(|i| (i * 37 % 251) as u8).collect();
        let packed = Packed::new(&Stored {
            rows: 24,
            columns: 64,
            bits: Bits::Four,
            block: 32,
            layout: Layout::Rows,
            values: &values,
            scales: &[0.25; 48],
            zero_points: None,
        });
        let floats: Vec<f32> = (0..20 * 40).map(|i| i as f32 * 0.1).collect();
        let columns = Columns::new(20, 40, &floats, |i, o| floats[i * 40 + o]);
        let matrices = vec![Matrix::Quantized(packed.unwrap()), Matrix::Float(columns)];
        Weights { matrices, ..Default::default() }
    }

    fn row(matrix: &Matrix, output: usize) -> Vec<f32> {
        let mut out = vec![0.0; matrix.inputs()];
        matrix.row(output, &mut out);
        out
    }

    #[test]
    fn what_is_saved_is_mapped_and_what_is_not_whole_or_not_ours_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let derived =
            Derived { path: folder.path().join("packed.bin"), key: "of this model".to_owned() };
        assert!(load(&derived).is_none(), "nothing is there yet");
        let graph = ModelProto { producer_name: "test".to_owned(), ..Default::default() };
        let saved = weights();
        save(&derived, &graph, &saved).unwrap();
        let (read, mapped) = load(&derived).unwrap();
        assert_eq!(read, graph);
        assert_eq!(mapped.bytes(), saved.bytes());
        for (mapped, saved) in mapped.matrices.iter().zip(&saved.matrices) {
            assert_eq!(lines(mapped), lines(saved));
            assert_eq!(row(mapped, 17), row(saved, 17));
        }
        let other = Derived { key: "of another".to_owned(), ..derived.clone() };
        assert!(load(&other).is_none());
        let bytes = std::fs::read(&derived.path).unwrap();
        for length in [0, 10, 30, 4096, bytes.len() - 64] {
            std::fs::write(&derived.path, &bytes[..length]).unwrap();
            assert!(load(&derived).is_none(), "cut to {length} bytes");
        }
        // Another graph that can be read as well.
        let at = bytes.windows(4).rposition(|four| four == b"test").unwrap();
        let mut changed = bytes;
        changed[at] = b'b';
        std::fs::write(&derived.path, &changed).unwrap();
        assert!(load(&derived).is_none(), "changed in the graph");
    }

    #[test]
    fn what_a_power_cut_left_is_removed_once_it_is_old() {
        let folder = tempfile::tempdir().unwrap();
        let [old, new, other] =
            [".packed-old", ".packed-new", "kept"].map(|name| folder.path().join(name));
        for path in [&old, &new, &other] {
            let file = File::create(path).unwrap();
            if path != &new {
                file.set_modified(std::time::SystemTime::now() - 2 * ABANDONED).unwrap();
            }
        }
        remove_abandoned(folder.path());
        assert_eq!([old.exists(), new.exists(), other.exists()], [false, true, true]);
    }
}
