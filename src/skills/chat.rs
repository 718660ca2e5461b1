//! Chat templates: the messages of a conversation to the text a model was trained on.
//!
//! Templates are Jinja as Hugging Face's `transformers` runs it: blocks are trimmed, Python's
//! string and dict methods exist, `raise_exception`, `strftime_now` and `tojson` are there and
//! `tojson` writes what Python's `json.dumps` writes.

use std::io;

use minijinja::value::{Kwargs, Value};
use minijinja::{Environment, Error, ErrorKind, context};
use serde::Serialize;

/// Instructions one rendering may execute.
const FUEL: u64 = 5_000_000;
/// Bytes one rendering may write.
const OUTPUT_LIMIT_BYTES: usize = 8 << 20;
/// Bytes of template source.
const SOURCE_LIMIT_BYTES: usize = 256 << 10;
const NAME: &str = "chat_template";
/// By which a template asks for the time.
const CLOCK: &str = "strftime_now";

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Instructions that stand above the conversation.
    System,
    /// The person who asks.
    User,
    /// The model.
    Assistant,
}

/// One message of a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// What is said.
    pub content: String,
}

/// Why a conversation could not be written as a prompt.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    /// The template is not one we can run.
    #[error("the chat template does not compile: {0}")]
    Compile(String),
    /// The template itself refuses this conversation, in its own words.
    #[error("the model's chat template refuses these messages: {0}")]
    Refused(String),
    /// The prompt would be longer than a prompt may be.
    #[error("the prompt is longer than {limit_bytes} bytes")]
    TooLong {
        /// The most that is written.
        limit_bytes: usize,
    },
    /// The template fails on this conversation.
    #[error("the chat template failed: {0}")]
    Render(String),
}

/// A compiled chat template of one model.
#[derive(Debug)]
pub struct ChatTemplate {
    environment: Environment<'static>,
    bos_token: String,
    eos_token: String,
    tells_time: bool,
}

impl ChatTemplate {
    /// Compiles a template; `bos` and `eos` are what it sees as `bos_token` and `eos_token`.
    pub fn compile(source: &str, bos: &str, eos: &str) -> Result<Self, TemplateError> {
        if source.len() > SOURCE_LIMIT_BYTES {
            return Err(TemplateError::Compile(format!(
                "it has {} bytes; the limit is {SOURCE_LIMIT_BYTES}",
                source.len()
            )));
        }
        let mut environment = Environment::new();
        environment.set_trim_blocks(true);
        environment.set_lstrip_blocks(true);
        environment.set_fuel(Some(FUEL));
        environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
        environment
            .set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
        environment.add_function("raise_exception", raise_exception);
        environment.add_function(CLOCK, strftime_now);
        environment.add_filter("tojson", to_json);
        environment
            .add_template_owned(NAME, source.to_owned())
            .map_err(|e| TemplateError::Compile(e.to_string()))?;
        let tells_time = source.contains(CLOCK);
        Ok(Self { environment, bos_token: bos.to_owned(), eos_token: eos.to_owned(), tells_time })
    }

    /// Whether the same messages may become another prompt at another time.
    pub fn tells_time(&self) -> bool {
        self.tells_time
    }

    /// The prompt for these messages; it ends where the assistant is to speak. `guard` is given
    /// what each message says and returns it as text that no tokeniser takes for the template's
    /// own marks. Long conversations take milliseconds: call off the async threads.
    pub fn prompt(
        &self,
        messages: &[Message],
        guard: impl Fn(&str) -> String,
    ) -> Result<String, TemplateError> {
        let guarded =
            |message: &Message| Message { role: message.role, content: guard(&message.content) };
        self.render(&messages.iter().map(guarded).collect::<Vec<_>>())
    }

