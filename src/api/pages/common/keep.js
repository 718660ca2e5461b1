// Has the browser keep this page, where it may: over TLS or on the box itself.

const WORKER = "/pages/common/worker.js";

export async function keep(scope) {
  if (!("serviceWorker" in navigator)) return;
  const policy = window.trustedTypes?.createPolicy("endcap-worker", {
    createScriptURL(address) {
      if (address !== WORKER) throw new TypeError(`${address} is not the worker`);
      return address;
    },
  });
  try {
    await navigator.serviceWorker.register(policy ? policy.createScriptURL(WORKER) : WORKER, { scope });
  } catch (fault) {
    // The page works without; a browser says here that it does not trust the box's certificate.
    console.info("the page is not kept", String(fault));
  }
}
