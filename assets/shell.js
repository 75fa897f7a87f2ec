// The frame's manners: menus close, the heading takes the focus after navigation, the language form knows where to return,
// and a page that nobody looks at asks for nothing.
(function () {
  function closeMenus(except) {
    document.querySelectorAll("details.tds-menu[open]").forEach(function (menu) {
      if (menu !== except) menu.open = false;
    });
  }

  document.addEventListener("click", function (event) {
    const menu = event.target.closest("details.tds-menu");
    closeMenus(event.target.closest("a") ? null : menu);
  });

  document.addEventListener("keydown", function (event) {
    if (event.key !== "Escape") return;
    const open = document.querySelector("details.tds-menu[open]");
    if (open) open.querySelector("summary").focus();
    closeMenus(null);
  });

  document.addEventListener("submit", function (event) {
    const next = event.target.querySelector('input[name="next"]');
    if (next) next.value = location.pathname + location.search;
  }, true);

  // The address changes before the page does, and React may put the new heading's words into the old element.
  let shown = { path: location.pathname, words: null };
  new MutationObserver(function () {
    const heading = document.querySelector("#content h1");
    if (!heading || (shown.words !== null && location.pathname === shown.path)) return;
    if (location.pathname !== shown.path && heading.textContent === shown.words) return;
    const arrived = location.pathname !== shown.path;
    shown = { path: location.pathname, words: heading.textContent };
    if (!arrived) return;
    heading.focus({ preventScroll: true });
    window.scrollTo(0, 0);
  }).observe(document.documentElement, { childList: true, characterData: true, subtree: true });

  document.addEventListener("visibilitychange", function () {
    const beat = document.querySelector("[data-refreshes]");
    if (!beat) return;
    const change = { disabled: document.hidden };
    if (!document.hidden) change.n_intervals = Date.now();
    window.dash_clientside.set_props(beat.dataset.refreshes, change);
  });
})();
