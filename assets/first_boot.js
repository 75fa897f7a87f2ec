// The dialog that takes a gateway at its first boot: its two halves, and which field the next key belongs to.
window.dash_clientside = window.dash_clientside || {};
window.dash_clientside.firstBoot = (function () {
  const PAINTED_MS = 50;
  const field = (name) => document.getElementById("first-boot-" + name);

  function focus(names) {
    setTimeout(function () {
      const wanted = names.map(field).filter(Boolean);
      const next = wanted.find((one) => !one.value) || wanted[wanted.length - 1];
      if (next) next.focus();
    }, PAINTED_MS);
  }

  // First the label, then what was found by it; another label begins anew.
  function halves(found) {
    const there = Boolean(found);
    focus(there ? ["name"] : ["mac", "serial"]);
    return [!there, !there, !there, there, there, there];
  }

  const what = (chosen) => [chosen === "refuse", chosen !== "refuse"];

  return { halves, what };
})();
