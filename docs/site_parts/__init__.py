"""Extensions of Sphinx for the documentation site: contents, formulas, pages of source files, search, gallery."""
