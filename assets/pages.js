// What pages decide in the browser, because it needs no data: the address that holds a view, drilling into a bar, turning pages.
window.dash_clientside = window.dash_clientside || {};
window.dash_clientside.tds = (function () {
  const skip = () => window.dash_clientside.no_update;
  const pad = (number) => String(number).padStart(2, "0");

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

  // A bar opens the buckets that it is made of: month to days, day to hours, hour to quarter-hours.
  function drill(click, drawn) {
    const text = click && click.points && click.points.map((point) => point.customdata).find((data) => typeof data === "string");
    const parts = /^(\d{4})-(\d{2})-(\d{2})(?: (\d{2}):(\d{2}))?$/.exec(text || "");
    const step = drawn && drawn.step;
    if (!parts || !step || step === "15min") return [skip(), skip(), skip(), skip()];
    const day = parts.slice(1, 4).join("-");
    if (step !== "month") return ["custom", day, day, step === "day" ? "hour" : "15min"];
    const last = new Date(Date.UTC(Number(parts[1]), Number(parts[2]), 0)).getUTCDate();
    return ["custom", day, parts[1] + "-" + parts[2] + "-" + pad(last), "day"];
  }

  // Other filters begin with the newest page again; the two buttons go on from the edges of the page shown.
  function turn(...values) {
    const edges = values.pop() || {};
    const asked = window.dash_clientside.callback_context.triggered_id || "";
    if (asked.endsWith("-older")) return edges.older || "";
    if (asked.endsWith("-newer")) return edges.newer || "";
    return "";
  }

  return { remember, hideUnlessCustom, drill, turn };
})();
