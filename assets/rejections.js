// A button of a cause says what it asks for (data-mend, data-rejection); the page's callbacks carry it out. One press is one
// request: the buttons of a cause rest meanwhile.
(function () {
  const REST_MS = 2500;

  document.addEventListener("click", function (event) {
    const button = event.target.closest("button[data-mend]");
    if (!button) return;
    const asked = { verb: button.dataset.mend, rejection: button.dataset.rejection, at: Date.now() };
    if (asked.verb === "retry") {
      button.disabled = true;
      setTimeout(function () { button.disabled = false; }, REST_MS);
    }
    window.dash_clientside.set_props("rejections-asked", { data: asked });
  });
})();