    fn render(&self, messages: &[Message]) -> Result<String, TemplateError> {
        let template = self
            .environment
            .get_template(NAME)
            .map_err(|e| TemplateError::Render(e.to_string()))?;
        let mut prompt = Bounded { text: Vec::new(), overflowed: false };
        let rendered = template.render_captured_to(
            context! {
                messages,
                add_generation_prompt => true,
                bos_token => self.bos_token,
                eos_token => self.eos_token,
                tools => Value::from(()),
                documents => Value::from(()),
            },
            &mut prompt,
        );
        if prompt.overflowed {
            return Err(TemplateError::TooLong { limit_bytes: OUTPUT_LIMIT_BYTES });
        }
        rendered.map_err(|e| refusal(&e))?;
        String::from_utf8(prompt.text).map_err(|e| TemplateError::Render(e.to_string()))
    }
}

/// A template's own words, carried through the error chain.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Raised(String);

fn raise_exception(message: String) -> Result<Value, Error> {
    Err(Error::new(ErrorKind::InvalidOperation, "raised by the template")
        .with_source(Raised(message)))
}

fn refusal(error: &Error) -> TemplateError {
    let mut cause: Option<&dyn std::error::Error> = Some(error);
    while let Some(current) = cause {
        if let Some(Raised(message)) = current.downcast_ref() {
            return TemplateError::Refused(message.clone());
        }
        cause = current.source();
    }
    // The detail of an error may quote a value of the conversation; the kind and line do not.
    TemplateError::Render(match error.line() {
        Some(line) => format!("{} in line {line}", error.kind()),
        None => error.kind().to_string(),
    })
}

fn strftime_now(format: &str) -> Result<String, Error> {
    use std::fmt::Write;
    let mut text = String::new();
    write!(text, "{}", chrono::Local::now().format(format)).map_err(|_| {
        Error::new(ErrorKind::InvalidOperation, format!("`{format}` is not a date format"))
    })?;
    Ok(text)
}

fn to_json(value: &Value, options: Kwargs) -> Result<Value, Error> {
    let indent: Option<usize> = options.get("indent")?;
    let _ascii: Option<bool> = options.get("ensure_ascii")?;
    options.assert_all_used()?;
    let mut bytes = Vec::new();
    let written = match indent {
        None => {
            value.serialize(&mut serde_json::Serializer::with_formatter(&mut bytes, PythonSpacing))
        }
        Some(width) => {
            let spaces = vec![b' '; width.min(16)];
            let pretty = serde_json::ser::PrettyFormatter::with_indent(&spaces);
            value.serialize(&mut serde_json::Serializer::with_formatter(&mut bytes, pretty))
        }
    };
    written.map_err(|e| Error::new(ErrorKind::BadSerialization, "value to JSON").with_source(e))?;
    String::from_utf8(bytes)
        .map(Value::from_safe_string)
        .map_err(|e| Error::new(ErrorKind::BadSerialization, "value to JSON").with_source(e))
}

/// `json.dumps` puts a space behind commas and colons; models have read it so.
struct PythonSpacing;

impl serde_json::ser::Formatter for PythonSpacing {
    fn begin_array_value<W: ?Sized + io::Write>(
        &mut self,
        w: &mut W,
        first: bool,
    ) -> io::Result<()> {
        if first { Ok(()) } else { w.write_all(b", ") }
    }
    fn begin_object_key<W: ?Sized + io::Write>(
        &mut self,
        w: &mut W,
        first: bool,
    ) -> io::Result<()> {
        if first { Ok(()) } else { w.write_all(b", ") }
    }
    fn begin_object_value<W: ?Sized + io::Write>(&mut self, w: &mut W) -> io::Result<()> {
        w.write_all(b": ")
    }
}

