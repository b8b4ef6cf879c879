"""Charts that a reader can explore: their data inside the page, drawn by Plotly without a network."""
