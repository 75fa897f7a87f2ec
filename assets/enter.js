// Enter in a line of text does what the form is for: it presses the dialog's own button, or the one that data-enter names.
(function () {
  // Of the buttons that are shown the one that stands out, or the first.
  function own(dialog) {
    const shown = [...dialog.querySelectorAll(".modal-footer .btn")].filter(one => one.offsetParent);
    return shown.find(one => one.matches(".btn-primary, .btn-danger")) || shown[0];
  }
  document.addEventListener("keydown", function (event) {
    const field = event.target;
    if (event.key !== "Enter" || event.repeat || event.isComposing || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
    if (!(field instanceof HTMLInputElement) || !field.classList.contains("tds-input")) return;
    const form = field.closest(".modal-content, [data-enter]");
    const button = form && (form.dataset.enter ? document.getElementById(form.dataset.enter) : own(form));
    if (!button || button.disabled || field.closest("form")) return;
    event.preventDefault();
    // A field that tells the page what it holds only once it is left is left for a moment.
    field.blur();
    field.focus({ preventScroll: true });
    button.click();
  });
})();
