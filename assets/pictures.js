// The picture of a chart carries what its page says around it: its title, what the button names of it, and the key of its marks.
(function () {
  const WIDTH = 1200;
  const HEAD = 72;
  const FOOT = 40;
  const KEY = 14;
  const SCALE = 2;

  const text = (id) => (document.getElementById(id)?.textContent || "").trim();

  document.addEventListener("click", function (event) {
    const button = event.target instanceof Element && event.target.closest("button[data-picture]");
    const chart = button && button.dataset.picture;
    const graph = chart && document.querySelector(`#${chart} .js-plotly-plot`);
    if (!graph || !graph.data) return;
    const title = text(`${chart}-title`);
    const named = text(button.dataset.named);
    const said = [text(button.dataset.said), named].filter(Boolean).join(" · ");
    const height = Math.max(600, graph.offsetHeight);
    const layout = { ...graph.layout, paper_bgcolor: "white", width: WIDTH, height };
    // Months in the reader's language: what a picture is made of is told again.
    const { locale, locales } = graph._context;
    const size = { format: "png", scale: SCALE, width: WIDTH, height };
    window.Plotly.toImage({ data: graph.data, layout, config: { locale, locales } }, size).then(function (source) {
      const image = new Image();
      image.onload = () => framed(image, graph.layout.template.layout, title, said, keysOf(graph), `${title} ${named}`);
      image.src = source;
    });
  });

  // The marks that the page explains below the chart, by their class, each with its words.
  function keysOf(graph) {
    const found = graph.closest(".tds-chart")?.querySelectorAll(".tds-keys > li") || [];
    return Array.from(found, (one) => ({
      mark: one.querySelector(".tds-key").className.replace(/.*tds-key-/, ""),
      words: one.textContent.trim(),
    }));
  }

  // Draws each mark as assets/charts.css and assets/events.css show it, its words beside it.
  function explained(pen, keys, top) {
    let left = 24;
    for (const { mark, words } of keys) {
      pen.save();
      pen.beginPath();
      pen.rect(left, top, KEY, KEY);
      if (mark === "estimated") {
        pen.clip();
        pen.strokeStyle = pen.fillStyle;
        pen.lineWidth = 3;
        pen.beginPath();
        for (let at = -KEY; at < KEY; at += 6) {
          pen.moveTo(left + at, top + KEY);
          pen.lineTo(left + at + KEY, top);
        }
        pen.stroke();
      } else if (mark === "revised") {
        pen.translate(left + KEY / 2, top + KEY / 2);
        pen.rotate(Math.PI / 4);
        pen.fillRect(-3, -3, 6, 6);
      } else {
        pen.globalAlpha = mark === "running" ? 0.5 : 1;
        pen.fill();
      }
      pen.restore();
      pen.fillText(words, left + KEY + 8, top + KEY - 2);
      left += KEY + 8 + pen.measureText(words).width + 24;
    }
  }

  function framed(image, look, title, said, keys, file) {
    const canvas = document.createElement("canvas");
    canvas.width = image.width;
    canvas.height = image.height + (HEAD + (keys.length ? FOOT : 0)) * SCALE;
    const pen = canvas.getContext("2d");
    const font = getComputedStyle(document.body).fontFamily;
    pen.fillStyle = "white";
    pen.fillRect(0, 0, canvas.width, canvas.height);
    pen.drawImage(image, 0, HEAD * SCALE);
    pen.scale(SCALE, SCALE);
    pen.fillStyle = look.font.color;
    pen.font = `600 20px ${font}`;
    pen.fillText(title, 24, 34);
    pen.fillStyle = look.xaxis.tickfont.color;
    pen.font = `14px ${font}`;
    pen.fillText(said, 24, 58, WIDTH - 48);
    explained(pen, keys, image.height / SCALE + HEAD + 10);
    const link = document.createElement("a");
    link.download = `tds-${file.toLowerCase().trim().replace(/[^\p{L}\p{N}]+/gu, "-").replace(/-$/, "")}.png`;
    link.href = canvas.toDataURL("image/png");
    link.click();
  }
})();
