// Draws each picture after the first paint, in the colours of the reader's scheme; again where that changes.
"use strict";
{
  const night = matchMedia("(prefers-color-scheme: dark)");
  const scheme = {
    light: { ink: "#1f2328", faint: "#d0d7de", paper: "#ffffff" },
    dark: { ink: "#e6edf3", faint: "#3d444d", paper: "#161b22" },
  };
  const PRINTED = 660; // pixels across a printed page
  const TALL = 880; // pixels down one, beside the caption

  const template = ({ ink, faint, paper }) => {
    const axis = { gridcolor: faint, linecolor: ink, zerolinecolor: ink, tickcolor: ink, automargin: true, ticklabelstandoff: 4, title: { standoff: 14 } };
    // A printed page shows a 3-D map as the screen last did, in either scheme: so in colours for both.
    const side = { color: "#808080", gridcolor: "#808080", gridwidth: 0.5, showbackground: false };
    return {
      data: { heatmap: [{ textfont: { color: ink } }] },
      layout: {
        font: { color: ink, family: "system-ui, sans-serif", size: 13 },
        paper_bgcolor: "rgba(0,0,0,0)",
        plot_bgcolor: "rgba(0,0,0,0)",
        xaxis: axis,
        yaxis: axis,
        scene: { xaxis: side, yaxis: side, zaxis: side },
        hoverlabel: { align: "left", bgcolor: paper, bordercolor: ink, font: { color: ink } },
        modebar: { bgcolor: "rgba(0,0,0,0)", color: ink },
        margin: { t: 30, r: 20, b: 60, l: 0 }, // automargin makes the left one as wide as its words
      },
    };
  };

  // No button leads to a host, no formula fetches its renderer, no map its outlines.
  const config = { displaylogo: false, responsive: true, typesetMath: false, plotlyServerURL: "", topojsonURL: "" };

  const webgl = document.createElement("canvas").getContext("webgl") !== null;

  // Without WebGL a map has two dimensions: the components that tell the most apart.
  const flatten = (figure, caption) => {
    const { scene, ...layout } = figure.layout;
    figure.data = figure.data.map(({ z, ...trace }) => ({ ...trace, type: "scatter" }));
    figure.layout = { ...layout, xaxis: scene.xaxis, yaxis: { ...scene.yaxis, scaleanchor: "x" } };
    delete figure.layout.margin; // of a picture without axes
    caption.append(". This browser has no WebGL, so the map shows the first two and does not turn");
  };

  const read = (picture) => {
    const figure = JSON.parse(picture.querySelector("script").textContent);
    if (figure.layout.scene && !webgl) flatten(figure, picture.querySelector("figcaption"));
    if (figure.texts.length) {
      // The label of each cell: both its texts. Written out, they would be most of the page.
      figure.data[0].text = figure.texts.map((row) => figure.texts.map((column) => `${row}<br>${column}`));
    }
    return { ...figure, plot: picture.querySelector(".plot") };
  };

  const draw = ({ plot, data, layout }, printed) => {
    const colours = night.matches && !printed ? scheme.dark : scheme.light;
    const width = printed && !layout.scene ? { width: PRINTED, autosize: false } : { autosize: true };
    const fits = layout.scene ? PRINTED / plot.clientWidth : TALL / plot.clientHeight;
    plot.style.zoom = printed ? Math.min(1, fits) : 1;
    return Plotly.react(plot, data, { ...layout, ...width, template: template(colours) }, config);
  };

  const start = () => {
    const figures = [...document.querySelectorAll(".picture")].map(read);
    const all = (printed) => figures.forEach((figure) => draw(figure, printed));
    for (const { plot } of figures) plot.textContent = "";
    all(false);
    // The caption names a picture, and the tables say what it shows: its letters one by one say nothing.
    for (const drawing of document.querySelectorAll(".main-svg")) drawing.ariaHidden = "true";
    night.addEventListener("change", () => all(false));
    addEventListener("beforeprint", () => all(true));
    addEventListener("afterprint", () => all(false));
    document.documentElement.dataset.pictures = "drawn";
  };

  const load = async () => {
    const packed = Uint8Array.from(atob(document.getElementById("plotly").textContent), (c) => c.charCodeAt(0));
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
    const script = document.createElement("script");
    script.src = URL.createObjectURL(new Blob([await new Response(stream).text()], { type: "text/javascript" }));
    script.onload = start;
    document.body.append(script);
  };

  requestAnimationFrame(() => setTimeout(load)); // the first: before the first paint; the second: after it
}
