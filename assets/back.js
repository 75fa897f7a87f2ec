// Back and forward between views of one page. A page writes its views into the address by itself, which the pages' router does
// not hear: coming back to the view that it knows last is nothing new to it. So it is told.
(function () {
  window.addEventListener("popstate", function () {
    const api = window.dash_component_api;
    const known = api && api.getLayout && api.getLayout("_pages_location");
    const there = known && known.props;
    if (there && there.pathname === location.pathname && (there.search || "") === location.search) {
      window.dash_clientside.set_props("_pages_location", { pathname: location.pathname, search: location.search });
    }
  });
})();
