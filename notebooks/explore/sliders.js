function (id) {
  // Connects the sliders of one cell to the cell's process, through GoNB's connection. Each message
  // is complete and numbered, and is repeated for a while. Messages may overtake each other. Some
  // are lost, when the connection has just begun or when they come faster than the process reads.
  const again = 500, times = 20;
  const attach = (box) => {
    const sliders = [...box.querySelectorAll("input")];
    let count = 0, left = 0, timer, done = false;
    const send = () => {
      const content = done ? "done" : sliders.map((s) => s.value).join(",");
      return globalThis.gonb_comm && globalThis.gonb_comm.send(id, `${++count} ${content}`);
    };
    const report = () => {
      send();
      left = times;
      timer ??= setInterval(() => {
        if (left-- > 0 && box.isConnected) return send();
        clearInterval(timer);
        timer = undefined;
      }, again);
    };
    // The notebook around the sliders would keep the arrow keys from them.
    box.addEventListener("keydown", (event) => event.stopPropagation());
    for (const s of sliders) s.addEventListener("input", () => {
      const d = s.dataset, value = +d.from + d.step * s.value;
      s.parentElement.nextElementSibling.textContent = value.toFixed(+d.decimals).replace("-", "\u2212");
      report();
    });
    box.querySelector("button").addEventListener("click", () => { done = true; report(); });
    report();
    box.dataset.ready = "1";
  };
  const wait = (left) => {
    const box = document.getElementById(id);
    if (box && globalThis.gonb_comm) attach(box);
    else if (left > 0) setTimeout(() => wait(left - 1), 100);
  };
  wait(600);
}
