"""The parts of a model card that all tasks share."""

from typing import Any

from train.recipes import Recipe

NAME = "MODEL_CARD.md"


def heading(recipe: Recipe, training: dict[str, Any]) -> str:
    """Return the title and one line about the network."""
    return f"# {recipe.name}\n\n{recipe.summary[0].upper()}{recipe.summary[1:]}. {training['parameters']:,} weights."


def accuracy_table(manifest: dict[str, Any], metric: str, title: str) -> str:
    """Return size, accuracy and agreement of every format; metric: name of the accuracy; title: of its column."""
    rows = [f"| format | bytes | {title} | agreement |", "| --- | ---: | ---: | ---: |"]
    rows.append(f"| Keras, float32 |  | {manifest['keras']['accuracy'][metric]:.2%} |  |")
    rows += [
        f"| {kind.replace('_', ' ')} | {file['bytes']:,} | {file['accuracy'][metric]:.2%} | {file['agreement']:.2%} |"
        for kind, file in manifest["files"].items()
    ]
    return "\n".join(rows)
