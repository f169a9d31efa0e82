// Inside a frame: tell the embedding page what happens (reference 4.3). The page works without.
(function () {
  "use strict";

  var body = document.body;
  var framed = window.parent !== window;

  // The real client takes its token out of the address bar (reference 2A.4).
  if (window.location.search.indexOf("authorizationToken=") !== -1) {
    window.history.replaceState(null, "", window.location.pathname);
  }

  if (!framed) {
    return;
  }

  document.querySelectorAll("[data-embedded]").forEach(function (field) {
    field.value = "1";
  });

  if (body.dataset.message) {
    var message = JSON.parse(body.dataset.message);
    message.dateTime = new Date().toISOString();
    // Whoever embeds the page may listen; its origin is not known here when it hides it.
    var target = document.referrer ? new URL(document.referrer).origin : "*";
    if (target === window.location.origin) {
      // After a form was sent the referrer is this page itself, not the embedding one.
      target = "*";
    }
    window.parent.postMessage(JSON.stringify(message), target);
  }

  if (body.dataset.onward) {
    window.location.replace(body.dataset.onward);
  }
})();
