"""Fit, predict, keep and find models. Blind to engines, lake and connectors."""