/// Takes text up to [`OUTPUT_LIMIT_BYTES`], then fails.
struct Bounded {
    text: Vec<u8>,
    overflowed: bool,
}

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.text.len() + bytes.len() > OUTPUT_LIMIT_BYTES {
            self.overflowed = true;
            return Err(io::Error::other("prompt too long"));
        }
        self.text.extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{ChatTemplate, Message, Role, TemplateError};

    const CHATML: &str = "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}{{ '<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n' }}{% endif %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";

    fn say(role: Role, content: &str) -> Message {
        Message { role, content: content.to_owned() }
    }

    fn render(source: &str, messages: &[Message]) -> Result<String, TemplateError> {
        ChatTemplate::compile(source, "<s>", "</s>")?.prompt(messages, str::to_owned)
    }

    #[test]
    fn a_chatml_template_writes_what_transformers_writes() {
        let prompt = render(CHATML, &[say(Role::User, "Where is the <milk>?")]).unwrap();
        assert_eq!(
            prompt,
            "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by \
             Hugging Face<|im_end|>\n<|im_start|>user\nWhere is the <milk>?<|im_end|>\n\
             <|im_start|>assistant\n"
        );
    }

    #[test]
    fn what_is_said_is_guarded_and_what_the_template_writes_is_not() {
        let template = ChatTemplate::compile(CHATML, "<s>", "</s>").unwrap();
        let said = [say(Role::System, "Be |brief|"), say(Role::User, "<|im_end|>")];
        let prompt = template.prompt(&said, |text| text.replace('|', "!")).unwrap();
        assert_eq!(
            prompt,
            "<|im_start|>system\nBe !brief!<|im_end|>\n<|im_start|>user\n<!im_end!><|im_end|>\n\
             <|im_start|>assistant\n"
        );
    }

    #[test]
    fn python_is_spoken() {
        let one = [say(Role::User, " Hé\"llo ")];
        for (source, expected) in [
            ("{{ bos_token }}{{ messages[0].content.strip().upper() }}", "<s>HÉ\"LLO"),
            ("{{ messages | tojson }}", r#"[{"role": "user", "content": " Hé\"llo "}]"#),
            ("{{ {'a': [1, 2]} | tojson(indent=2) }}", "{\n  \"a\": [\n    1,\n    2\n  ]\n}"),
            ("{% if tools is not none %}tools{% else %}none{% endif %}", "none"),
            ("{% if documents %}docs{% endif %}.", "."),
            ("  {% set x = 1 %}\n{{ messages[-1]['role'] }}\n", "user"),
            (
                "{% for i in range(9) %}{% if i == 2 %}{% break %}{% endif %}{{ i }}{% endfor %}",
                "01",
            ),
            ("{{ messages[0].get('name', 'nobody') }}", "nobody"),
            ("{{ '<b>' | tojson }}", "\"<b>\""),
        ] {
            assert_eq!(render(source, &one).unwrap(), expected, "{source}");
        }
        let date = render("{{ strftime_now('%d %b %Y') }}", &one).unwrap();
        assert_eq!(date.len(), 11, "{date}");
    }

    #[test]
    fn a_template_that_raises_is_quoted_and_one_that_runs_wild_is_stopped() {
        let one = [say(Role::User, "secret")];
        let raised = render("{{ raise_exception('roles must alternate') }}", &one);
        assert!(matches!(raised, Err(TemplateError::Refused(m)) if m == "roles must alternate"));
        let endless = "{% for a in range(9999) %}{% for b in range(9999) %}{% set c = a %}\
                       {% endfor %}{% endfor %}";
        assert!(matches!(render(endless, &one), Err(TemplateError::Render(_))));
        let flood = "{% for a in range(9000) %}{{ 'xxxxxxxxxxxxxxxx' * 100 }}{% endfor %}";
        assert!(matches!(render(flood, &one), Err(TemplateError::TooLong { .. })));
        assert!(matches!(render("{% if %}", &one), Err(TemplateError::Compile(_))));
        for source in ["{{ messages[0].content.nothing() }}", "{{ strftime_now('%Q%!') }}"] {
            let error = render(source, &one).unwrap_err().to_string();
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
