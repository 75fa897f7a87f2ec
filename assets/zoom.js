// A history's zoom: dragged in the chart, or by its buttons. It is kept as two wall times, `2026-11-20T10:00~2026-11-20T16:00`,
// and the server draws what it holds with the step that suits it.
window.dash_clientside = window.dash_clientside || {};
window.dash_clientside.zoom = (function () {
  const skip = () => window.dash_clientside.no_update;
  const LEAST = 15 * 60000;
  const YEARS = [1971, 2199];
  const minute = (text) => Date.parse(String(text).slice(0, 16).replace(" ", "T") + (String(text).length < 11 ? "T00:00Z" : "Z"));
  const wall = (moment) => new Date(moment).toISOString().slice(0, 16);

  function written(low, high) {
    if (!(high - low >= LEAST)) [low, high] = [(low + high) / 2 - LEAST / 2, (low + high) / 2 + LEAST / 2];
    [low, high] = [Math.floor(low / 60000) * 60000, Math.ceil(high / 60000) * 60000];
    if (!isFinite(low) || !isFinite(high)) return skip();
    const years = [low, high].map((moment) => new Date(moment).getUTCFullYear());
    return years[0] < YEARS[0] || years[1] > YEARS[1] ? skip() : wall(low) + "~" + wall(high);
  }

  // A drag gives both ends one by one. A double click gives the range that the chart began with as one: that is the way out.
  function dragged(relayout) {
    if (!relayout) return skip();
    const ends = [relayout["xaxis.range[0]"], relayout["xaxis.range[1]"]];
    if (ends[0] !== undefined && ends[1] !== undefined) return written(...ends.map(minute));
    return relayout["xaxis.range"] || relayout["xaxis.autorange"] ? "" : skip();
  }

  function pressed(button, drawn) {
    const [low, high] = drawn.seen.map(minute);
    const [first, last] = drawn.whole.map(minute);
    const length = high - low;
    if (button === "earlier") return written(low - length / 2, high - length / 2);
    if (button === "later") return written(low + length / 2, high + length / 2);
    if (button === "closer") return written(low + length / 4, high - length / 4);
    const outside = low < first || high > last;
    return !outside && 2 * length >= last - first ? "" : written(low - length / 2, high + length / 2);
  }

  // Gives the zoom, and the event to forget so that the same one counts again. Another period is seen whole.
  function follow(relayout, earlier, later, closer, wider, period, first, last, drawn) {
    const asked = window.dash_clientside.callback_context.triggered_id || "";
    const button = asked.split("-zoom-")[1];
    if (button) return [drawn && drawn.seen ? pressed(button, drawn) : skip(), skip()];
    if (/-(period|from|to)$/.test(asked)) return ["", skip()];
    const found = dragged(relayout);
    return [found, found === skip() ? skip() : null];
  }

  return { follow };
})();
