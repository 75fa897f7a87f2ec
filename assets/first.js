// What a page is opened for is asked for before the rest of it: a server that makes everything at once is late with all of it.
// A page names that output in `data-goes-first`; what else it asks for meanwhile waits for the answer, or for a moment.
(function () {
  const LONGEST_MS = 500;
  let ahead = null;

  function goesFirst(given) {
    const mark = document.querySelector("[data-goes-first]");
    return Boolean(mark) && typeof (given && given.body) === "string" && given.body.includes(mark.dataset.goesFirst);
  }

  window.dash_clientside.asking.around(async function (url, given, ask) {
    if (!url.includes("/_dash-update-component")) return ask(given);
    if (goesFirst(given)) {
      const answer = ask(given);
      const moment = new Promise((done) => setTimeout(done, LONGEST_MS));
      const own = Promise.race([answer.catch(() => null), moment]).then(() => { ahead = ahead === own ? null : ahead; });
      ahead = own;
      return answer;
    }
    if (ahead) await ahead;
    return ask(given);
  });
})();
