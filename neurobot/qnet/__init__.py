"""Integer networks: layers of codes and scales, as files and as exact arithmetic."""
