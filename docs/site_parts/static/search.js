// Texts of pages for the excerpts of the search, which Sphinx asks for with `fetch`; `site_parts/search.py` writes them.
"use strict";
window.fetch = async address => {
  const root = document.documentElement.dataset.content_root;
  const name = address.slice(root.length).replace(/\.html$/, "");
  const main = document.createElement("div");
  main.setAttribute("role", "main");
  for (const [[id, ...others], text] of PAGE_TEXTS[name] || []) {
    const section = document.createElement("div");
    section.id = id;
    section.textContent = `${text} `;
    main.append(section, ...others.map(other => Object.assign(document.createElement("span"), {id: other})));
  }
  return {text: async () => main.outerHTML};
};
