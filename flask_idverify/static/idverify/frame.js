// The vendor's page in a frame: on to the result when it says that it is done, and to the same page
// in this tab where a frame would not do. Without this script the page's refresh opens it there.
(() => {
  const { idvPage: page, idvReturn: back } = document.currentScript.dataset;
  const vendor = new URL(page).origin;
  const policy = document.permissionsPolicy || document.featurePolicy;

  // "replace" keeps this page out of the history, so that "back" does not lead here again.
  // Once: the frame may say that it is done, and then be sent back, too.
  let left = false;
  const leave = (address) => {
    if (!left) location.replace(address);
    left = true;
  };
  const frame = () => document.querySelector("iframe[data-idv-frame]");

  if (
    // A phone, upright or not: too small for the frame and the page around it.
    matchMedia("(max-width: 639px), (max-height: 479px)").matches ||
    // No camera in there: this page is not https, or a policy in front of us forbids it.
    !isSecureContext ||
    (policy && !policy.allowsFeature("camera", vendor))
  ) {
    leave(page);
    return;
  }

  document.addEventListener("securitypolicyviolation", (event) => {
    if (event.blockedURI.startsWith(vendor)) leave(page);
  });

  addEventListener("message", (event) => {
    if (event.origin !== vendor || event.source !== frame()?.contentWindow) return;
    let told;
    try {
      told = JSON.parse(event.data);
    } catch {
      return;
    }
    if (told?.eventType !== 510) return;
    const { value, metainfo } = told.payload ?? {};
    // What it says decides nothing: we go and look, as when the browser is sent back.
    if (value === "success") leave(back);
    if (value === "error") {
      leave(`${back}?errorCode=${encodeURIComponent(metainfo?.code ?? "")}`);
    }
  });

  // Its loads are not told to the window, and do not bubble.
  document.addEventListener("load", (event) => {
    if (event.target !== frame()) return;
    try {
      // Readable only if the vendor has sent the frame back to this site.
      const { origin, href } = event.target.contentWindow.location;
      if (origin === location.origin) leave(href);
    } catch {
      // Still the vendor's.
    }
  }, true);
})();
