"""Scikit-learn's estimators in place of the forests: named in the settings or given, trained alike, saved unpickled."""
