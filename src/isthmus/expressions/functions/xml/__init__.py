"""XML as objects and back, in the two shapes of npm `xml-js`: compact and element tree."""
