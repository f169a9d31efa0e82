// Comforts of the admin pages; everything works without this file.

// The provider's type: choosing one shows its settings at once instead of by the button. That one
// stays where the choice was made before this file was here, or is of a page gone back to.
for (const chooser of document.querySelectorAll("[data-idv-choose]")) {
  const button = chooser.querySelector("input[type=submit]");
  const select = chooser.querySelector("select");
  const look = () => {
    button.hidden = select.selectedOptions[0].defaultSelected;
  };
  select.addEventListener("change", () => button.click());
  addEventListener("pageshow", look);
  look();
}

// The callback URL and references: a button that copies them, where the browser allows that.
for (const copier of document.querySelectorAll("[data-idv-copy]")) {
  const button = copier.querySelector("button");
  button.hidden = !navigator.clipboard;
  button.addEventListener("click", async () => {
    const source = copier.querySelector("input, code");
    await navigator.clipboard.writeText(source.value ?? source.textContent);
    button.textContent = button.dataset.done;
  });
}

// A page that follows an outcome looks again, as long as somebody looks at it.
for (const followed of document.querySelectorAll("[data-idv-follow]")) {
  setInterval(() => {
    if (document.visibilityState === "visible") location.reload();
  }, Number(followed.dataset.idvFollow) * 1000);
}
