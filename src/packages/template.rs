//! The template of a model card, filled in with what the model says of itself.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::digest;
use super::error::PackageError;
use super::graph::{DeclaredPort, GraphFacts};
use super::import::{self, About};
use super::intake;
use super::origin::Origin;
use super::progress::Silent;

/// The TOML of a card for a GGUF file, an ONNX file or an ONNX folder, and where import looks for
/// it. What must be filled in is empty, and import refuses the card until it is.
pub fn card_template(path: &Path) -> Result<(PathBuf, String), PackageError> {
    let origin = Origin::find(path)?;
    let name = origin.suggested_name()?;
    let mut template = format!(
        "# The model card of {name}. `endcap models import` takes no model without one.\n#\n\
         # The file says of itself (comments; import reads none of it):\n"
    );
    let (known, head) = match &origin {
        Origin::Gguf(file) => {
            let about = import::about(file).map_err(|e| intake::refuse_import(file, e))?;
            fact(&mut template, "digest", &digest_of(file)?);
            fact(&mut template, "parameters", &about.parameters.to_string());
            (known(&about), String::new())
        }
        Origin::Onnx(onnx) => {
            let (graph, facts) = (onnx.graph(), onnx.facts());
            fact(&mut template, "digest", &digest_of(graph)?);
            tell(&mut template, facts);
            let about = About {
                architecture: onnx.architecture.clone(),
                quantisation: facts.stored.clone(),
                ..About::default()
            };
            (known(&about), if onnx.chat().is_some() { String::new() } else { head(facts) })
        }
        Origin::Package(package) => {
            let why = "it is a package and has a card".to_owned();
            return Err(PackageError::Import { path: package.folder().to_owned(), why });
        }
    };
    template.push_str(&known);
    template.push_str(&head);
    Ok((origin.card_file(), template))
}

fn digest_of(file: &Path) -> Result<String, PackageError> {
    Ok(format!("SHA-256 {}", digest::of_file(file, &Silent)?.finish()))
}

fn fact(template: &mut String, label: &str, value: &str) {
    let value = value.replace(['\n', '\r'], " ");
    let _ = writeln!(template, "#   {label:11} {value}");
}

fn tell(template: &mut String, facts: &GraphFacts) {
    let opsets = facts.opsets.iter().map(|(domain, version)| match domain.as_str() {
        "" => version.to_string(),
        domain => format!("{domain} {version}"),
    });
    fact(template, "opset", &opsets.collect::<Vec<_>>().join(", "));
    fact(template, "producer", &facts.producer);
    fact(template, "parameters", &format!("{} in {} nodes", facts.parameters, facts.nodes));
    for (label, ports) in [("input", &facts.inputs), ("output", &facts.outputs)] {
        ports.iter().for_each(|port| fact(template, label, &port.to_string()));
    }
}

/// The fields of the card, those known filled in.
fn known(about: &About) -> String {
    let text = |value: &str| toml::Value::String(value.to_owned()).to_string();
    let about_name = about.name.clone().unwrap_or_default();
    let stored: Vec<String> =
        about.quantisation.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
    format!(
        "\n# To be filled in. One or two sentences: what the model is.\ndescription = {}\n\
         # SPDX identifier, or the licence's name.\nlicence = {}\n\
         # Who answers for the model here.\nowner = \"\"\n\
         # What it may be used for, one text each.\nintended_use = [\"\"]\n\
         # What it cannot do and must not be used for, one text each.\nlimits = [\"\"]\n\n\
         # Where known: an address, who made it, its family, how weights are stored.\n\
         source = {}\nmaker = {}\narchitecture = {}\nquantisation = {}\n",
        text(&about_name),
        text(about.licence.as_deref().unwrap_or_default()),
        text(about.source_url.as_deref().unwrap_or_default()),
        text(about.organisation.as_deref().unwrap_or_default()),
        text(&about.architecture),
        text(&stored.join(", ")),
    )
}

/// A head that fits the inputs, to be completed; nothing where they look like neither pictures nor
/// texts.
fn head(facts: &GraphFacts) -> String {
    let input = |name: &str| facts.inputs.iter().any(|port| port.name == name);
    if input("input_ids") {
        let classes = facts.outputs.first().and_then(classes);
        return match classes {
            Some(count) => commented(
                "The input looks like token numbers: with tokenizer.json beside the graph, texts \
                 can be classified.",
                &format!(
                    "[head]\ntask = \"classify_text\"\nmax_tokens = 256\n\
                 labels = []  # {count} names, or {{ file = \"labels.txt\" }}\nactivation = \"softmax\"\n"
                ),
            ),
            None => commented(
                "The input looks like token numbers: with tokenizer.json beside the graph, texts \
                 become vectors.",
                "[head]\ntask = \"embed\"\npool = \"mean\"\nnormalise = true\nmax_tokens = 256\n",
            ),
        };
    }
    let [picture] = facts.inputs.as_slice() else { return String::new() };
    let Some([_, a, b, c]) = picture.dims.as_deref() else { return String::new() };
    let channels = |axis: &str| ["1", "3"].contains(&axis);
    let (layout, height, width, axis) = match (channels(a), channels(c)) {
        (true, _) => ("nchw", b, c, a),
        (_, true) => ("nhwc", a, b, c),
        _ => return String::new(),
    };
    let number = |axis: &str| axis.parse::<usize>().unwrap_or(224);
    let (width, height) = (number(width), number(height));
    let colour = if axis == "1" { "grey" } else { "rgb" };
    let labels = facts.outputs.first().and_then(classes).map_or_else(String::new, |count| {
        format!("labels = []  # {count} names, or {{ file = \"labels.txt\" }}\n")
    });
    let task = if labels.is_empty() { "segment" } else { "classify" };
    commented(
        "The input looks like a picture; how it was prepared in training must be the same here.",
        &format!(
            "[head]\ntask = \"{task}\"\n{labels}[head.picture]\n\
             size = {{ width = {width}, height = {height} }}\nfilter = \"bilinear\"\n\
             layout = \"{layout}\"\ncolour = \"{colour}\"\nscale = 0.00392156862745098\n\
             mean = []\ndeviation = []\n"
        ),
    )
}

/// How many classes an output of `[rows, classes]` has.
fn classes(output: &DeclaredPort) -> Option<usize> {
    match output.dims.as_deref() {
        Some([_, count]) => count.parse().ok(),
        _ => None,
    }
}

fn commented(why: &str, toml: &str) -> String {
    let lines: String = toml.lines().map(|line| format!("# {line}\n")).collect();
    format!("\n# {why}\n{lines}")
}
