// Looks for news and shows the page anew when there are some; without this script the page's own
// refresh does the same, only less quietly.
const shown = document.querySelector("[data-idv-look]");

async function look() {
  try {
    const answer = await fetch(shown.dataset.idvLook, {
      headers: { Accept: "application/json" },
      credentials: "same-origin",
    });
    if (!answer.ok) {
      // Signed out or gone: the page itself says it better.
      location.reload();
      return;
    }
    const now = await answer.json();
    if (now.status !== shown.dataset.idvStatus) {
      if (shown.dataset.idvThen) {
        // What was being prepared is there: on to it, with no stop here on the way back.
        location.replace(shown.dataset.idvThen);
      } else {
        location.reload();
      }
    } else if (now.look_again_in) {
      wait(now.look_again_in);
    }
  } catch {
    wait(Number(shown.dataset.idvEvery) * 2);
  }
}

function wait(seconds) {
  setTimeout(look, seconds * 1000);
}

if (shown) {
  wait(Number(shown.dataset.idvEvery));
}
