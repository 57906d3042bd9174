function (id, scene) {
  // Draws particles in space on a canvas. Dragging turns all panels together, and so do arrow keys.
  const first = () => {
    const a = scene.azimuth, e = scene.elevation, c = Math.cos, s = Math.sin;
    return [ // rows: to the right, upwards, towards the eye
      [c(a), 0, s(a)],
      [s(a) * s(e), c(e), -c(a) * s(e)],
      [-s(a) * c(e), s(e), c(a) * c(e)],
    ];
  };
  const turned = (m, right, down) => { // by angles about the upward and the rightward axis
    const turn = (p, q, angle) => {
      const c = Math.cos(angle), s = Math.sin(angle);
      return [p.map((v, k) => c * v + s * q[k]), q.map((v, k) => c * q[k] - s * p[k])];
    };
    let [x, y, z] = m;
    [x, z] = turn(x, z, right);
    [y, z] = turn(y, z, -down);
    return [x, y, z];
  };
  const install = (box) => {
    const canvas = document.createElement("canvas"), pen = canvas.getContext("2d");
    const dots = Math.max(1, window.devicePixelRatio || 1);
    canvas.width = scene.width * dots; canvas.height = scene.height * dots;
    canvas.style.cssText = "display:block;max-width:100%;cursor:grab;touch-action:none;width:" + scene.width + "px";
    canvas.tabIndex = 0;
    canvas.title = "drag to turn, double-click for the first view";
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", scene.title || "particles");
    canvas.dataset.lmSuppressShortcuts = "true"; // arrow keys turn, and are not JupyterLab's
    let view = first();
    const font = "Liberation Sans, Arial, Helvetica, sans-serif";
    const write = (text, x, y, size, align, color, weight) => {
      pen.font = (weight || "") + " " + size + "px " + font;
      pen.textAlign = align; pen.fillStyle = color;
      pen.fillText(text.replace(/[_^]\{([^}]*)\}/g, "$1"), x, y);
    };
    const disc = (x, y, radius, color, alpha) => {
      const fill = () => { pen.beginPath(); pen.arc(x, y, radius, 0, 2 * Math.PI); pen.fill(); };
      pen.globalCompositeOperation = "destination-out"; pen.fillStyle = "#000"; fill();
      pen.globalCompositeOperation = "source-over";
      pen.globalAlpha = alpha; pen.fillStyle = color; fill(); pen.globalAlpha = 1;
    };
    const darker = (color) => "#" + [1, 3, 5].map((k) =>
      Math.round(parseInt(color.slice(k, k + 2), 16) * 0.62).toString(16).padStart(2, "0")).join("");
    const near = (depth) => { // how opaque a particle is
      const far = (0.7 * scene.extent - depth) / (1.4 * scene.extent);
      return 1 - scene.faded * Math.max(0, Math.min(1, far));
    };
    const particles = (panel) => {
      const unit = scene.side / (2 * scene.extent), all = [];
      for (let i = 0; i < panel.points.length / 3; i++) {
        const p = panel.points.slice(3 * i, 3 * i + 3);
        const [x, y, depth] = view.map((row) => row[0] * p[0] + row[1] * p[1] + row[2] * p[2]);
        all.push({x: panel.x + scene.side / 2 + x * unit, y: panel.y + scene.side / 2 - y * unit, depth, p, i});
      }
      all.sort((a, b) => a.depth - b.depth);
      const radius = Math.max(2, scene.radius * unit);
      all.forEach((a, k) => {
        for (const b of all.slice(k + 1)) { // nearer particles cover the bonds
          if (Math.hypot(a.p[0] - b.p[0], a.p[1] - b.p[1], a.p[2] - b.p[2]) >= scene.bond) continue;
          pen.globalAlpha = 1 - 0.9 * (1 - near((a.depth + b.depth) / 2));
          pen.strokeStyle = "#808080"; pen.lineWidth = 2.5;
          pen.beginPath(); pen.moveTo(a.x, a.y); pen.lineTo(b.x, b.y); pen.stroke();
          pen.globalAlpha = 1;
        }
        const color = panel.colors[a.i % panel.colors.length], alpha = near(a.depth);
        disc(a.x, a.y, radius, darker(color), alpha);
        disc(a.x, a.y, Math.max(1, radius - 1.3), color, alpha);
        if (scene.numbered) {
          const size = Math.min(14, radius * 1.1);
          write(String(a.i + 1), a.x, a.y + 0.36 * size, size, "center", "#fff", "bold");
        }
      });
    };
    const draw = () => {
      const ink = getComputedStyle(box).color; // of the page's theme
      pen.setTransform(dots, 0, 0, dots, 0, 0);
      pen.clearRect(0, 0, scene.width, scene.height);
      if (scene.title) write(scene.title, 10, 20, 16, "left", ink, "bold");
      scene.panels.forEach((panel, k) => {
        const middle = panel.x + scene.side / 2, bottom = panel.y + scene.side;
        pen.save();
        pen.beginPath(); pen.rect(panel.x, panel.y, scene.side, scene.side); pen.clip();
        pen.fillStyle = "rgba(128,128,128,0.08)"; pen.fill();
        if (panel.points) particles(panel);
        else write(scene.vacant, middle, panel.y + scene.side / 2, 13, "center", ink);
        pen.restore();
        if (k === 0) {
          const length = scene.scale * scene.side / (2 * scene.extent);
          pen.fillStyle = "#808080"; pen.fillRect(panel.x + 7, bottom - 8, length, 2);
          write(scene.scaleText, panel.x + 7 + length / 2, bottom - 12, 11, "center", ink);
        }
        const lines = (panel.caption || "").split("\n");
        lines.forEach((line, j) => write(line, middle, bottom + 16 + 16 * j, 13, "center", ink));
      });
      canvas.dataset.drawn = 1 + +(canvas.dataset.drawn || 0);
    };
    const turn = (right, down) => { view = turned(view, right, down); requestAnimationFrame(draw); };
    let from = null;
    canvas.onpointerdown = (event) => {
      from = event; canvas.setPointerCapture(event.pointerId); canvas.style.cursor = "grabbing";
    };
    canvas.onpointermove = (event) => {
      if (!from) return;
      const whole = 0.5 * scene.side * canvas.clientWidth / scene.width; // half a panel turns by a radian
      turn((event.clientX - from.clientX) / whole, (event.clientY - from.clientY) / whole);
      from = event;
    };
    canvas.onpointerup = canvas.onpointercancel = () => { from = null; canvas.style.cursor = "grab"; };
    canvas.ondblclick = () => { view = first(); draw(); };
    canvas.onkeydown = (event) => {
      const by = {ArrowLeft: [-0.1, 0], ArrowRight: [0.1, 0], ArrowUp: [0, -0.1], ArrowDown: [0, 0.1]}[event.key];
      if (!by) return;
      turn(...by);
      event.preventDefault(); event.stopPropagation();
    };
    const hint = document.createElement("div");
    hint.style.opacity = 0.6; hint.textContent = "Drag to turn.";
    box.replaceChildren(canvas, hint);
    draw();
    // Another theme has another ink. A canvas that has left the page is not drawn, and the page
    // holds it no longer. JupyterLab takes out cells that are scrolled away, and puts them back.
    let watched = false;
    const theme = new MutationObserver(() => {
      if (canvas.isConnected) { draw(); return; }
      theme.disconnect(); watched = false;
    });
    const watch = () => {
      theme.observe(document.body, {attributes: true, attributeFilter: ["data-jp-theme-light", "class"]});
      watched = true;
    };
    watch();
    new IntersectionObserver(() => {
      if (canvas.isConnected && !watched) { draw(); watch(); }
    }).observe(canvas);
  };
  for (const box of document.getElementsByClassName(id)) {
    if (!box.dataset.ready) { box.dataset.ready = "1"; install(box); }
  }
}
