// Makes what the server sends as one attribute: [tag, attributes, parts…], text as text and never as HTML (tds_dash/still.py
// says why). Links within it go the way that Dash's own links go, without a reload.
(function () {
  function made(node) {
    if (!Array.isArray(node)) return document.createTextNode(node);
    const [tag, attributes, ...parts] = node;
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    if (/^#[0-9a-f]{6}$/.test(attributes["data-colour"] || "")) element.style.setProperty("--tds-edge-colour", attributes["data-colour"]);
    element.append(...parts.map(made));
    return element;
  }

  function show(holder) {
    const content = holder.dataset.still;
    if (holder.shown === content) return;
    holder.shown = content;
    holder.replaceChildren(made(JSON.parse(content)));
  }

  new MutationObserver(function (changes) {
    for (const change of changes) {
      if (change.type === "attributes") show(change.target);
      for (const added of change.addedNodes) {
        if (added.nodeType !== 1) continue;
        if (added.matches("[data-still]")) show(added);
        added.querySelectorAll("[data-still]").forEach(show);
      }
    }
  }).observe(document.documentElement, { childList: true, subtree: true, attributes: true, attributeFilter: ["data-still"] });

  document.addEventListener("click", function (event) {
    const link = event.target.closest("[data-still] a[href^='/']");
    if (!link || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    const to = new URL(link.href);
    window.dash_clientside.set_props("_pages_location", { pathname: to.pathname, search: to.search, hash: to.hash });
  });
})();
