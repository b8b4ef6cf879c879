"""Value at risk, expected shortfall, and tests of their forecasts."""
