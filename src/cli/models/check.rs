//! `endcap models check`: whether a model runs here, who runs what, how fast, in how much memory.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::tell;
use crate::engine::{Backend, Graphics, Report};
use crate::packages::{self, Checked, Finding, Measured, NetworkCheck, Progress, Workload};
use crate::units::Bytes;

/// Arguments of `models check`.
#[derive(Debug, Args)]
pub(super) struct Check {
    /// The file or folder.
    path: PathBuf,
    /// Length of the first axis of a graph's inputs where it is free.
    #[arg(long, default_value_t = 1, value_name = "ROWS",
          value_parser = clap::value_parser!(u32).range(1..=65536))]
    batch: u32,
    /// Shape of a graph's input, such as `pixels=1x3x224x224`; may be given for each.
    #[arg(long = "shape", value_name = "INPUT=SHAPE", value_parser = shape)]
    shapes: Vec<(String, Vec<usize>)>,
    /// Threads to measure with; 0 takes every core.
    #[arg(long, default_value_t = 0)]
    threads: usize,
    /// What runs a graph's texts: auto, cpu or gpu.
    #[arg(long, default_value = "cpu", value_name = "WHAT")]
    backend: Backend,
    /// Do not run the graph.
    #[arg(long)]
    no_run: bool,
}

/// `name=1x3x224x224`.
fn shape(text: &str) -> Result<(String, Vec<usize>), String> {
    let (name, dims) = text.rsplit_once('=').ok_or("it is not of the form INPUT=1x3x224x224")?;
    let dims = dims.split('x').map(|dim| dim.parse().ok().filter(|d| *d > 0));
    let dims = dims.collect::<Option<Vec<usize>>>();
    Ok((name.to_owned(), dims.ok_or("its lengths are not whole numbers above 0, joined by x")?))
}

impl Check {
    /// Does it. The exit code is 1 where the model is refused.
    pub(super) fn run(
        self,
        graphics: Graphics,
        progress: &dyn Progress,
        json: bool,
    ) -> anyhow::Result<ExitCode> {
        let Self { path, batch, shapes, threads, backend, no_run } = self;
        let workload = Workload { batch: batch as usize, shapes, threads, backend, graphics };
        let checked = packages::check(&path, (!no_run).then_some(&workload), progress);
        let checked = match checked {
            Ok(checked) => checked,
            Err(error) => {
                let error = anyhow::Error::from(error);
                let value = json!({"runs": false, "why": format!("{error:#}")});
                tell(json, &value, &format!("{}: refused: {error:#}", path.display()))?;
                return Ok(ExitCode::FAILURE);
            }
        };
        let runs = runs(&checked);
        let Checked { kind, report } = &checked;
        let text = match report {
            Finding::Decoder(report) => decoder(&path, kind, report),
            Finding::Network(found) if runs => network(&path, kind, found),
            Finding::Network(found) => refused(&path, found),
        };
        tell(json, &json!({"runs": runs, "kind": kind, "report": report}), &text)?;
        Ok(if runs { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// Whether a model can be served.
pub(super) fn runs(checked: &Checked) -> bool {
    match &checked.report {
        Finding::Decoder(_) => true,
        Finding::Network(found) => found.faults.is_empty(),
    }
}

/// The nodes that cannot run, a line each.
pub(super) fn refused(path: &Path, found: &NetworkCheck) -> String {
    let mut text =
        format!("{}: refused: {} nodes cannot run here", path.display(), found.faults.len());
    for fault in &found.faults {
        text.push_str(&format!("\n  {} ({}): {}", fault.node, fault.operator, fault.why));
    }
    text
}

fn decoder(path: &Path, kind: &str, report: &Report) -> String {
    let operators: Vec<String> =
        report.operators.iter().map(|(name, count)| format!("{name} {count}")).collect();
    format!(
        "{}: this {kind} runs here\nkernels       {}\nweights       {}\nKV per token  {}\nlayers        {}\ncontext       {} tokens\nvocabulary    {} tokens\nnodes         {} ({})",
        path.display(),
        report.kernel,
        Bytes(report.weight_bytes),
        Bytes(report.kv_bytes_per_token),
        report.layers,
        report.context_tokens,
        report.vocabulary,
        report.nodes,
        operators.join(", "),
    )
}

fn network(path: &Path, kind: &str, found: &NetworkCheck) -> String {
    let mut text = format!("{}: this {kind} runs here\n", path.display());
    let mut line = |label: &str, value: &str| text.push_str(&format!("{label:14}{value}\n"));
    line("kernels", found.kernel);
    line("device", &device(found));
    line("weights", &Bytes(found.weight_bytes).to_string());
    found.inputs.iter().for_each(|port| line("input", port));
    found.outputs.iter().for_each(|port| line("output", port));
    if let Some(why) = &found.not_measured {
        line("not measured", why);
    }
    if let Some(measured) = &found.measured {
        speed(measured, &mut line);
    }
    text.push_str(&format!("\n{:28} {:>6}  run by\n", "operator", "nodes"));
    for operator in &found.operators {
        let (name, count, backend) = (&operator.name, operator.count, operator.backend);
        text.push_str(&format!("{name:28} {count:>6}  {backend}\n"));
    }
    text.trim_end().to_owned()
}

/// What ran it besides the processor, or whether something could.
fn device(found: &NetworkCheck) -> String {
    match (&found.device, &found.device_fault) {
        (Some(device), _) => format!("{} ({}, {})", device.name, device.kind, device.driver),
        (None, None) => "none; a graphics processor can run its texts".to_owned(),
        (None, Some(why)) => format!("none; only the processor runs it ({why})"),
    }
}

fn speed(measured: &Measured, line: &mut impl FnMut(&str, &str)) {
    let Measured { shapes, runs, median_ms, p95_ms, rows_per_s, peak_rss_bytes } = measured;
    let shapes: Vec<String> = shapes
        .iter()
        .map(|(name, shape)| {
            let dims: Vec<String> = shape.iter().map(usize::to_string).collect();
            format!("{name}={}", dims.join("x"))
        })
        .collect();
    line("run with", &format!("{} ({runs} times, made-up values)", shapes.join(" ")));
    line("time", &format!("{median_ms:.2} ms in the middle, {p95_ms:.2} ms for 19 of 20"));
    line("throughput", &format!("{rows_per_s:.1} rows/s"));
    let memory = peak_rss_bytes.map_or("not told by the system".to_owned(), |peak| {
        format!("{} at most while running", Bytes(peak))
    });
    line("memory", &memory);
}

#[cfg(test)]
mod tests {
    use super::shape;

    #[test]
    fn shapes_are_read_as_people_write_them() {
        assert_eq!(shape("x=1x3x2").unwrap(), ("x".to_owned(), vec![1, 3, 2]));
        assert_eq!(shape("a=b=4").unwrap(), ("a=b".to_owned(), vec![4]));
        for bad in ["x", "x=", "x=1x", "x=0", "x=-1", "x=1,2"] {
            assert!(shape(bad).is_err(), "{bad}");
        }
    }
}
