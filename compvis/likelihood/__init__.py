"""Log-density of an image given a rendering."""
