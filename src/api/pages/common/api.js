// Asks the box. The browser shows its device's cookie by itself.

/** The box refused, and said why. */
export class Refused extends Error {
  constructor(status, error, retryAfter) {
    super(error?.message ?? `status ${status}`);
    this.status = status;
    this.code = error?.code ?? null;
    this.retryAfter = retryAfter;
  }
}

/** Nobody answered. */
export class Unreachable extends Error {}

/** Longest wait for the beginning of an answer, in milliseconds. */
const PATIENCE_MS = 60_000;

async function send(method, path, body, signal) {
  const asked = { method, signal, headers: {}, credentials: "same-origin", cache: "no-store" };
  if (body !== undefined) {
    asked.headers["content-type"] = "application/json";
    asked.body = JSON.stringify(body);
  }
  let answer;
  try {
    answer = await fetch(path, asked);
  } catch (fault) {
    throw new Unreachable(String(fault));
  }
  if (answer.ok) return answer;
  const told = await answer.json().catch(() => null);
  throw new Refused(answer.status, told?.error, Number(answer.headers.get("retry-after")) || null);
}

/** Asks; gives the answer's JSON, or null where it has none. */
export async function ask(method, path, body) {
  const answer = await send(method, path, body, AbortSignal.timeout(PATIENCE_MS));
  if (answer.status === 204) return null;
  return answer.json().catch(() => null);
}

/** Asks, and hands each event of the answer to `heard(name, data)`. Ends with the stream. */
export async function askEvents(method, path, body, heard, signal) {
  const answer = await send(method, path, body, signal);
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  const events = new EventReader(heard);
  for (;;) {
    let step;
    try {
      step = await reader.read();
    } catch (fault) {
      throw new Unreachable(String(fault));
    }
    if (step.done) return;
    events.read(step.value);
  }
}

/** Takes server-sent events apart (HTML, section 9.2.6), of which we use names and data. */
export class EventReader {
  #rest = "";
  #heard;

  constructor(heard) {
    this.#heard = heard;
  }

  read(text) {
    this.#rest += text;
    for (;;) {
      const end = /\r?\n\r?\n/.exec(this.#rest);
      if (!end) return;
      const block = this.#rest.slice(0, end.index);
      this.#rest = this.#rest.slice(end.index + end[0].length);
      this.#tell(block);
    }
  }

  #tell(block) {
    let name = "message";
    const data = [];
    for (const line of block.split(/\r?\n/)) {
      const [, field, value] = /^([^:]*):? ?(.*)$/.exec(line) ?? [];
      if (field === "event") name = value;
      if (field === "data") data.push(value);
    }
    if (data.length) this.#heard(name, parsed(data.join("\n")));
  }
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** A box ends each stream after a while, and the browser comes back; only who stays away longer is away. */
const AWAY_MS = 8000;
/** Before a stream is asked for anew that the browser has given up. */
const RETRY_MS = 3000;

/**
 * Follows a stream of events for as long as the page is open. `again` is called when the line is there
 * once more, as something may have been missed; `standing(is)` says whether it is.
 */
export class Line {
  #source = null;
  #path;
  #heard;
  #again;
  #standing;
  #retry = 0;
  #away = 0;
  #was = false;

  constructor(path, names, { heard, again = () => {}, standing = () => {} }) {
    this.#path = path;
    this.#heard = (name) => (event) => heard(name, parsed(event.data));
    this.#again = again;
    this.#standing = standing;
    this.names = names;
    this.#open();
  }

  #open() {
    const source = new EventSource(this.#path);
    this.#source = source;
    for (const name of this.names) source.addEventListener(name, this.#heard(name));
    source.addEventListener("open", () => {
      clearTimeout(this.#away);
      this.#away = 0;
      this.#standing(true);
      if (this.#was) this.#again();
      this.#was = true;
    });
    source.addEventListener("error", () => {
      this.#away ||= setTimeout(() => this.#standing(false), AWAY_MS);
      // A browser gives up by itself on an answer that is no stream.
      if (source.readyState === EventSource.CLOSED && this.#source === source) {
        this.#retry = setTimeout(() => this.#open(), RETRY_MS);
      }
    });
  }

  close() {
    clearTimeout(this.#retry);
    clearTimeout(this.#away);
    this.#source?.close();
    this.#source = null;
  }
}
