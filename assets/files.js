// Links to files of what a page shows carry the view that the address holds, as of the moment in which they are used.
(function () {
  function address(event) {
    const link = event.target instanceof Element && event.target.closest("a[data-file]");
    if (!link) return;
    const url = new URL(link.href, location.origin);
    const words = new URLSearchParams(location.search);
    words.set("locale", url.searchParams.get("locale"));
    link.href = url.pathname + "?" + words.toString().replaceAll("%2C", ",");
  }

  for (const name of ["pointerdown", "focusin", "contextmenu", "click"]) document.addEventListener(name, address, { capture: true });
})();
