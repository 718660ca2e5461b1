// Reads a QR code that is held before the camera, where the browser can: nothing of the picture leaves it.

/** Between two looks, in milliseconds. */
const LOOK_MS = 200;

/** Whether this browser reads codes and may have a camera. */
export async function canRead() {
  if (!("BarcodeDetector" in window) || !navigator.mediaDevices?.getUserMedia) return false;
  try {
    return (await BarcodeDetector.getSupportedFormats()).includes("qr_code");
  } catch {
    return false;
  }
}

export class Camera {
  #video;
  #stream = null;
  #run = 0;

  constructor(video) {
    this.#video = video;
  }

  /** Looks until it has read a code for which `found` gives true, or `stop` is called. */
  async read(found) {
    this.stop();
    const run = this.#run;
    const stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "user" } });
    if (run !== this.#run) {
      end(stream);
      return;
    }
    this.#stream = stream;
    this.#video.srcObject = stream;
    this.#video.hidden = false;
    await this.#video.play();
    const detector = new BarcodeDetector({ formats: ["qr_code"] });
    while (run === this.#run) {
      const codes = await detector.detect(this.#video).catch(() => []);
      if (run === this.#run && codes.some((code) => found(code.rawValue))) break;
      await new Promise((wake) => setTimeout(wake, LOOK_MS));
    }
    if (run === this.#run) this.stop();
  }

  stop() {
    this.#run += 1;
    if (this.#stream) end(this.#stream);
    this.#stream = null;
    this.#video.srcObject = null;
    this.#video.hidden = true;
  }
}

function end(stream) {
  for (const track of stream.getTracks()) track.stop();
}
