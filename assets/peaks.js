// A bar of the page of maximum demand chooses its month.
window.dash_clientside = window.dash_clientside || {};
window.dash_clientside.peaks = {
  pick: function (click) {
    const found = click && click.points && click.points.map((point) => point.customdata).find((data) => /^\d{4}-\d{2}-\d{2}$/.test(data));
    return found ? [found.slice(0, 7), null] : [window.dash_clientside.no_update, window.dash_clientside.no_update];
  },
};
