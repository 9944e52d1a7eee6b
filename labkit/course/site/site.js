// A panel's stored answers: the places of its controls, joined by commas, name the answer that is shown.
for (const panel of document.querySelectorAll("section.replay")) {
  const { answers, missing } = JSON.parse(panel.querySelector("script").textContent);
  const fields = [...panel.querySelectorAll("select, input")];
  const [image, said] = [panel.querySelector("img"), panel.querySelector(".said")];
  const show = () => {
    for (const field of fields.filter((field) => field.type === "range")) {
      const mark = JSON.parse(field.dataset.marks)[field.value];
      field.nextElementSibling.textContent = mark;
      field.setAttribute("aria-valuetext", mark);
    }
    const answer = answers[fields.map((field) => field.value).join(",")];
    const drawn = Boolean(answer?.picture);
    panel.classList.toggle("missing", !drawn);
    said.textContent = answer ? answer.sentence : missing;
    image.hidden = !drawn;
    if (!drawn) return;
    image.src = answer.picture;
    image.alt = answer.sentence;
    panel.querySelector(".numbers").innerHTML = answer.table;
    panel.querySelector("pre").textContent = answer.code;
  };
  for (const field of fields) for (const moved of ["input", "change"]) field.addEventListener(moved, show);
  show();
}
