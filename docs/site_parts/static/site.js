// Buttons that copy blocks of code, and commands whose long lines are broken with an indent.
"use strict";
{
const COMMAND = /^(\$ )?(\.\/spine|spinepnp|git|pip|python3?|uv|mpiexec|docker|podman|apptainer|sbatch|srun|sudo|apt-get|export)\b/m;

/** Text that a reader wants: of a session with Python its input only, of others all. */
const wanted = text => {
  const lines = text.replace(/\n$/, "").split("\n");
  const input = lines.filter(line => /^(>>>|\.\.\.)( |$)/.test(line));
  return (input.length ? input.map(line => line.slice(4)) : lines.map(line => line.replace(/^\$ /, ""))).join("\n");
};

const copy = async text => {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = document.createElement("textarea");  // where a site is read by http
  area.value = text;
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  if (!done) throw new Error("not copied");
};

for (const block of document.querySelectorAll("div.highlight")) {
  const pre = block.querySelector("pre"), text = pre.textContent;
  if (COMMAND.test(text) && !pre.querySelector("span:not(:empty)")) {
    pre.classList.add("commands");
    pre.replaceChildren(...text.replace(/\n$/, "").split("\n").map(line =>
      Object.assign(document.createElement("span"), {textContent: `${line}\n`})));
  }
  const button = Object.assign(document.createElement("button"), {type: "button", className: "copy", textContent: "copy"});
  button.addEventListener("click", async () => {
    button.textContent = await copy(wanted(text)).then(() => "copied", () => "select and copy");
    setTimeout(() => { button.textContent = "copy"; }, 2000);
  });
  block.append(button);
}
}
