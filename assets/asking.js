// The one place where what Dash asks of the server is taken hold of: whoever has something to do before or after says so here.
// A step gets the address, the options and what goes on with the asking; of two steps the one named later is further out.
window.dash_clientside = window.dash_clientside || {};
window.dash_clientside.asking = (function () {
  const fetch = window.fetch.bind(window);
  const steps = [];

  window.fetch = function (resource, given) {
    const url = String((resource && resource.url) || resource);
    if (!url.includes("/_dash-")) return fetch(resource, given);
    const asked = (options) => fetch(resource, options);
    return steps.reduce((further, step) => (options) => step(url, options, further), asked)(given);
  };

  return { around: (step) => { steps.push(step); } };
})();
