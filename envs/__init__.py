"""The world: geometry, physics, sensors, scenarios, tasks, and the Gymnasium environments."""
