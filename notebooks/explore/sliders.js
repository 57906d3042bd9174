function (id) {
  // Joins the sliders of one cell to its process, through GoNB's connection. Each message is complete and numbered: on their
  // way some are overtaken, and some are dropped where they come faster than they are read.
  const attach = (box) => {
    const sliders = [...box.querySelectorAll("input")];
    const positions = () => sliders.map((s) => s.value).join(",");
    let count = 0, later = 0;
    const send = (word) => globalThis.gonb_comm && globalThis.gonb_comm.send(id, `${++count} ${word}`);
    for (const s of sliders) s.addEventListener("input", () => {
      const d = s.dataset;
      s.parentElement.nextElementSibling.textContent = (+d.from + d.step * s.value).toFixed(+d.decimals).replace("-", "\u2212");
      send(positions());
      clearTimeout(later);
      later = setTimeout(() => send(positions()), 300);
    });
    box.querySelector("button").addEventListener("click", () => send("done"));
    send(positions());
    box.dataset.ready = "1";
  };
  const wait = (left) => {
    const box = document.getElementById(id);
    if (box && globalThis.gonb_comm) attach(box);
    else if (left > 0) setTimeout(() => wait(left - 1), 100);
  };
  wait(600);
}
