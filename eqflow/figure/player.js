function (id) {
  // Decodes an animated PNG into frames, which a canvas shows one at a time. Every frame is drawn
  // over the previous frame.
  const crcTable = Array.from({length: 256}, (_, n) => {
    for (let k = 0; k < 8; k++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
    return n >>> 0;
  });
  const chunk = (kind, data) => {
    const out = new Uint8Array(12 + data.length), view = new DataView(out.buffer);
    view.setUint32(0, data.length);
    for (let i = 0; i < 4; i++) out[4 + i] = kind.charCodeAt(i);
    out.set(data, 8);
    let crc = 0xffffffff;
    for (let i = 4; i < 8 + data.length; i++) crc = crcTable[(crc ^ out[i]) & 255] ^ (crc >>> 8);
    view.setUint32(8 + data.length, ~crc >>> 0);
    return out;
  };
  const parse = (bytes) => {
    const view = new DataView(bytes.buffer), common = [], frames = [];
    let header, frame;
    for (let at = 8; at < bytes.length; ) {
      const size = view.getUint32(at), kind = String.fromCharCode(...bytes.slice(at + 4, at + 8));
      const data = bytes.slice(at + 8, at + 8 + size), d = at + 8;
      if (kind === "IHDR") header = data;
      else if (kind === "PLTE" || kind === "tRNS") common.push(chunk(kind, data));
      else if (kind === "fcTL") {
        const delay = 1000 * view.getUint16(d + 20) / (view.getUint16(d + 22) || 100);
        frame = {x: view.getUint32(d + 12), y: view.getUint32(d + 16), delay, size: data.slice(4, 12), parts: []};
        frames.push(frame);
      } else if (frame && kind === "IDAT") frame.parts.push(chunk("IDAT", data));
      else if (frame && kind === "fdAT") frame.parts.push(chunk("IDAT", data.slice(4)));
      at += 12 + size;
    }
    for (const f of frames) {
      const own = header.slice();
      own.set(f.size, 0);
      const signature = new Uint8Array([137, 80, 78, 71, 13, 10, 26, 10]);
      const chunks = [chunk("IHDR", own), ...common, ...f.parts, chunk("IEND", new Uint8Array(0))];
      f.blob = new Blob([signature, ...chunks], {type: "image/png"});
    }
    const size = new DataView(header.buffer);
    return {width: size.getUint32(0), height: size.getUint32(4), frames};
  };
  const install = async (box) => {
    const img = box.querySelector("img");
    const film = parse(Uint8Array.from(atob(img.src.split(",")[1]), (c) => c.charCodeAt(0)));
    for (const f of film.frames) f.image = await createImageBitmap(f.blob);
    const last = film.frames.length - 1;
    const canvas = document.createElement("canvas"), pen = canvas.getContext("2d");
    canvas.width = film.width; canvas.height = film.height;
    canvas.style.cssText = "display:block;max-width:100%;width:" + img.getAttribute("width") + "px";
    const make = (label, title) => {
      const b = document.createElement("button");
      b.textContent = label; b.title = title; b.setAttribute("aria-label", title);
      b.className = "jp-mod-styled"; // JupyterLab's own look
      b.style.cssText = "min-width:2.4em;padding:0 8px";
      return b;
    };
    const back = make("\u25c0", "play backwards"), play = make("\u25b6", "play forwards");
    const stop = make("\u25a0", "pause");
    const slider = document.createElement("input");
    slider.type = "range"; slider.min = 0; slider.max = last; slider.value = 0;
    slider.setAttribute("aria-label", "frame"); slider.style.cssText = "width:50%;vertical-align:middle";
    let shown = -1, step = 0, timer = 0;
    const show = (k) => {
      for (let i = k >= shown ? shown + 1 : 0; i <= k; i++) {
        const frame = film.frames[i];
        pen.clearRect(frame.x, frame.y, frame.image.width, frame.image.height); // the ground is transparent
        pen.drawImage(frame.image, frame.x, frame.y);
      }
      shown = k; slider.value = k; canvas.dataset.frame = k;
    };
    const tick = () => {
      if (!canvas.isConnected && shown > 0) return;
      show((shown + step + last + 1) % (last + 1));
      timer = setTimeout(tick, film.frames[shown].delay);
    };
    const run = (direction) => { clearTimeout(timer); step = direction; if (step) tick(); };
    play.onclick = () => run(1);
    back.onclick = () => run(-1);
    stop.onclick = () => run(0);
    slider.oninput = () => { run(0); show(+slider.value); };
    const bar = document.createElement("div");
    bar.dataset.lmSuppressShortcuts = "true"; // arrow keys move the slider, not JupyterLab's cells
    bar.addEventListener("keydown", (event) => event.stopPropagation());
    bar.append(back, stop, play, " ", slider);
    show(0);
    box.replaceChildren(canvas, bar);
  };
  for (const box of document.getElementsByClassName(id)) {
    if (!box.dataset.ready) { box.dataset.ready = "1"; install(box).catch(() => {}); }
  }
}