"""A network on its way to silicon and back: memory images, plain tables, NIR graphs."""
