// Dash's dropdowns for who does not see or point: one stop of the keyboard, which says its label and what is chosen. Dash puts
// a field before each button that takes the focus and hands it on, hidden from screen readers though what is focused may not be;
// it names the button by what is chosen alone; and its cross, which no key reaches (Delete empties), has a name but no role.
(function () {
  function mend(target) {
    const button = target.nextElementSibling;
    if (!button || target.hidden) return;
    target.hidden = true;
    button.tabIndex = 0;
    const label = button.id && document.querySelector(`label[for="${CSS.escape(button.id)}"]`);
    if (!label) return;
    label.id = label.id || `${button.id}-label`;
    button.setAttribute("aria-labelledby", `${label.id} ${button.getAttribute("aria-labelledby")}`);
  }

  function hush(cross) {
    cross.removeAttribute("aria-label");
    cross.setAttribute("aria-hidden", "true");
  }

  // The field within a place for a file is hidden from sight, not from screen readers: it is called what the place says.
  function name(field) {
    field.setAttribute("aria-label", field.closest(".tds-upload").textContent.trim());
  }

  new MutationObserver(function (changes) {
    for (const change of changes) {
      for (const added of change.addedNodes) {
        if (added.nodeType !== 1) continue;
        added.querySelectorAll(".dash-dropdown-focus-target").forEach(mend);
        if (added.matches(".tds-upload, .tds-upload *")) added.querySelectorAll("input[type=file]").forEach(name);
        added.querySelectorAll(".tds-upload input[type=file]").forEach(name);
        if (added.matches(".dash-dropdown-clear")) hush(added);
        added.querySelectorAll(".dash-dropdown-clear").forEach(hush);
      }
    }
  }).observe(document.documentElement, { childList: true, subtree: true });
})();
