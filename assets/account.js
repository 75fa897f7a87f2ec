// The export of an account comes as a download, about which the browser tells the page nothing: so the page looks at once how far it is.
(function () {
  document.addEventListener("submit", function (event) {
    if (!event.target.querySelector("#account-export")) return;
    setTimeout(function () { window.dash_clientside.set_props("account-look", { n_intervals: Date.now() }); }, 500);
  });
})();
