// Buttons that copy blocks of code, commands whose long lines are broken with an indent, short words in tables.
"use strict";
{
const COMMAND = /^(\$ )?(\.\/spine|spinepnp|git|pip|python3?|uv|mpiexec|docker|podman|apptainer|sbatch|srun|sudo|apt-get|export)\b/m;

/** Text that a reader wants: of a session with Python its input only, of others all. */
const wanted = text => {
  const lines = text.replace(/\n$/, "").split("\n");
  const input = lines.filter(line => /^(>>>|\.\.\.)( |$)/.test(line));
  return (input.length ? input.map(line => line.slice(4)) : lines.map(line => line.replace(/^\$ /, ""))).join("\n");
};

const inSpan = text => Object.assign(document.createElement("span"), {textContent: text});

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
    pre.replaceChildren(...text.replace(/\n$/, "").split("\n").map(line => {
      const shown = document.createElement("span");  // words stay whole: else a line could end with the dashes of an option
      shown.append(...line.split(/( +)/).map(word => word.trim() ? inSpan(word) : word), "\n");
      return shown;
    }));
  }
  const button = Object.assign(document.createElement("button"), {type: "button", className: "copy", textContent: "copy"});
  button.addEventListener("click", async () => {
    button.textContent = await copy(wanted(text)).then(() => "copied", () => "select and copy");
    setTimeout(() => { button.textContent = "copy"; }, 2000);
  });
  block.append(button);
}
for (const code of document.querySelectorAll("td code")) code.classList.toggle("short", code.textContent.length < 24);
}
