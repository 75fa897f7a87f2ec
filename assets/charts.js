// A finger on a chart scrolls the page. plotly would take the touch for the beginning of a zoom; kept from it, a tap still
// arrives as a click, so that hovering and opening a bar work as with a mouse.
(function () {
  document.addEventListener("touchstart", function (event) {
    if (event.target.closest(".js-plotly-plot .nsewdrag")) event.stopImmediatePropagation();
  }, { capture: true, passive: true });
})();
