// Keeps the pages in the browser, so that they open while the box starts anew. Answers are never kept.

const NAME = "endcap-pages";
/** Until what is kept is shown instead, in milliseconds. */
const PATIENCE_MS = 2500;

self.addEventListener("install", (event) => {
  event.waitUntil(gather().then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => {
  event.waitUntil(self.clients.claim());
});

async function gather() {
  const list = await (await fetch("/pages/files.json")).json();
  const cache = await caches.open(NAME);
  await cache.addAll(list.files);
}

self.addEventListener("fetch", (event) => {
  const { pathname, origin } = new URL(event.request.url);
  const own = origin === location.origin && event.request.method === "GET";
  if (own && /^\/(kiosk|associate|pages\/.*)$/.test(pathname)) event.respondWith(fresh(event.request));
});

/** From the box where it answers in time, else as it was. */
async function fresh(request) {
  const cache = await caches.open(NAME);
  const asked = fetch(request).then(async (answer) => {
    if (answer.ok) await cache.put(request, answer.clone());
    return answer;
  });
  // Files are the same whoever asks, and scripts and fonts are asked for with more headers than they were gathered.
  const kept = await cache.match(request, { ignoreSearch: true, ignoreVary: true });
  if (!kept) return asked;
  const late = new Promise((done) => setTimeout(() => done(kept), PATIENCE_MS));
  const sound = asked.then((answer) => (answer.ok ? answer : kept), () => kept);
  return Promise.race([sound, late]);
}
