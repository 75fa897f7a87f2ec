// The page of people: a button says what it asks for, and about whom as the list showed them; callbacks carry it out.
(function () {
  document.addEventListener("click", function (event) {
    const button = event.target.closest("button[data-users]");
    if (!button) return;
    const { users: verb, id, role } = button.dataset;
    window.dash_clientside.set_props("users-asked", { data: { verb, id, role, at: Date.now() } });
  });
})();
