// What the page says when the server does not give what it was asked for: a session that has ended leads to the sign-in
// form and back here; everything else is said in a notice that names the fault and its id, and offers to try again.
(function () {
  let words = null;

  function word(key) {
    words = words || JSON.parse(document.body.dataset.words || "{}");
    return words[key] || "";
  }

  function element(tag, className, text) {
    const made = document.createElement(tag);
    made.className = className;
    made.textContent = text;
    return made;
  }

  function notice(kind, message, id, of) {
    const toast = document.getElementById("toast");
    if (!toast || missing()) return;
    const text = document.createElement("div");
    text.append(element("strong", "tds-toast-title", word("state.toast_title")), element("p", "tds-toast-text", message));
    if (id) text.append(element("small", "tds-toast-id", word("state.failed_id").replace("{id}", id)));
    const retry = element("button", "btn btn-sm btn-primary", word("action.retry"));
    retry.addEventListener("click", function () { location.reload(); });
    const close = element("button", "btn btn-sm btn-outline-secondary", word("action.close"));
    close.addEventListener("click", function () { toast.hidden = true; });
    const actions = element("div", "tds-toast-actions", "");
    actions.append(retry, close);
    toast.dataset.kind = kind;
    toast.dataset.of = of || "";
    toast.replaceChildren(text, actions);
    toast.hidden = false;
  }

  // A notice goes once what it is of is given after all, as on a page that refreshes itself; that nobody answers, with any answer.
  function recovered(options) {
    const toast = document.getElementById("toast");
    if (!toast || toast.hidden) return;
    if (toast.dataset.kind === "offline" || (toast.dataset.of && toast.dataset.of === filled(options))) toast.hidden = true;
  }

  // What an answer to a request fills, as Dash names it.
  function filled(options) {
    try {
      return JSON.parse(options.body).output || "";
    } catch (_) {
      return "";
    }
  }

  async function explain(response, whole, options) {
    let error = {};
    try {
      error = (await response.clone().json()).error || {};
    } catch (_) {
      // a proxy's page, not ours
    }
    const message = error.message || word("http.error");
    if (whole) lost(message, error.id, response.status >= 500);
    else notice("failed", message, error.id, filled(options));
  }

  // A link changes the address before its page is there. Where that does not come, the page of before would stand under the
  // address of another: so this one says that it is missing, and asks again until it is there.
  const PAGE = "_pages_content";
  const AGAIN_MS = 10000;
  const missing = () => document.querySelector("[data-lost]");

  function part(type, props) {
    return { type, namespace: "dash_html_components", props };
  }

  function lost(message, id, passing) {
    const said = [
      part("H1", { children: word("state.page_failed"), className: "tds-state-title", tabIndex: -1 }),
      part("P", { children: message, className: "tds-state-text" }),
    ];
    if (passing) said.push(part("P", { children: word("state.page_again"), className: "tds-state-text" }));
    if (id) said.push(part("P", { children: word("state.failed_id").replace("{id}", id), className: "tds-state-id" }));
    const retry = part("Button", { children: word("action.retry"), className: "btn btn-primary", "data-retry": "" });
    const home = part("A", { children: word("state.home"), className: "btn btn-outline-primary", href: "/" });
    said.push(part("Div", { children: [retry, home], className: "tds-actions justify-content-center" }));
    const state = part("Div", { children: said, className: "tds-state tds-state-failed", role: "alert", "data-lost": passing ? "passing" : "" });
    const card = part("Div", { children: state, className: "tds-card" });
    window.dash_clientside.set_props(PAGE, { children: part("Div", { children: card, className: "tds-page" }) });
    document.title = word("state.page_failed");
    const toast = document.getElementById("toast");
    if (toast) toast.hidden = true;
  }

  function again() {
    window.dash_clientside.set_props("_pages_location", { pathname: location.pathname });
  }

  document.addEventListener("click", function (event) {
    if (event.target.closest("[data-retry]")) again();
  });
  setInterval(function () {
    if (!document.hidden && missing() && missing().dataset.lost) again();
  }, AGAIN_MS);

  // A page that refreshes itself says when nobody has touched it for a minute: such requests keep no session awake.
  let touched = Date.now();
  ["pointerdown", "pointermove", "keydown", "wheel", "touchstart"].forEach(function (name) {
    document.addEventListener(name, function () { touched = Date.now(); }, { capture: true, passive: true });
  });

  function attended(options) {
    if (Date.now() - touched < 60000) return options;
    const headers = new Headers((options && options.headers) || {});
    headers.set("X-Tds-Unattended", "1");
    return { ...options, headers };
  }

  window.dash_clientside.asking.around(async function (url, given, ask) {
    const options = attended(given);
    const whole = Boolean(options && String(options.body).includes(`"${PAGE}"`));
    let response;
    try {
      response = await ask(options);
    } catch (error) {
      const aborted = options && options.signal && options.signal.aborted;
      if (!aborted && whole) lost(word("http.offline"), "", true);
      else if (!aborted && !document.hidden) notice("offline", word("http.offline"));
      throw error;
    }
    if (response.status === 401) {
      location.assign("/login?next=" + encodeURIComponent(location.pathname + location.search));
    } else if (response.status >= 400) {
      explain(response, whole, options);
    } else {
      recovered(options);
    }
    return response;
  });
})();
