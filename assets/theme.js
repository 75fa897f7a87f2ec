// Light or dark, before anything is painted. A cookie keeps the choice: unlike storage it holds nothing of an account,
// outlives signing out, and lets the server write the page in the right theme at once.
(function () {
  const root = document.documentElement;
  const wanted = window.matchMedia("(prefers-color-scheme: dark)");

  function show(theme) {
    root.dataset.bsTheme = theme;
    document.querySelectorAll("[data-theme-switch]").forEach(label);
  }

  function label(button) {
    const words = root.dataset.bsTheme === "dark" ? button.dataset.toLight : button.dataset.toDark;
    button.title = words;
    button.setAttribute("aria-label", words);
  }

  function follow() {
    if ("themeAuto" in root.dataset) show(wanted.matches ? "dark" : "light");
  }

  follow();
  wanted.addEventListener("change", follow);
  document.addEventListener("click", function (event) {
    if (!event.target.closest("[data-theme-switch]")) return;
    delete root.dataset.themeAuto;
    show(root.dataset.bsTheme === "dark" ? "light" : "dark");
    const secure = location.protocol === "https:" ? "; Secure" : "";
    document.cookie = "tds-theme=" + root.dataset.bsTheme + "; Path=/; Max-Age=31536000; SameSite=Lax" + secure;
  });
})();
