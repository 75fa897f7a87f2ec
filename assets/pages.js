// What pages decide in the browser, because it needs no data: the address that holds a view, the books of a bar, turning pages.
window.dash_clientside = window.dash_clientside || {};
window.dash_clientside.tds = (function () {
  const skip = () => window.dash_clientside.no_update;

  // Writes the controls into the address, each under the last part of its id; the last argument holds the values to leave out.
  function remember(...values) {
    const defaults = values.pop() || {};
    const wanted = new URLSearchParams();
    const inputs = window.dash_clientside.callback_context.inputs_list;
    for (let index = 0; index < inputs.length; index += 1) {
      const name = inputs[index].id.split("-").pop();
      const value = values[index];
      const text = Array.isArray(value) ? value.join(",") : String(value ?? "");
      if (text && text !== String(defaults[name] || "")) wanted.set(name, text);
    }
    const search = wanted.toString() ? "?" + wanted.toString().replaceAll("%2C", ",") : "";
    return search === location.search ? skip() : search;
  }

  function hideUnlessCustom(period) {
    return period !== "custom";
  }

  const BUCKET = /^(\d{4})-(\d{2})-(\d{2})(?: (\d{2}):(\d{2}))?$/;

  function clicked(click) {
    const starts = ((click && click.points) || []).flatMap((point) => [point.customdata, point.x]);
    return starts.find((start) => BUCKET.test(start)) || "";
  }

  // What opens is brought into view by its beginning, at once and not when its data arrive: the chart stays in sight, and
  // nothing moves later.
  const BEGINNING = 240;
  const MARGIN = 16;

  function reveal(button) {
    const panel = document.getElementById(button.replace(/-whole$/, ""));
    if (!panel || !panel.hidden) return;
    panel.hidden = false;
    const place = panel.getBoundingClientRect();
    const below = place.top + Math.min(place.height, BEGINNING) + MARGIN - window.innerHeight;
    if (below > 0) window.scrollBy({ top: below, behavior: "instant" });
  }

  // A bar opens its books; so does the button, for all that is drawn. Gives the bar, the click to forget so that the next one
  // on the same bar counts again, and whether the panel is hidden.
  function pick(click, whole, close, drawn) {
    const asked = window.dash_clientside.callback_context.triggered_id || "";
    const step = drawn && drawn.step;
    if (asked.endsWith("-close")) return [null, skip(), true];
    const bucket = asked.endsWith("-whole") ? "" : clicked(click);
    if (!step || !(bucket || asked.endsWith("-whole"))) return [skip(), skip(), skip()];
    reveal(window.dash_clientside.callback_context.inputs_list[1].id);
    return bucket
      ? [{ step, bucket, at: Date.now() }, null, false]
      : [{ step, from: drawn.from, to: drawn.to, at: Date.now() }, skip(), false];
  }

  // A page without a chart: the button opens the books of all that is shown; of anything else that is shown they close.
  function pickWhole(whole, close, drawn) {
    const asked = window.dash_clientside.callback_context.triggered_id || "";
    if (!asked.endsWith("-whole") || !drawn) return [null, true];
    reveal(asked);
    return [{ ...drawn, at: Date.now() }, false];
  }

  // The overview: a bar of any of its charts opens its books. Gives the bar with its resource, whether the panel is hidden, and
  // the clicks to forget.
  function pickMonth(...values) {
    const charts = window.dash_clientside.callback_context.inputs_list.slice(0, -1).map((input) => input.id);
    const asked = window.dash_clientside.callback_context.triggered_id || "";
    const kept = charts.map(skip);
    if (asked.endsWith("-close")) return [null, true, ...kept];
    const index = charts.indexOf(asked);
    const bucket = index < 0 ? "" : clicked(values[index]);
    if (!bucket) return [skip(), skip(), ...kept];
    reveal("overview-books-whole");
    kept[index] = null;
    return [{ step: "month", bucket, resource: asked.split("-").pop(), at: Date.now() }, false, ...kept];
  }

  function open(clicks) {
    return clicks ? true : skip();
  }

  // Other filters begin with the newest page again; the two buttons go on from the edges of the page shown.
  function turn(...values) {
    const edges = values.pop() || {};
    const asked = window.dash_clientside.callback_context.triggered_id || "";
    if (asked.endsWith("-older")) return edges.older || "";
    if (asked.endsWith("-newer")) return edges.newer || "";
    return "";
  }

  return { remember, hideUnlessCustom, pick, pickWhole, pickMonth, reveal, open, turn };
})();
