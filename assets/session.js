// What the page says when the server does not give what it was asked for: a session that has ended leads to the sign-in
// form and back here; everything else is said in a notice that names the fault and its id, and offers to try again.
(function () {
  const ask = window.fetch.bind(window);
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

  function notice(kind, message, id) {
    const toast = document.getElementById("toast");
    if (!toast) return;
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
    toast.replaceChildren(text, actions);
    toast.hidden = false;
  }

  function recovered() {
    const toast = document.getElementById("toast");
    if (toast && toast.dataset.kind === "offline") toast.hidden = true;
  }

  async function explain(response) {
    let error = {};
    try {
      error = (await response.clone().json()).error || {};
    } catch (_) {
      // a proxy's page, not ours
    }
    notice("failed", error.message || word("http.error"), error.id);
  }

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

  window.fetch = async function (resource, given) {
    const url = String((resource && resource.url) || resource);
    if (!url.includes("/_dash-")) return ask(resource, given);
    const options = attended(given);
    let response;
    try {
      response = await ask(resource, options);
    } catch (error) {
      if (!(options && options.signal && options.signal.aborted) && !document.hidden) notice("offline", word("http.offline"));
      throw error;
    }
    if (response.status === 401) {
      location.assign("/login?next=" + encodeURIComponent(location.pathname + location.search));
    } else if (response.status >= 400) {
      explain(response);
    } else {
      recovered();
    }
    return response;
  };
})();
