"""Pictures of lesson 11: maps, growth, single neurons, and gains beside their null."""
