"""What the chip takes: data sheets by cost tables, comparable chips, and a check of the model."""
