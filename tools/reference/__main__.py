"""`python -m tools.reference`: write the generated pages of the reference."""

from tools.reference import pages

for path, text in pages().items():
    path.write_text(text, encoding="utf-8")
    print(f"written: {path.name}")
