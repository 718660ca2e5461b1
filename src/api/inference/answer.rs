//! What was computed, as the protocol writes it.

use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Serialize;

use super::body::HEADER_LENGTH;
use super::classification;
use super::request::InferRequest;
use super::tensor::{Elements, Fault, check_json, raw_bytes, to_raw};
use crate::engine::Array;
use crate::http::Problem;

/// Arrays on their way out.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Answer {
    /// The model that was asked.
    pub(super) model: String,
    /// Its version.
    pub(super) version: String,
    /// The request's own id.
    pub(super) id: Option<String>,
    /// In the order they were asked for.
    pub(super) outputs: Vec<Output>,
}

/// An array and the form it leaves in.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Output {
    pub(super) name: String,
    pub(super) array: Array,
    pub(super) binary: bool,
}

/// Each array as its request wants it; arrays come in the order they were asked for.
pub(super) fn outputs(
    request: &InferRequest,
    computed: Vec<(String, Array)>,
    labels: Option<&[String]>,
) -> Result<Vec<Output>, Problem> {
    let shaped = |(at, (name, array)): (usize, (String, Array))| {
        let wanted = request.outputs.get(at).map(|output| output.parameters).unwrap_or_default();
        let binary = wanted.binary.unwrap_or(request.binary_outputs);
        let array = match wanted.classes {
            None => array,
            Some(count) => classification::highest(&array, count, labels)
                .ok_or_else(|| unordered(at, &name, &array))?,
        };
        Ok(Output { name, array, binary })
    };
    computed.into_iter().enumerate().map(shaped).collect()
}

fn unordered(at: usize, name: &str, array: &Array) -> Problem {
    let (element, shape) = (array.element().name(), array.shape());
    let path = format!("outputs[{at}].parameters.classification");
    let message = format!("{path} (`{name}`): {element} of shape {shape:?} has no highest values");
    Problem::invalid(message).param(path).code("invalid_tensor")
}

/// `$inference_response`.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "InferenceResponse")]
pub(in crate::api) struct Written<'a> {
    model_name: &'a str,
    model_version: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    outputs: Vec<WrittenOutput<'a>>,
}

/// `$response_output`: with `data`, or with the bytes that stand behind the JSON.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "InferenceResponseOutput")]
struct WrittenOutput<'a> {
    name: &'a str,
    datatype: &'static str,
    shape: &'a [usize],
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters: Option<WrittenParameters>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Vec<serde_json::Value>>")]
    data: Option<Elements<'a>>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "InferenceResponseParameters")]
struct WrittenParameters {
    binary_data_size: usize,
}

impl Answer {
    /// The response: JSON, or JSON and binary data behind it where an output leaves so. An output
    /// that JSON has no words for is refused with its name.
    pub(super) fn respond(&self) -> Result<Response, Problem> {
        let outputs = self.outputs.iter().enumerate().map(|(at, output)| output.written(at));
        let written = Written {
            model_name: &self.model,
            model_version: &self.version,
            id: self.id.as_deref(),
            outputs: outputs.collect::<Result<_, _>>()?,
        };
        let mut body = serde_json::to_vec(&written).map_err(Problem::internal)?;
        let json_bytes = body.len();
        let mut has_binary = false;
        for (at, output) in self.outputs.iter().enumerate().filter(|(_, output)| output.binary) {
            has_binary = true;
            to_raw(&output.array, &mut body).map_err(|fault| output.refuse(at, &fault))?;
        }
        let media_type = if has_binary { "application/octet-stream" } else { "application/json" };
        let mut response = body.into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
        if has_binary {
            headers.insert(HEADER_LENGTH, HeaderValue::from(json_bytes));
        }
        Ok(response)
    }
}

