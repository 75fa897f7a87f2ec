// The picture of a chart carries what its page says around it: its title, and what the button names of it.
(function () {
  const WIDTH = 1200;
  const HEAD = 72;
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
      image.onload = () => framed(image, graph.layout.template.layout, title, said, `${title} ${named}`);
      image.src = source;
    });
  });

  function framed(image, look, title, said, file) {
    const canvas = document.createElement("canvas");
    canvas.width = image.width;
    canvas.height = image.height + HEAD * SCALE;
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
    const link = document.createElement("a");
    link.download = `tds-${file.toLowerCase().trim().replace(/[^\p{L}\p{N}]+/gu, "-").replace(/-$/, "")}.png`;
    link.href = canvas.toDataURL("image/png");
    link.click();
  }
})();
