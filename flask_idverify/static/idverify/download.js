// A long export says on its page how much has come; without this file only the browser's own list
// of downloads does.

const lang = document.documentElement.lang;
const size = new Intl.NumberFormat(lang, { style: "unit", unit: "megabyte", maximumFractionDigits: 1 });

for (const form of document.querySelectorAll("form[data-idv-download]")) {
  const told = form.querySelector("output");
  form.addEventListener("submit", async (event) => {
    if (form.dataset.plain) return;
    event.preventDefault();
    if (form.ariaBusy === "true") return;
    form.ariaBusy = "true";
    try {
      const sent = await download(new URLSearchParams(new FormData(form, event.submitter)));
      if (!sent) {
        // It answers with a page, which says what is wrong.
        form.dataset.plain = "yes";
        form.requestSubmit(event.submitter);
      }
    } catch {
      told.textContent = told.dataset.failed;
    } finally {
      form.ariaBusy = "false";
    }
  });

  async function download(body) {
    const answer = await fetch(form.action, { method: "POST", body, redirect: "manual" });
    const named = /filename="([^"]+)"/.exec(answer.headers.get("Content-Disposition"));
    if (!answer.ok || !named) return false;
    const parts = [];
    let received = 0;
    let shown = 0;
    for (const reader = answer.body.getReader(); ; ) {
      const { done, value } = await reader.read();
      if (done) break;
      parts.push(value);
      received += value.length;
      // Once a second is enough for whoever has it read out.
      if (performance.now() - shown > 1000) {
        shown = performance.now();
        told.textContent = told.dataset.text.replace("{}", size.format(received / 1e6));
      }
    }
    told.textContent = told.dataset.text.replace("{}", size.format(received / 1e6));
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob(parts, { type: answer.headers.get("Content-Type") }));
    link.download = named[1];
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
    return true;
  }
}
