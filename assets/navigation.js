// The bar's groups: a button opens its links and says so; Escape, a choice, a click elsewhere and going on by Tab close them.
window.dash_clientside = window.dash_clientside || {};
window.dash_clientside.navigation = (function () {
  const opened = () => document.querySelector(".tds-nav-button[aria-expanded='true']");
  const panel = (button) => document.getElementById(button.getAttribute("aria-controls"));

  function set(button, open) {
    button.setAttribute("aria-expanded", String(open));
    panel(button).hidden = !open;
  }

  function close() {
    const button = opened();
    if (button) set(button, false);
    return button;
  }

  document.addEventListener("click", function (event) {
    const button = event.target.closest(".tds-nav-button");
    const inside = event.target.closest(".tds-nav-panel");
    if (inside && !event.target.closest("a")) return;
    const before = close();
    if (button && button !== before) set(button, true);
  });

  document.addEventListener("keydown", function (event) {
    if (event.key !== "Escape") return;
    const button = close();
    if (button) button.focus();
  });

  document.addEventListener("focusin", function (event) {
    const button = opened();
    if (button && !button.parentElement.contains(event.target)) close();
  });

  // What waits in a group: the counts of its pages added up, their words one after the other.
  function together(...counts) {
    const known = counts.filter(Boolean).map((one) => ({ shown: one.props.children[0].props.children, words: one.props.title }));
    if (!known.length) return null;
    const total = known.reduce((sum, one) => sum + parseInt(one.shown, 10), 0);
    const more = known.some((one) => one.shown.endsWith("+")) ? "+" : "";
    const words = known.map((one) => one.words).join(", ");
    const span = (props) => ({ type: "Span", namespace: "dash_html_components", props });
    return span({
      className: "tds-count",
      title: words,
      children: [span({ children: total + more, "aria-hidden": "true" }), span({ children: words, className: "visually-hidden" })],
    });
  }

  return { together };
})();
