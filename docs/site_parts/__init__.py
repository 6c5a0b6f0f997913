"""What the site of the documentation has beyond Sphinx, MyST-Parser and furo."""
