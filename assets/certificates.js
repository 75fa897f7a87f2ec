// The certificates page's hands: buttons say what they ask for; identities come as files that are fetched once and saved,
// so that a refusal can be said where it was asked for.
window.dash_clientside = window.dash_clientside || {};
window.dash_clientside.certificates = (function () {
  // Other filters begin with the first page again.
  function turn(...values) {
    const page = values.pop() || 1;
    const asked = window.dash_clientside.callback_context.triggered_id || "";
    if (asked.endsWith("-next")) return page + 1;
    if (asked.endsWith("-previous")) return Math.max(1, page - 1);
    return 1;
  }

  const way = (chosen) => [chosen === "request", chosen !== "request"];
  const inWords = (reason) => reason !== "other";

  return { turn, way, inWords };
})();

(function () {
  let gateway = null;

  const set = (id, props) => window.dash_clientside.set_props(id, props);
  const value = (id) => (document.getElementById(id) || {}).value || "";
  const chosen = (id) => (document.querySelector("#" + id + " input:checked") || {}).value || "";
  const word = (name) => (document.getElementById("certificates-words") || { dataset: {} }).dataset[name] || "";

  function save(blob, response) {
    const name = /filename="([^"]+)"/.exec(response.headers.get("Content-Disposition") || "");
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = name ? name[1] : "certificates.zip";
    link.click();
    setTimeout(function () { URL.revokeObjectURL(link.href); }, 60000);
    return link.download;
  }

  // Gives the response, or throws a sentence for the reader.
  async function post(path, form) {
    let response;
    try {
      response = await fetch(path, { method: "POST", body: new URLSearchParams(form) });
    } catch (_) {
      throw word("offline");
    }
    if (response.status === 401) location.assign("/login?next=" + encodeURIComponent(location.pathname + location.search));
    if (!response.ok) {
      const answer = await response.json().catch(() => ({}));
      throw (answer.error && answer.error.message) || word("offline");
    }
    return response;
  }

  async function issue(button) {
    const text = button.textContent;
    const byRequest = chosen("certificates-way") === "request";
    const form = byRequest
      ? { gateway, request: value("certificates-request") }
      : { gateway, kind: chosen("certificates-kind") };
    button.disabled = true;
    button.textContent = word("working");
    set("certificates-issue-problem", { children: null });
    try {
      const response = await post("/_certificates/issue", form);
      const name = save(await response.blob().catch(() => { throw word("broken"); }), response);
      const mac = name.replace(".zip", "").replaceAll("-", ":");
      set("certificates-done", { data: { what: byRequest ? "signed" : "issued", mac, at: Date.now() } });
    } catch (problem) {
      set("certificates-issue-problem", { children: String(problem) });
    } finally {
      button.disabled = false;
      button.textContent = text;
      set("certificates-changed", { data: Date.now() });
    }
  }

  // One part after another until nothing is left; what arrived whole is said to have arrived before the next begins.
  async function download(button) {
    const path = "/_certificates/batches/" + button.dataset.batch;
    const look = setInterval(function () { set("certificates-changed", { data: Date.now() }); }, 2000);
    button.disabled = true;
    button.textContent = word("working");
    try {
      for (;;) {
        const response = await post(path + "/part", {});
        const blob = await response.blob().catch(() => { throw null; });
        save(blob, response);
        await post(path + "/received", { lines: response.headers.get("X-Tds-Lines") });
        if (response.headers.get("X-Tds-Rest") === "0") break;
      }
      set("certificates-done", { data: { what: "received", at: Date.now() } });
    } catch (problem) {
      const data = problem ? { what: "refused", message: String(problem) } : { what: "broken" };
      set("certificates-done", { data: { ...data, at: Date.now() } });
    } finally {
      clearInterval(look);
      set("certificates-changed", { data: Date.now() });
    }
  }

  document.addEventListener("click", function (event) {
    const button = event.target.closest("button[data-certificates]");
    if (button) {
      const { certificates: verb, ...named } = button.dataset;
      if (verb === "download") {
        download(button);
        return;
      }
      gateway = named.gateway || gateway;
      set("certificates-asked", { data: { verb, ...named, at: Date.now() } });
      return;
    }
    const save = event.target.closest("#certificates-issue-save");
    if (save && !save.disabled) issue(save);
  });
})();
