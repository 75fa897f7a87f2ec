// The explorer in the browser: its controls in the address and back, from a bar to what it is made of, its books, its picture.
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

  // Sets the controls as the address of a view does. Devices go by way of what is asked for, which the offer of devices reads.
  function apply(view, asked, defaults) {
    if (!view) return Array(11).fill(skip());
    const word = (name) => view[name] || defaults[name] || "";
    const now = JSON.stringify([asked && asked.devices, asked && asked.with]);
    const next = { devices: view.devices || "", with: view.with || "" };
    const same = JSON.stringify([next.devices, next.with]) === now;
    return [
      word("resource"), word("group"), same ? skip() : next, word("period"), word("day"), view.at || "",
      view.from || null, view.to || null, word("step"), word("bars"), word("compare"),
    ];
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

  // The picture carries what the page says around the chart: its name, its sum, and when it is of.
  const MARGIN = 72;

  function picture(clicks, title, note, dates) {
    const graph = document.querySelector("#consumption-chart .js-plotly-plot");
    if (!clicks || !graph || !graph.data) return skip();
    const said = [note, dates].filter(Boolean).join(" · ");
    const layout = {
      ...graph.layout,
      paper_bgcolor: "#ffffff",
      margin: { l: 24, r: 24, t: MARGIN, b: 24 },
      title: { text: `<b>${plain(title)}</b><br><sup>${plain(said)}</sup>`, x: 0, xref: "paper", xanchor: "left", y: 0.98, yanchor: "top" },
    };
    const size = { width: 1200, height: Math.max(600, graph.offsetHeight + MARGIN) };
    const file = `tds-${title}-${dates}`.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, "-");
    window.Plotly.downloadImage({ data: graph.data, layout, config: graph.config }, { format: "png", scale: 2, filename: file, ...size });
    return skip();
  }

  function plain(text) {
    return String(text ?? "").replaceAll("<", "‹").replaceAll(">", "›");
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

  return { remember, apply, drill, toggles, picture };
})();
