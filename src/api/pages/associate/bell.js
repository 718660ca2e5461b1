// Rings: a chime made here, a buzz where the device can, and the title that others tabs show.

import { comfort } from "../common/comfort.js";

/** Notes of the chime in hertz, and when each begins in seconds. */
const CHIME = [[659.3, 0], [880, 0.18], [1318.5, 0.36]];
const NOTE_S = 0.7;
/** Between two rings while nobody answers. */
const AGAIN_MS = 6000;
const BUZZ_MS = [180, 90, 180];

let context = null;

/** Browsers make no sound before the first touch; called at each. */
export function wake() {
  context ??= window.AudioContext ? new AudioContext() : null;
  if (context?.state === "suspended") context.resume().catch(() => {});
}

/** Whether a ring would be heard. */
export const audible = () => context?.state === "running" && comfort().volume > 0;

export function once() {
  navigator.vibrate?.(BUZZ_MS);
  if (!audible()) return;
  for (const [hertz, after] of CHIME) note(hertz, context.currentTime + after);
}

/** A struck bar: a tone and its twelfth, dying away. */
function note(hertz, at) {
  for (const [times, loud] of [[1, 0.5], [3, 0.12]]) {
    const tone = context.createOscillator();
    const gain = context.createGain();
    tone.frequency.value = hertz * times;
    gain.gain.setValueAtTime(0.0001, at);
    gain.gain.exponentialRampToValueAtTime(Math.max(0.0002, loud * comfort().volume), at + 0.015);
    gain.gain.exponentialRampToValueAtTime(0.0001, at + NOTE_S);
    tone.connect(gain).connect(context.destination);
    tone.start(at);
    tone.stop(at + NOTE_S);
  }
}

let timer = 0;

export function start() {
  if (timer) return;
  once();
  timer = setInterval(once, AGAIN_MS);
}

export function stop() {
  clearInterval(timer);
  timer = 0;
}
