// A button of an event says what it asks for (data-verb, data-event); the page's callbacks carry it out. One press is one
// request: the buttons of an event rest meanwhile.
(function () {
  const REST_MS = 2500;

  function rest(buttons) {
    buttons.forEach(function (one) { one.disabled = true; });
    setTimeout(function () { buttons.forEach(function (one) { one.disabled = false; }); }, REST_MS);
  }

  document.addEventListener("click", function (event) {
    const button = event.target.closest("button[data-verb]");
    if (!button) return;
    const asked = { verb: button.dataset.verb, event: button.dataset.event, at: Date.now() };
    if (asked.verb !== "correct") rest(button.closest(".tds-event").querySelectorAll("button"));
    window.dash_clientside.set_props("events-asked", { data: asked });
  });
})();
