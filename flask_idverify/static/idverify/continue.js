// Goes on to the verification service by itself; without this script the page's refresh does.
const link = document.querySelector("a[data-idv-continue]");
if (link) {
  // "replace" keeps this page out of the history, so that "back" does not lead here again.
  setTimeout(() => location.replace(link.href), 1000);
}
