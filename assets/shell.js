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

  let path = location.pathname;
  new MutationObserver(function () {
    if (location.pathname === path) return;
    const heading = document.querySelector("#content h1");
    if (!heading) return;
    path = location.pathname;
    heading.focus({ preventScroll: true });
    window.scrollTo(0, 0);
  }).observe(document.documentElement, { childList: true, subtree: true });

  document.addEventListener("visibilitychange", function () {
    const beat = document.querySelector("[data-refreshes]");
    if (!beat) return;
    const change = { disabled: document.hidden };
    if (!document.hidden) change.n_intervals = Date.now();
    window.dash_clientside.set_props(beat.dataset.refreshes, change);
  });
})();
