// The fleet's hands: buttons say what they ask for (data-fleet, data-thing, data-id), the page's callbacks carry it out; the
// counts of the status at a glance set the filter. One press is one request: the button rests meanwhile.
window.dash_clientside = window.dash_clientside || {};
window.dash_clientside.fleet = {
  // An address may name what to open: it is asked for as if its button had been pressed.
  begin: (wanted) => (wanted ? { ...wanted, at: Date.now() } : window.dash_clientside.no_update),
};

(function () {
  const REST_MS = 1500;
  const set = (id, props) => window.dash_clientside.set_props(id, props);

  document.addEventListener("click", function (event) {
    const count = event.target.closest("button[data-state-of]");
    if (count) {
      set(count.dataset.stateOf + "-state", { value: count.dataset.state || "all" });
      return;
    }
    const button = event.target.closest("button[data-fleet]");
    if (!button || button.disabled || button.ariaDisabled) return;
    const { fleet: verb, thing, id, closes } = button.dataset;
    // Not really disabled: it would lose the focus, and a dialog that it opens could not give that back.
    button.ariaDisabled = "true";
    setTimeout(function () { button.ariaDisabled = null; }, REST_MS);
    if (closes) set(closes, { is_open: false });
    set(thing + "-asked", { data: { verb, id: id ? Number(id) : null, at: Date.now() } });
  });

  // A token is shown once: copied by its button, since nobody types 47 characters.
  document.addEventListener("click", function (event) {
    const button = event.target.closest("button[data-copies]");
    const source = button && document.getElementById(button.dataset.copies);
    if (!source) return;
    const chosen = window.getSelection();
    chosen.selectAllChildren(source);
    if (navigator.clipboard) navigator.clipboard.writeText(source.textContent).catch(function () {});
    button.textContent = button.dataset.copied;
  });

  // A file that the server would not take is told about here: cut off in the middle, the browser could only say that the line is dead.
  function refuseLarge(event) {
    const place = event.target.closest("[data-most-bytes]");
    const files = place && (event.dataTransfer || event.target).files;
    if (!files || ![...files].some((one) => one.size > Number(place.dataset.mostBytes))) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    if (event.target.value) event.target.value = "";
    set(place.dataset.told, { children: place.dataset.tooLarge });
    set(place.dataset.told.replace(/-told$/, "-save"), { disabled: true });
  }
  document.addEventListener("change", refuseLarge, true);
  document.addEventListener("drop", refuseLarge, true);
})();
