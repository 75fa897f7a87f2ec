// The explorer in the browser: its controls in the address and back, from a bar to what it is made of, its books.
window.dash_clientside = window.dash_clientside || {};
window.dash_clientside.explorer = (function () {
  const skip = () => window.dash_clientside.no_update;
  const ORDER = ["resource", "devices", "group", "period", "from", "to", "day", "at", "step", "bars", "compare", "with"];
  const ONLY = { from: ["period", "custom"], to: ["period", "custom"], at: ["period", "billing"], with: ["compare", "device"] };

  // Runs of ids, `3,5,8-12`: an address of a thousand devices stays short.
  function ranges(ids) {
    const runs = [];
    for (const id of [...new Set(ids)].sort((a, b) => a - b)) {
      const last = runs[runs.length - 1];
      if (last && last[1] === id - 1) last[1] = id;
      else runs.push([id, id]);
    }
    return runs.map(([low, high]) => (low === high ? `${low}` : high === low + 1 ? `${low},${high}` : `${low}-${high}`)).join(",");
  }

  // Writes the controls into the address; the last two arguments are the devices to choose from, all of which are none in
  // particular, and the values to leave out.
  function remember(...values) {
    const defaults = values.pop() || {};
    const offered = values.pop() || [];
    const words = {};
    window.dash_clientside.callback_context.inputs_list.forEach((input, index) => {
      const value = values[index];
      const every = Array.isArray(value) && value.length === offered.length;
      words[input.id.split("-").pop()] = Array.isArray(value) ? (every ? "" : ranges(value)) : String(value ?? "");
    });
    const wanted = new URLSearchParams();
    for (const name of ORDER) {
      const beside = ONLY[name];
      if (words[name] && words[name] !== String(defaults[name] || "") && (!beside || words[beside[0]] === beside[1])) {
        wanted.set(name, words[name]);
      }
    }
    const search = wanted.toString() ? "?" + wanted.toString().replaceAll("%2C", ",") : "";
    return search === location.search ? skip() : search;
  }

  // Sets those controls that the address of a view sets otherwise. Devices go by way of what is asked for, which the offer of
  // devices reads. After the view come the controls as they are, what is asked for, and the values to leave out.
  const SET = ["resource", "group", "period", "day", "at", "from", "to", "step", "bars", "compare"];

  function apply(view, ...rest) {
    const defaults = rest.pop() || {};
    const asked = rest.pop() || {};
    if (!view) return Array(SET.length + 1).fill(skip());
    const set = SET.map((name, index) => {
      const wanted = view[name] || defaults[name] || "";
      return wanted === String(rest[index] ?? "") ? skip() : wanted || null;
    });
    const next = { devices: view.devices || "", with: view.with || "" };
    const same = next.devices === ranges(ids(asked.devices)) && next.with === String(asked.with || "");
    return [...set, same ? skip() : next];
  }

  // Ids as they are asked for: a list, or runs as an address writes them.
  function ids(given) {
    if (Array.isArray(given)) return given;
    return String(given || "").split(",").filter(Boolean).flatMap((part) => {
      const [low, high] = part.split("-").map(Number);
      return Array.from({ length: Math.min((high || low) - low + 1, 1000) }, (_, index) => low + index);
    });
  }

  const BUCKET = /^(\d{4})-(\d{2})-(\d{2})(?:[ T](\d{2}):(\d{2}))?/;
  const pad = (number) => String(number).padStart(2, "0");

  // A bar opens what it is made of, month to days, day to hours, hour to quarter-hours, and its books. Books of what is no longer
  // chosen close.
  function drill(click, whole, close, resource, group, devices, drawn) {
    const asked = window.dash_clientside.callback_context.triggered_id || "";
    const others = ["-resource", "-group", "-devices"].some((name) => asked.endsWith(name));
    const picked = others ? [null, skip(), true] : window.dash_clientside.tds.pick(click, whole, close, drawn);
    const parts = BUCKET.exec(picked[0] && picked[0].bucket ? picked[0].bucket : "");
    const step = drawn && drawn.step;
    if (!parts || step === "15min") return [skip(), skip(), skip(), skip(), ...picked];
    const day = parts.slice(1, 4).join("-");
    if (step !== "month") return ["custom", day, day, step === "day" ? "hour" : "15min", ...picked];
    const last = new Date(Date.UTC(Number(parts[1]), Number(parts[2]), 0)).getUTCDate();
    return ["custom", day, parts[1] + "-" + parts[2] + "-" + pad(last), "day", ...picked];
  }

  // Shows what a choice needs to know: the dates of other dates, the day of billing periods, the device to compare with.
  function toggles(period, compare, group) {
    return [period !== "custom", period !== "billing", period === "custom", compare !== "device", group === "resource"];
  }

  // Links to views of this page set its controls, without loading it anew; in another tab they open as any link does.
  document.addEventListener("click", function (event) {
    const link = event.target.closest("a[data-view], #consumption-chart-table a[href^='/consumption'], #consumption-totals a[href^='/consumption']");
    if (!link || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    if (!link.hasAttribute("href")) return;
    const view = Object.fromEntries(new URL(link.href, location.origin).searchParams);
    window.dash_clientside.set_props("consumption-go", { data: { ...view, clicked: Date.now() } });
  }, { capture: true });

  // Buttons of books name a bar, a group and a page.
  document.addEventListener("click", function (event) {
    const button = event.target.closest("[data-books]");
    if (!button) return;
    window.dash_clientside.tds.reveal("consumption-books-whole");
    const bar = { ...JSON.parse(button.dataset.books), at: Date.now() };
    window.dash_clientside.set_props("consumption-bar", { data: bar });
    window.dash_clientside.set_props("consumption-books", { hidden: false });
  });

  return { remember, apply, drill, toggles };
})();
