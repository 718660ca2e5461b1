// Reads answers aloud with a voice of the device itself, and shows what is being said.
//
// A browser's other voices send the text to somebody's servers; they are never used.

import { comfort } from "../common/comfort.js";
import { shown } from "../common/dom.js";
import { language } from "../common/words.js";

/** Until a caption goes, where nobody reads aloud: for so many milliseconds for each letter. */
const MS_PER_LETTER = 70;

const synthesis = window.speechSynthesis ?? null;

/** A voice of this device for a language; null where it has none. */
export function voiceOf(tag) {
  const voices = synthesis?.getVoices() ?? [];
  return voices.find((voice) => voice.localService && voice.lang.slice(0, 2) === tag) ?? null;
}

export function onVoices(act) {
  synthesis?.addEventListener?.("voiceschanged", act);
}

/** Sentences, as they are said and shown one after the other. */
export function sentences(text, tag) {
  const parts = new Intl.Segmenter(tag, { granularity: "sentence" }).segment(text);
  return [...parts].map((part) => part.segment.trim()).filter(Boolean);
}

export class Voice {
  #caption;
  #run = 0;

  constructor(caption) {
    this.#caption = caption;
  }

  /** Says a text, in its language, instead of whatever is being said. */
  async read(text, tag = language()) {
    this.stop();
    if (!comfort().voice) return;
    const run = this.#run;
    for (const sentence of sentences(text, tag)) {
      if (run !== this.#run) return;
      this.#show(sentence, tag);
      await this.#utter(sentence, tag);
    }
    if (run === this.#run) this.#show("", tag);
  }

  stop() {
    this.#run += 1;
    synthesis?.cancel();
    this.#show("", language());
  }

  #show(text, tag) {
    shown(this.#caption, text !== "" && comfort().captions);
    this.#caption.lang = tag;
    this.#caption.textContent = text;
  }

  #utter(sentence, tag) {
    const voice = voiceOf(tag);
    if (!voice) return new Promise((done) => setTimeout(done, 800 + sentence.length * MS_PER_LETTER));
    const utterance = new SpeechSynthesisUtterance(sentence);
    utterance.voice = voice;
    utterance.lang = voice.lang;
    return new Promise((done) => {
      utterance.addEventListener("end", done);
      utterance.addEventListener("error", done);
      synthesis.speak(utterance);
    });
  }
}
