"""The same feature maps sooner: no architecture needs these modules to be understood."""
