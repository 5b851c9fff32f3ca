"""The charts of a page: a Vega-Lite specification and the table that it shows, for each.

They name styles and ranges of the theme in ``charts.js.jinja`` instead of colours.
"""
