function (id) {
  // Joins the sliders of one cell to its process, through GoNB's connection. Each message is complete and numbered, and said
  // again for a while: on their way some are overtaken, and some are dropped, where the connection has only begun or they come
  // faster than they are read.
  const again = 500, times = 20;
  const attach = (box) => {
    const sliders = [...box.querySelectorAll("input")];
    let count = 0, left = 0, beat, done = false;
    const send = () => globalThis.gonb_comm && globalThis.gonb_comm.send(id, `${++count} ${done ? "done" : sliders.map((s) => s.value).join(",")}`);
    const say = () => {
      send();
      left = times;
      beat ??= setInterval(() => {
        if (left-- > 0 && box.isConnected) return send();
        clearInterval(beat);
        beat = undefined;
      }, again);
    };
    for (const s of sliders) s.addEventListener("input", () => {
      const d = s.dataset;
      s.parentElement.nextElementSibling.textContent = (+d.from + d.step * s.value).toFixed(+d.decimals).replace("-", "\u2212");
      say();
    });
    box.querySelector("button").addEventListener("click", () => { done = true; say(); });
    say();
    box.dataset.ready = "1";
  };
  const wait = (left) => {
    const box = document.getElementById(id);
    if (box && globalThis.gonb_comm) attach(box);
    else if (left > 0) setTimeout(() => wait(left - 1), 100);
  };
  wait(600);
}