impl Output {
    fn written(&self, at: usize) -> Result<WrittenOutput<'_>, Problem> {
        let size = WrittenParameters { binary_data_size: raw_bytes(&self.array) };
        if !self.binary {
            check_json(&self.array).map_err(|fault| self.refuse(at, &fault))?;
        }
        Ok(WrittenOutput {
            name: &self.name,
            datatype: self.array.element().name(),
            shape: self.array.shape(),
            parameters: self.binary.then_some(size),
            data: (!self.binary).then_some(Elements(&self.array)),
        })
    }

    fn refuse(&self, at: usize, fault: &Fault) -> Problem {
        let path = format!("outputs[{at}]");
        let message = format!("{path} (`{}`): {fault}; ask for its binary_data", self.name);
        Problem::invalid(message).param(path).code("not_representable")
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;
    use serde_json::{Value, json};

    use super::*;
    use crate::engine::ElementType;

    fn answer(outputs: Vec<(Array, bool)>) -> Answer {
        let output = |(at, (array, binary))| Output { name: format!("y{at}"), array, binary };
        Answer {
            model: "m".into(),
            version: "1".into(),
            id: Some("7".into()),
            outputs: outputs.into_iter().enumerate().map(output).collect(),
        }
    }

    async fn sent(answer: &Answer) -> (Option<usize>, Vec<u8>) {
        let (head, body) = answer.respond().unwrap().into_parts();
        let length = head.headers.get(HEADER_LENGTH).map(|v| v.to_str().unwrap().parse().unwrap());
        (length, body.collect().await.unwrap().to_bytes().to_vec())
    }

    #[tokio::test]
    async fn binary_data_stand_behind_the_json_in_the_order_of_the_outputs() {
        let bytes = |bytes: &[u8]| Array::new(ElementType::UInt8, vec![bytes.len()], bytes.into());
        let words = Array::texts(vec![1], vec![b"ab".to_vec()]).unwrap();
        let answer = answer(vec![
            (bytes(&[1, 2]).unwrap(), true),
            (bytes(&[9]).unwrap(), false),
            (words, true),
        ]);
        let (length, body) = sent(&answer).await;
        let (head, tail) = body.split_at(length.unwrap());
        assert_eq!(tail, [1, 2, 2, 0, 0, 0, b'a', b'b']);
        let head: Value = serde_json::from_slice(head).unwrap();
        assert_eq!(
            head,
            json!({
                "model_name": "m", "model_version": "1", "id": "7",
                "outputs": [
                    {"name": "y0", "datatype": "UINT8", "shape": [2],
                     "parameters": {"binary_data_size": 2}},
                    {"name": "y1", "datatype": "UINT8", "shape": [1], "data": [9]},
                    {"name": "y2", "datatype": "BYTES", "shape": [1],
                     "parameters": {"binary_data_size": 6}},
                ],
            })
        );
    }

    #[tokio::test]
    async fn json_alone_has_no_length_of_its_own() {
        let answer = answer(vec![(Array::floats(vec![1, 2], &[0.1, -3e38]).unwrap(), false)]);
        let (length, body) = sent(&answer).await;
        assert_eq!(length, None);
        let text = String::from_utf8(body).unwrap();
        assert!(text.contains(r#""shape":[1,2],"data":[0.1,-3e+38]"#), "{text}");
    }

    #[test]
    fn what_json_has_no_words_for_is_refused_with_the_way_out() {
        let brain = Array::new(ElementType::BFloat16, vec![1], vec![0, 0]).unwrap();
        let latin = Array::texts(vec![2], vec![b"a".to_vec(), vec![0xe4]]).unwrap();
        let infinite = Array::floats(vec![2], &[0.0, f32::INFINITY]).unwrap();
        for (array, says) in [
            (brain, "data: BF16 has no form in JSON"),
            (latin, "data[1]: it is not UTF-8, which JSON needs"),
            (infinite, "data[1]: it is not a finite number, which JSON needs"),
        ] {
            let problem = answer(vec![(array.clone(), false)]).respond().unwrap_err();
            let message = format!("outputs[0] (`y0`): {says}; ask for its binary_data");
            assert_eq!((problem.status().as_u16(), &problem.body().message), (400, &message));
            assert!(answer(vec![(array, true)]).respond().is_ok());
        }
    }
}
